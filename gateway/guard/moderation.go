// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"strings"

	"github.com/go-json-experiment/json"
)

// thresholdOne is a score of 1 as thresholds count them.
const thresholdOne = 1_000_000

// AppendModeration appends the body of a request to OpenAI's /v1/moderations. Each text is an input of its own and gets a result
// of its own, of newer models as well: those give a list of objects, as for images, only one result together.
func AppendModeration(dst []byte, model string, texts [][]byte) []byte {
	dst = append(appendString(append(dst, `{"model":`...), model), `,"input":[`...)
	for i, text := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, text)
	}
	return append(dst, `]}`...)
}

// moderation is what is read of an answer. A category that the model does not judge is null.
type moderation struct {
	Results []moderationResult `json:"results"`
}

type moderationResult struct {
	Flagged    *bool               `json:"flagged"`
	Categories map[string]*bool    `json:"categories"`
	Scores     map[string]*float64 `json:"category_scores"`
}

// flaggedOnly names what a provider flags without saying why.
const flaggedOnly = "flagged"

// ReadModeration reads the answer to n texts. Without thresholds, what the provider flags may not pass. With them, what has a
// score of a category of at least its threshold, in millionths, may not pass, and the provider's own opinion does not count. An
// answer that does not say what is needed is an error: of other than n results, or without a score that there is a threshold for.
func ReadModeration(body []byte, n int, thresholds map[string]int64) (Verdict, error) {
	var m moderation
	if json.Unmarshal(body, &m) != nil || len(m.Results) != n {
		return Verdict{}, &Error{Failure: FailureMalformed}
	}
	var found []string
	for i := range m.Results {
		var ok bool
		if found, ok = m.Results[i].appendFound(found, thresholds); !ok {
			return Verdict{}, &Error{Failure: FailureMalformed}
		}
	}
	v := Verdict{Allow: len(found) == 0, Categories: categoriesOf(found)}
	v.Reason = reasonOf(strings.Join(v.Categories, ", "))
	return v, nil
}

// appendFound appends the categories that count against a text; false where the result does not say enough.
func (r *moderationResult) appendFound(found []string, thresholds map[string]int64) ([]string, bool) {
	if len(thresholds) > 0 {
		for category, least := range thresholds {
			score := r.Scores[category]
			if score == nil || *score < 0 || *score > 1 {
				return nil, false
			}
			// Divided, it is the very number that the same decimals in an answer are.
			if *score >= float64(least)/thresholdOne {
				found = append(found, category)
			}
		}
		return found, true
	}
	if r.Flagged == nil {
		return nil, false
	}
	if !*r.Flagged {
		return found, true
	}
	before := len(found)
	for category, is := range r.Categories {
		if is != nil && *is && category != "" {
			found = append(found, category)
		}
	}
	if len(found) == before {
		found = append(found, flaggedOnly)
	}
	return found, true
}
