// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// The interfaces that the gateway wants.
var (
	_ chat.Decoder      = Decoder{}
	_ chat.Encoder      = Encoder{}
	_ chat.ErrorDecoder = Encoder{}
)

const (
	older = "gemini-2.5-flash"
	newer = "gemini-3.5-flash"
)

// equalJSON compares texts by what they say, numbers by their digits.
func equalJSON(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(decoded(t, want), decoded(t, got)); diff != "" {
		t.Errorf("(-want +got)\n%s\ngot %s", diff, got)
	}
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

// requests gives the corpus by name.
func requests(t testing.TB) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("testdata/requests/*.json")
	if err != nil || len(paths) < 12 {
		t.Fatalf("%d requests, %v", len(paths), err)
	}
	out := map[string]string{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(path), ".json")] = string(b)
	}
	return out
}

// rendered decodes a body and renders it for a model.
func rendered(t *testing.T, body, model string) string {
	t.Helper()
	r, refused := Decoder{}.DecodeRequest([]byte(body))
	if refused != nil {
		t.Fatalf("refused: %s (%s)", refused.Message, refused.Param)
	}
	out, refused := Encoder{}.AppendRequest(nil, r, chat.Target{Model: model, MaxTokens: 1})
	if refused != nil {
		t.Fatalf("cannot be rendered: %s (%s)", refused.Message, refused.Param)
	}
	return string(out)
}

func TestARequestThatIsReadAndRenderedMeansTheSame(t *testing.T) {
	all := requests(t)
	for name, body := range all {
		if strings.HasSuffix(name, ".normal") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			model := older
			if strings.HasPrefix(name, "modern_") {
				model = newer
			}
			want, ok := all[name+".normal"]
			if !ok {
				want = body
			}
			got := rendered(t, body, model)
			equalJSON(t, want, got)
			if again := rendered(t, got, model); again != got {
				t.Errorf("rendered again it differs:\n%s\n%s", got, again)
			}
		})
	}
}

func TestRenderingIsDeterministicAndAppends(t *testing.T) {
	for name, body := range requests(t) {
		r, refused := Decoder{}.DecodeRequest([]byte(body))
		if refused != nil {
			t.Fatalf("%s: %s", name, refused.Message)
		}
		first, _ := Encoder{}.AppendRequest([]byte("before"), r, chat.Target{Model: newer})
		second, _ := Encoder{}.AppendRequest([]byte("before"), r, chat.Target{Model: newer})
		if string(first) != string(second) || !strings.HasPrefix(string(first), "before{") {
			t.Errorf("%s:\n%s\n%s", name, first, second)
		}
	}
}

func TestEveryFieldOfARefusalHasAName(t *testing.T) {
	r, refused := Decoder{}.DecodeRequest([]byte(requests(t)["text"]))
	if refused != nil {
		t.Fatal(refused)
	}
	for f := chat.FieldTools; f < chat.FieldUser; f++ {
		if name := r.Names(f); name == "" {
			t.Errorf("field %d has no name", f)
		}
	}
}

func FuzzDecodeRequest(f *testing.F) {
	for _, body := range requests(f) {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, refused := Decoder{}.DecodeRequest(body)
		if counted, e := (Decoder{}).DecodeCountRequest(body); e == nil && len(counted.Messages) == 0 {
			t.Error("a request to count nothing")
		}
		if refused != nil {
			if refused.Status != 400 || refused.Message == "" {
				t.Errorf("refused by %+v", refused)
			}
			return
		}
		for _, e := range []Encoder{{}, {Vertex: true}} {
			for _, model := range []string{older, newer} {
				out, refused := e.AppendRequest(nil, r, chat.Target{Model: model})
				if refused != nil {
					continue
				}
				if !json.Valid(out) {
					t.Fatalf("%q became %q", body, out)
				}
				if _, again := (Decoder{}).DecodeRequest(out); again != nil {
					t.Errorf("%q became %q, which is refused: %s", body, out, again.Message)
				}
			}
		}
	})
}
