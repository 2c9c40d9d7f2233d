// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// However a text is cut into events, and these into writes, what comes out is the filtered whole, and nothing else of the
// stream changes.
func TestAFilteredStreamIsTheFilteredWhole(t *testing.T) {
	for name, g := range grammars {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(120) {
				r := rand.New(rand.NewPCG(seed, 1))
				s := g.make(r)
				want := map[string]string{}
				for channel, text := range s.texts {
					want[channel] = redact(text)
				}
				got, rest := g.read(t, filtered(g.dialect, g.array, opener, grouped(r, s.events)...))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("seed %d: texts (-want +got):\n%s\n%s", seed, diff, strings.Join(s.events, ""))
				}
				_, before := g.read(t, strings.Join(s.events, ""))
				if diff := cmp.Diff(before, rest); diff != "" {
					t.Fatalf("seed %d: the rest (-want +got):\n%s\n%s", seed, diff, strings.Join(s.events, ""))
				}
			}
		})
	}
}

func TestAFilterThatChangesNothingLeavesTheBytes(t *testing.T) {
	for name, g := range grammars {
		for seed := range uint64(40) {
			r := rand.New(rand.NewPCG(seed, 2))
			s := g.make(r)
			stream := strings.Join(s.events, "")
			for kind, open := range map[string]func(Channel) TextFilter{
				"same": func(Channel) TextFilter { return same{} }, "none": func(Channel) TextFilter { return nil },
			} {
				if diff := cmp.Diff(stream, filtered(g.dialect, g.array, open, grouped(r, s.events)...)); diff != "" {
					t.Fatalf("%s, %s, seed %d (-want +got):\n%s", name, kind, seed, diff)
				}
			}
		}
	}
}

func TestAFilterThatHoldsEverythingBackLosesNothing(t *testing.T) {
	for name, g := range grammars {
		for seed := range uint64(40) {
			r := rand.New(rand.NewPCG(seed, 3))
			s := g.make(r)
			out := filtered(g.dialect, g.array, func(Channel) TextFilter { return &hoarder{} }, grouped(r, s.events)...)
			got, _ := g.read(t, out)
			if diff := cmp.Diff(s.texts, got); diff != "" {
				t.Fatalf("%s, seed %d (-want +got):\n%s", name, seed, diff)
			}
		}
	}
}

// A stream that breaks off tells all of what came before.
func TestAStreamThatBreaksOffTellsWhatCame(t *testing.T) {
	for name, g := range grammars {
		for seed := range uint64(40) {
			r := rand.New(rand.NewPCG(seed, 4))
			s := g.make(r)
			events := s.events[:1+r.IntN(len(s.events)-1)]
			before, _ := g.read(t, strings.Join(events, ""))
			want := map[string]string{}
			for channel, text := range before {
				want[channel] = redact(text)
			}
			got, _ := g.read(t, filtered(g.dialect, g.array, opener, grouped(r, events)...))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s, seed %d (-want +got):\n%s\n%s", name, seed, diff, strings.Join(events, ""))
			}
		}
	}
}

func key(parts ...any) string { return fmt.Sprint(parts...) }

// Texts of one choice that come mixed are not filtered as wholes, as readers do not take them for such; but they are told.
func TestMixedTextsLoseNothing(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := script{texts: map[string]string{}}
		var queues [][]string
		for _, one := range [][2]string{
			{"content", `"content":%s`},
			{"reasoning_content", `"reasoning_content":%s`},
			{"refusal", `"refusal":%s`},
			{"call0", `"tool_calls":[{"index":0,"function":{"arguments":%s}}]`},
			{"call1", `"tool_calls":[{"index":1,"function":{"arguments":%s}}]`},
		} {
			text := speech(r)
			s.texts[key(0, one[0])] = text
			var queue []string
			for _, piece := range chunks(r, text) {
				queue = append(queue, chunkOf(`{"index":0,"delta":{`+fmt.Sprintf(one[1], jsonOf(r, piece))+`}}`))
			}
			queues = append(queues, queue)
		}
		s.events = append(mixed(r, queues...), chunkOf(`{"index":0,"delta":{},"finish_reason":"stop"}`))
		got, _ := readChat(t, filtered(exchange.OpenAI, false, func(Channel) TextFilter { return &hoarder{} }, grouped(r, s.events)...))
		if diff := cmp.Diff(s.texts, got); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}
