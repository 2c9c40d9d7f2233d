// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package roundtrip

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// rounds is how many requests are made up for each pair.
const rounds = 500

var same = cmp.Options{cmpopts.EquateEmpty()}

// there asks a wire, and reads what was asked. A refusal is checked, and gives nil.
func there(t testing.TB, w *wire, r *chat.Request) (*chat.Request, []byte) {
	t.Helper()
	body, refused := w.AppendRequest(nil, r, w.target())
	if refused != nil {
		checkRefusal(t, refused)
		return nil, nil
	}
	back, err := w.read(body)
	if err != nil {
		t.Fatalf("what was asked cannot be read: %v\n%s", err, body)
	}
	return back, body
}

// compare fails where the wire lost something, or made something up.
func compare(t testing.TB, name string, r, back *chat.Request, body []byte) {
	t.Helper()
	want, got := normal(name, r), normal(name, back)
	if reflect.DeepEqual(want, got) {
		return // which is faster than to look for differences
	}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Fatalf("what was asked is not what is asked of %s (-want +got):\n%s\n%.4000s", name, diff, body)
	}
}

func TestWhatIsAskedOfAnyProviderIsWhatWasAsked(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(wires)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := wires[name]
			taken := 0
			for seed := range uint64(rounds) {
				r := newMaker(seed).request()
				if back, body := there(t, &w, r); back != nil {
					taken++
					compare(t, fmt.Sprint(name), r, back, body)
				}
			}
			if taken < rounds/8 {
				t.Errorf("%d of %d requests were taken, which proves little", taken, rounds)
			}
		})
	}
}

// Every application's dialect, with every provider's: what the application can say is said to the provider or refused.
func TestWhatAnApplicationAsksReachesEveryProvider(t *testing.T) {
	for _, from := range slices.Sorted(maps.Keys(applications)) {
		for _, to := range slices.Sorted(maps.Keys(wires)) {
			t.Run(from+" to "+to, func(t *testing.T) {
				t.Parallel()
				a, w := applications[from], wires[to]
				taken := 0
				for seed := range uint64(rounds / 4) {
					body, refused := a.AppendRequest(nil, newMaker(seed).request(), chat.Target{Model: "m", MaxTokens: defaultMax})
					if refused != nil {
						continue
					}
					r, refused := a.DecodeRequest(body)
					if refused != nil {
						t.Fatalf("%s: %s\n%s", refused.Param, refused.Message, body)
					}
					if back, body := there(t, &w, r); back != nil {
						taken++
						compare(t, to, r, back, body)
					}
				}
				if taken < rounds/64 {
					t.Errorf("%d of %d requests were taken, which proves little", taken, rounds/4)
				}
			})
		}
	}
}

// corpus gives the requests that a dialect's own tests are made of.
func corpus(t testing.TB, a *application) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(a.requests, "*.json"))
	if err != nil || len(paths) < 12 {
		t.Fatalf("%d requests in %s, %v", len(paths), a.requests, err)
	}
	bodies := map[string][]byte{}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bodies[strings.TrimSuffix(filepath.Base(path), ".json")] = body
	}
	return bodies
}

// The corpora go there and, in the words of the application, back again.
func TestTheCorporaComeBackFromEveryProvider(t *testing.T) {
	for _, from := range slices.Sorted(maps.Keys(applications)) {
		for _, to := range slices.Sorted(maps.Keys(wires)) {
			t.Run(from+" to "+to, func(t *testing.T) {
				t.Parallel()
				a, w := applications[from], wires[to]
				for name, body := range corpus(t, &a) {
					r, refused := a.DecodeRequest(body)
					if refused != nil {
						checkRefusal(t, refused)
						continue
					}
					back, asked := there(t, &w, r)
					if back == nil {
						continue
					}
					compare(t, to, r, back, asked)
					back.Names = names
					home := wires[a.wire]
					again, refused := home.AppendRequest(nil, back, home.target())
					if refused != nil {
						t.Fatalf("%s, which %s can say, cannot be said in it again: %s", name, from, refused.Message)
					}
					last, refused := a.DecodeRequest(again)
					if refused != nil {
						t.Fatalf("%s: %s: %s\n%s", name, refused.Param, refused.Message, again)
					}
					compare(t, a.wire, back, last, again)
				}
			})
		}
	}
}

