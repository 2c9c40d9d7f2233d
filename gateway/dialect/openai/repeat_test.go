// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// A thought comes as a text and once more beside its signature, as this gateway and others tell it. It is one thought.
func TestAThoughtThatComesTwiceIsOne(t *testing.T) {
	text := func(s string) string {
		return `{"choices":[{"index":0,"delta":{"reasoning_content":"` + s + `"}}]}`
	}
	detail := func(index, s, signature string) string {
		return `{"choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.text","text":"` + s + `","signature":"` +
			signature + `","index":` + index + `}]}}]}`
	}
	long := strings.Repeat("x", maxTold+1)
	for name, test := range map[string]struct {
		chunks []string
		want   []string // texts of thoughts, with their signatures
	}{
		"once more":               {[]string{text("ab"), text("c"), detail("0", "abc", "S")}, []string{"abc S"}},
		"two, each once more":     {[]string{text("a"), detail("0", "a", "S"), text("b"), detail("1", "b", "T")}, []string{"a S", "b T"}},
		"after one unsigned":      {[]string{text("a"), text("b"), detail("4", "b", "S")}, []string{"ab S"}},
		"a signature alone":       {[]string{text("a"), detail("0", "", "S")}, []string{"a S"}},
		"pieces of details":       {[]string{detail("0", "a", ""), detail("0", "a", "S")}, []string{"aa S"}},
		"another thought":         {[]string{text("a"), detail("1", "b", "S")}, []string{"a", "b S"}},
		"one too long to be held": {[]string{text(long), detail("1", long, "S")}, []string{long, long + " S"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := Encoder{}.NewReader()
			var events []chat.Event
			var err error
			for _, c := range test.chunks {
				if events, err = r.Read(events, nil, []byte(c)); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for _, e := range events {
				switch e.Kind {
				case chat.PartBegan:
					got = append(got, "")
				case chat.Delta:
					got[len(got)-1] += e.Text
				case chat.Signed:
					got[len(got)-1] += " " + e.Text
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%.2000s", diff)
			}
		})
	}
}

func TestTheIDOfACallIsBounded(t *testing.T) {
	for length, want := range map[int]error{maxCallID: nil, maxCallID + 1: errCallID} {
		chunk := `{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"` + strings.Repeat("i", length) + `","function":{"name":"f"}}]}}]}`
		if _, err := (Encoder{}).NewReader().Read(nil, nil, []byte(chunk)); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}
