// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// What a reader of the dialect takes for a whole stream, it takes for one filtered: with the same parts, each of which says
// what the filter left of it.
func TestFilteredStreamsKeepTheGrammar(t *testing.T) {
	for _, name := range []string{"chat", "Anthropic", "Responses", "Gemini"} {
		g := grammars[name]
		for seed := range uint64(60) {
			r := rand.New(rand.NewPCG(seed, 6))
			s := g.make(r)
			if strings.Contains(strings.Join(s.events, ""), "overloaded_error") {
				continue
			}
			before := readBy(t, g.dialect, strings.Join(s.events, ""))
			after := readBy(t, g.dialect, filtered(g.dialect, false, opener, grouped(r, s.events)...))
			for i := range before {
				before[i] = redact(before[i])
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Fatalf("%s, seed %d (-want +got):\n%s", name, seed, diff)
			}
		}
	}
}

// readBy gives what a reader makes of a stream: the texts of each kind, and how it ended.
func readBy(t *testing.T, d exchange.Dialect, stream string) []string {
	t.Helper()
	reader := encoderOf(Target{Wire: d}).NewReader()
	var events []chat.Event
	var err error
	for block := range strings.SplitSeq(stream, "\n\n") {
		head, data, ok := strings.Cut("\n"+block, "\ndata: ")
		if !ok {
			continue
		}
		if events, err = reader.Read(events, []byte(strings.TrimPrefix(head, "\nevent: ")), []byte(data)); err != nil {
			t.Fatalf("%v in %s", err, block)
		}
	}
	if events, err = reader.End(events); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	var order []string
	parts := 0
	kinds := map[int]string{}
	add := func(k, text string) {
		if _, ok := said[k]; !ok {
			order = append(order, k)
		}
		said[k] += text
	}
	for _, e := range events {
		switch e.Kind {
		case chat.PartBegan:
			if kinds[e.Choice] = key(e.Part.Kind); d == exchange.Anthropic || d == exchange.Responses {
				kinds[e.Choice] += key(" ", parts)
				parts++
			}
			if e.Part.Call != nil {
				kinds[e.Choice] += e.Part.Call.ID
			}
		case chat.Delta:
			add(key(e.Choice, " ", kinds[e.Choice]), e.Text)
		case chat.Finished, chat.Ended:
			add(key(e.Choice, " end ", e.Kind, " ", e.Finish), "")
		default:
		}
	}
	// Choices are told side by side, in no order.
	slices.SortStableFunc(order, func(a, b string) int { return strings.Compare(a[:1], b[:1]) })
	all := make([]string, 0, len(order))
	for _, k := range order {
		var call map[string]any
		if json.Unmarshal([]byte(said[k]), &call) == nil {
			said[k] = asText(call)
		}
		all = append(all, k+": "+said[k])
	}
	return all
}
