// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// logProbsResult is Gemini's log probabilities: at each step the chosen token, and the likeliest ones.
// https://ai.google.dev/api/generate-content#LogprobsResult
type logProbsResult struct {
	Top    []topCandidates `json:"topCandidates,omitzero"`
	Chosen []tokenProb     `json:"chosenCandidates,omitzero"`
}

type topCandidates struct {
	Candidates []tokenProb `json:"candidates,omitzero"`
}

type tokenProb struct {
	Token string  `json:"token"`
	Prob  float64 `json:"logProbability"`
}

// openAILogProbs is OpenAI's logprobs object, which the neutral chat holds.
// https://platform.openai.com/docs/api-reference/chat/object
type openAILogProbs struct {
	Content []openAIToken `json:"content"`
}

type openAIToken struct {
	Token string         `json:"token"`
	Prob  float64        `json:"logprob"`
	Bytes jsontext.Value `json:"bytes"`
	Top   []openAIToken  `json:"top_logprobs,omitzero"`
}

// neutral gives OpenAI's object, nil where there are none. Bytes are not known: a token's text may be half a character.
func (l *logProbsResult) neutral() jsontext.Value {
	if l == nil || len(l.Chosen) == 0 {
		return nil
	}
	out := openAILogProbs{Content: make([]openAIToken, len(l.Chosen))}
	for i, chosen := range l.Chosen {
		t := openAIToken{Token: chosen.Token, Prob: chosen.Prob, Top: []openAIToken{}}
		if i < len(l.Top) {
			for _, c := range l.Top[i].Candidates {
				t.Top = append(t.Top, openAIToken{Token: c.Token, Prob: c.Prob})
			}
		}
		out.Content[i] = t
	}
	return chat.Append(nil, &out)
}

// logProbsOf reads OpenAI's object; nil where there are none.
func logProbsOf(v jsontext.Value) *logProbsResult {
	var in openAILogProbs
	if !given(v) || chat.DecodeAnswer(v, &in) != nil || len(in.Content) == 0 {
		return nil
	}
	out := &logProbsResult{}
	some := false
	for _, t := range in.Content {
		out.Chosen = append(out.Chosen, tokenProb{Token: t.Token, Prob: t.Prob})
		var top topCandidates
		for _, c := range t.Top {
			top.Candidates = append(top.Candidates, tokenProb{Token: c.Token, Prob: c.Prob})
		}
		some = some || len(top.Candidates) > 0
		out.Top = append(out.Top, top)
	}
	if !some {
		out.Top = nil
	}
	return out
}
