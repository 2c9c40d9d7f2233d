// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// FuzzDecodeRequest: what is accepted can be encoded again or is refused, and once encoded is in normal form.
func FuzzDecodeRequest(f *testing.F) {
	files, err := filepath.Glob("testdata/requests/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(saying("assistant", `[{"type":"tool_use","id":"a","name":"b","input":"{"}]`)))
	f.Add([]byte(body(`"cache_control":{"type":"ephemeral"},"tools":[{"name":"a","input_schema":{ }}],"output_format":{"type":"json_schema","schema":{}}`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, refused := Decoder{}.DecodeRequest(body)
		if refused != nil {
			if refused.Status != 400 || refused.Message == "" {
				t.Fatalf("%+v", refused)
			}
			return
		}
		target := chat.Target{Model: r.Model, MaxTokens: 4096}
		once, refused := Encoder{}.AppendRequest(nil, r, target)
		if refused != nil {
			return
		}
		if !jsontext.Value(once).IsValid(jsontext.AllowInvalidUTF8(true)) || once[0] != '{' {
			t.Fatalf("%q became %q", body, once)
		}
		if bytes.Contains(once, []byte(`"messages":[]`)) {
			return // nothing was said, which the provider refuses
		}
		again, refused := Decoder{}.DecodeRequest(once)
		if refused != nil {
			t.Fatalf("%q became %q: %s", body, once, refused.Message)
		}
		twice, refused := Encoder{}.AppendRequest(nil, again, target)
		if refused != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%q became %q, then %q: %v", body, once, twice, refused)
		}
	})
}

// FuzzReader: whatever a provider sends, events are in their order and nested.
func FuzzReader(f *testing.F) {
	f.Add([]byte(started + "\n" + textBegan + "\n" + ping + "\n" + textHi + "\n" + ended0 + "\n" + endTurn + "\n" + stopped))
	f.Add([]byte(started + "\n" + `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"1","name":"f","input":{"a":1}}}` + "\n" + stopped))
	f.Add([]byte(started + "\n" + `{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"r"}}` + "\n" + `{"type":"error","error":{}}`))
	f.Add([]byte(started + "\n" + textBegan + "\n" + `{"type":"content_block_start","index":7,"content_block":{"type":"thinking"}}` + "\n" + endTurn))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := Encoder{}.NewReader()
		w := Decoder{}.NewWriter(&chat.Request{}, chat.Meta{})
		var events []chat.Event
		var out []byte
		for _, data := range bytes.Split(stream, []byte("\n")) {
			var err error
			if events, err = r.Read(events, nil, data); err != nil {
				break
			}
		}
		_, err := r.End(nil)
		var began, finished, open, over bool
		for i := range events {
			e := &events[i]
			bad := over
			switch e.Kind {
			case chat.Began:
				bad = bad || began
				began = true
			case chat.PartBegan:
				bad = bad || !began || open || finished
				open = true
			case chat.Delta, chat.Signed:
				bad = bad || !open || e.Text == ""
			case chat.PartEnded:
				bad = bad || !open
				open = false
			case chat.Finished:
				bad = bad || !began || open || finished
				finished = true
			case chat.Used:
				bad = bad || !began || e.Usage.Prompt < e.Usage.Cached+e.Usage.CacheWritten || e.Usage.Total < 0
			case chat.Ended:
				bad = bad || !finished || err != nil
				over = true
			case chat.Failed:
				bad = bad || e.Err == nil || err != nil
				over = true
			}
			if bad {
				t.Fatalf("%q: event %d of %+v", stream, i, events)
			}
			out = w.Write(out, e)
		}
		if over == (err != nil) {
			t.Fatalf("%q: over %t, %v", stream, over, err)
		}
	})
}
