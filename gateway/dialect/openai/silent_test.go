// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// Mistral refuses fields that it does not know, even where they ask for nothing.
func TestWhatAsksForNothingIsNotSent(t *testing.T) {
	r := read(t, asking(""))
	r.Candidates, r.LogProbs, r.TopLogProbs = pointer(int64(1)), pointer(false), pointer(int64(0))
	for flavor := OpenAI; flavor <= Mistral; flavor++ {
		body, refused := Encoder{Flavor: flavor}.AppendRequest(nil, r, chat.Target{Model: "m"})
		if refused != nil {
			t.Fatalf("flavor %d: %s", flavor, refused.Message)
		}
		for _, field := range []string{`"n"`, `"logprobs"`, `"top_logprobs"`} {
			if strings.Contains(string(body), field) {
				t.Errorf("flavor %d is asked for %s: %s", flavor, field, body)
			}
		}
	}
}
