// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// What a writer holds of an answer is bounded, whatever it consists of. The application is told with the events that end
// every broken stream, and the gateway by Full.
func TestWhatIsHeldOfAnAnswerIsBounded(t *testing.T) {
	mega := strings.Repeat("x", 1<<20)
	text := chat.Event{Kind: chat.PartBegan}
	for name, test := range map[string]struct {
		begun chat.Event
		again chat.Event
	}{
		"texts":         {text, chat.Event{Kind: chat.Delta, Text: mega}},
		"thoughts":      {chat.Event{Kind: chat.PartBegan, Part: chat.Part{Kind: chat.Thinking}}, chat.Event{Kind: chat.Delta, Text: mega}},
		"arguments":     {chat.Event{Kind: chat.PartBegan, Part: chat.Part{Kind: chat.Call}}, chat.Event{Kind: chat.Delta, Text: mega}},
		"probabilities": {text, chat.Event{Kind: chat.Delta, LogProbs: jsontext.Value(`{"content":[{"token":"` + mega + `"}]}`)}},
		"signatures":    {text, chat.Event{Kind: chat.Signed, Text: mega}},
		"names":         {text, chat.Event{Kind: chat.PartBegan, Part: chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: "c", Name: mega}}}},
	} {
		t.Run(name, func(t *testing.T) {
			w, ok := Decoder{}.NewWriter(nil, chat.Meta{}).(chat.Bounded)
			if !ok {
				t.Fatal("the writer has no bound")
			}
			w.Write(nil, &chat.Event{Kind: chat.Began, ID: "a"})
			w.Write(nil, &test.begun)
			var last []byte
			n := 0
			for ; w.Full() == nil && n < 100; n++ {
				last = w.Write(last[:0], &test.again)
			}
			e := w.Full()
			if e == nil || n < 60 || e.Reason != exchange.ReasonResponseTooLarge || !e.Outcome.ProviderFault() {
				t.Fatalf("after %d MiB: %+v", n, e)
			}
			if !bytes.HasPrefix(last, []byte("event: error\n")) || !bytes.Contains(last, []byte("\nevent: response.failed\n")) {
				t.Errorf("%.200s", last)
			}
			for _, after := range []chat.Event{test.again, {Kind: chat.Failed, Err: e}, {Kind: chat.Ended}} {
				if more := w.Write(nil, &after); len(more) > 0 {
					t.Errorf("after the end: %.100s", more)
				}
			}
		})
	}
}

func TestPartsOfNothingAreBoundedToo(t *testing.T) {
	w := &writer{}
	for range maxHeld / pieceSize {
		if !w.hold(&chat.Event{Kind: chat.PartBegan}) {
			t.Fatal("full below the bound")
		}
	}
	if w.hold(&chat.Event{Kind: chat.PartBegan}) {
		t.Error("no bound")
	}
}