// Each field by itself: a provider is told it, or the application that it cannot be. The table says which fields may be
// left out, and why.
func TestNoFieldDisappears(t *testing.T) {
	leftOut := map[string]string{
		"gemini-2 User": "Google has no place for it", "gemini-3 User": "as above", "vertex-2 User": "as above", "vertex-3 User": "as above",
		"cohere User": "Cohere has no place for it", "mistral User": "Mistral has none", "ollama User": "Ollama has none",
	}
	fields := map[string]struct {
		set   func(*chat.Request)
		there func(*chat.Request) bool
	}{
		"MaxTokens":   {func(r *chat.Request) { r.MaxTokens = pointer(int64(77)) }, func(r *chat.Request) bool { return r.MaxTokens != nil && *r.MaxTokens == 77 }},
		"Temperature": {func(r *chat.Request) { r.Temperature = pointer(0.25) }, func(r *chat.Request) bool { return r.Temperature != nil && *r.Temperature == 0.25 }},
		"TopP":        {func(r *chat.Request) { r.TopP = pointer(0.5) }, func(r *chat.Request) bool { return r.TopP != nil && *r.TopP == 0.5 }},
		"TopK":        {func(r *chat.Request) { r.TopK = pointer(int64(9)) }, func(r *chat.Request) bool { return r.TopK != nil && *r.TopK == 9 }},
		"Stop":        {func(r *chat.Request) { r.Stop = []string{"X"} }, func(r *chat.Request) bool { return slices.Equal(r.Stop, []string{"X"}) }},
		"Seed":        {func(r *chat.Request) { r.Seed = pointer(int64(5)) }, func(r *chat.Request) bool { return r.Seed != nil && *r.Seed == 5 }},
		"Frequency":   {func(r *chat.Request) { r.Frequency = pointer(0.5) }, func(r *chat.Request) bool { return r.Frequency != nil && *r.Frequency == 0.5 }},
		"Presence":    {func(r *chat.Request) { r.Presence = pointer(0.5) }, func(r *chat.Request) bool { return r.Presence != nil && *r.Presence == 0.5 }},
		"Candidates":  {func(r *chat.Request) { r.Candidates = pointer(int64(2)) }, func(r *chat.Request) bool { return r.Candidates != nil && *r.Candidates == 2 }},
		"LogProbs":    {func(r *chat.Request) { r.LogProbs = pointer(true) }, func(r *chat.Request) bool { return r.LogProbs != nil && *r.LogProbs }},
		"User":        {func(r *chat.Request) { r.User = "u1" }, func(r *chat.Request) bool { return r.User == "u1" }},
		"Effort":      {func(r *chat.Request) { r.Reasoning.Effort = chat.EffortHigh }, func(r *chat.Request) bool { return r.Reasoning.Effort != "" || r.Reasoning.Budget != nil }},
		"Format": {
			func(r *chat.Request) { r.Format.Kind = chat.JSONObject },
			func(r *chat.Request) bool { return r.Format.Kind == chat.JSONObject },
		},
		"Tools": {
			func(r *chat.Request) { r.Tools = []chat.Tool{{Name: "f", Description: "d", At: "tools[0]"}} },
			func(r *chat.Request) bool { return len(r.Tools) == 1 && r.Tools[0].Description == "d" },
		},
		"Name": {
			func(r *chat.Request) { r.Messages[0].Name = "alice" },
			func(r *chat.Request) bool { return r.Messages[0].Name == "alice" },
		},
	}
	for name, w := range wires {
		for field, tc := range fields {
			r := &chat.Request{Names: names, Messages: []chat.Message{{Role: chat.User, At: "messages[0]", Parts: []chat.Part{{Text: "Hi."}}}}}
			tc.set(r)
			back, body := there(t, &w, r)
			why := leftOut[name+" "+field]
			if back != nil && tc.there(back) == (why != "") {
				t.Errorf("%s is asked for %s: there %t, left out because %q\n%s", name, field, tc.there(back), why, body)
			}
		}
	}
}

// FuzzRequest makes up requests of any seed.
func FuzzRequest(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	all := slices.Sorted(maps.Keys(wires))
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := newMaker(seed).request()
		for _, name := range all {
			w := wires[name]
			if back, body := there(t, &w, r); back != nil {
				compare(t, name, r, back, body)
			}
		}
	})
}
