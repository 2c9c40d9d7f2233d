// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package roundtrip

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// answerRule is rule for answers.
type answerRule struct {
	says  string
	apply func(*chat.Answer)
}

// answerForms are, by dialect, all that may differ in an answer that is told in it and read again.
var answerForms = map[string][]answerRule{
	"openai": {
		ofChoices("thoughts stand first, then the text, the refusal and calls", func(c *chat.Choice) {
			slices.SortStableFunc(c.Parts, func(a, b chat.Part) int { return kindOrder(&a) - kindOrder(&b) })
			c.Parts = joined(c.Parts, func(a, b *chat.Part) bool {
				return a.Kind == b.Kind && (a.Kind == chat.Text || a.Kind == chat.Refusal)
			})
		}),
		ofChoices("thoughts are one, unless one of them is signed", func(c *chat.Choice) {
			if !slices.ContainsFunc(c.Parts, func(p chat.Part) bool { return kindOrder(&p) == 0 && p.Signature != "" }) {
				c.Parts = joined(c.Parts, func(a, b *chat.Part) bool { return a.Kind == chat.Thinking && b.Kind == chat.Thinking })
			}
		}),
		unsignedTexts,
		ofChoices("a stop sequence is a stop, a pause a bound, and a refusal without words a filter", func(c *chat.Choice) {
			c.StopSequence = ""
			switch {
			case c.Finish == chat.AtStop, c.Finish == chat.Declined && refusedIn(c):
				c.Finish = chat.Stopped
			case c.Finish == chat.Paused:
				c.Finish = chat.AtLength
			case c.Finish == chat.Declined:
				c.Finish = chat.Filtered
			}
		}),
		stoppedToCall, writtenUncounted,
	},
	"responses": {
		oneChoice, carriers,
		ofChoices("an end is a stop, a bound, a filter, a call or a refusal", func(c *chat.Choice) {
			c.StopSequence = ""
			switch {
			case c.Finish == chat.Paused:
				c.Finish = chat.AtLength
			case c.Finish == chat.Declined && !refusedIn(c):
				c.Finish = chat.Filtered
			case c.Finish == chat.AtLength, c.Finish == chat.Filtered:
			case slices.ContainsFunc(c.Parts, func(p chat.Part) bool { return p.Kind == chat.Call }):
				c.Finish = chat.CalledTools
			case refusedIn(c):
				c.Finish = chat.Declined
			default:
				c.Finish = chat.Stopped
			}
		}),
		{"a response's name begins with resp_", func(a *chat.Answer) { a.ID = strings.TrimPrefix(a.ID, "resp_") }},
	},
	"anthropic": {
		oneChoice,
		ofChoices("words of a refusal are text, and it or a filter is how the answer ends", func(c *chat.Choice) {
			switch {
			case c.Finish == chat.Filtered, c.Finish == chat.Stopped && refusedIn(c):
				c.Finish = chat.Declined
			}
			for i := range c.Parts {
				if c.Parts[i].Kind == chat.Refusal {
					c.Parts[i].Kind = chat.Text
				}
			}
		}),
		unsignedTexts, unsignedCalls, stoppedToCall, improbable,
		{"it is not told when an answer was made", func(a *chat.Answer) { a.Created = 0 }},
		{"the total is the sum", func(a *chat.Answer) { a.Usage.Total = a.Usage.Prompt + a.Usage.Completion }},
	},
	"gemini": {
		ofChoices("words of a refusal are text, and what only its provider reads a thought without text", func(c *chat.Choice) {
			for i := range c.Parts {
				switch p := &c.Parts[i]; p.Kind {
				case chat.Refusal:
					p.Kind = chat.Text
				case chat.Redacted:
					p.Kind = chat.Thinking
				}
				c.Parts[i].Signature = unwrapped(c.Parts[i].Signature)
			}
		}),
		ofChoices("texts up to a signature are one, and so are thoughts", func(c *chat.Choice) {
			c.Parts = joined(c.Parts, func(a, b *chat.Part) bool {
				return a.Kind == b.Kind && a.Kind != chat.Call && a.Signature == ""
			})
		}),
		ofChoices("an end is a stop, a bound, or something withheld", func(c *chat.Choice) {
			c.StopSequence = ""
			switch c.Finish {
			case chat.AtStop, chat.CalledTools:
				c.Finish = chat.Stopped
			case chat.Declined, chat.Paused:
				c.Finish = chat.Filtered
			}
		}),
		stoppedToCall, writtenUncounted,
		{"it is not told when an answer was made", func(a *chat.Answer) { a.Created = 0 }},
	},
}

var (
	unsignedTexts = ofChoices("texts have no signatures", func(c *chat.Choice) {
		for i := range c.Parts {
			if k := c.Parts[i].Kind; k == chat.Text || k == chat.Refusal {
				c.Parts[i].Signature = ""
			}
		}
	})
	unsignedCalls = ofChoices("calls have no signatures", func(c *chat.Choice) {
		for i := range c.Parts {
			if c.Parts[i].Kind == chat.Call {
				c.Parts[i].Signature = ""
			}
		}
	})
	stoppedToCall = ofChoices("an answer that stopped at calls called them", func(c *chat.Choice) {
		if c.Finish == chat.Stopped && slices.ContainsFunc(c.Parts, func(p chat.Part) bool { return p.Kind == chat.Call }) {
			c.Finish = chat.CalledTools
		}
	})
	improbable       = ofChoices("there are no log probabilities", func(c *chat.Choice) { c.LogProbs = nil })
	oneChoice        = answerRule{"there is one choice", func(a *chat.Answer) { a.Choices = a.Choices[:1] }}
	writtenUncounted = answerRule{"what was put into a cache is not told", func(a *chat.Answer) { a.Usage.CacheWritten = 0 }}
	// carriers puts the signature that follows a part in an item of its own, as it comes back from applications, to it.
	carriers = ofChoices("the signature of a text or a call is an item of its own", func(c *chat.Choice) {
		const mark = "spark:signs-previous:"
		for i := 1; i < len(c.Parts); i++ {
			if signature, ok := strings.CutPrefix(c.Parts[i].Signature, mark); ok && c.Parts[i].Kind == chat.Redacted {
				c.Parts[i-1].Signature = signature
				c.Parts = slices.Delete(c.Parts, i, i+1)
			}
		}
	})
)

// streamForms are, by dialect, all that may differ in a stream beside that.
var streamForms = map[string][]answerRule{
	"openai": {
		ofChoices("thoughts run on up to one that is signed", func(c *chat.Choice) {
			c.Parts = joined(c.Parts, func(a, b *chat.Part) bool {
				return a.Kind == chat.Thinking && b.Kind == chat.Thinking && a.Signature == ""
			})
		}),
	},
}

// everyAnswer are the rules of all dialects.
var everyAnswer = []answerRule{
	ofChoices("an empty text says nothing", func(c *chat.Choice) {
		c.Parts = slices.DeleteFunc(c.Parts, func(p chat.Part) bool {
			return p.Kind != chat.Call && p.Text == "" && p.Signature == ""
		})
	}),
	ofChoices("arguments are equal however they are spaced", func(c *chat.Choice) {
		for i := range c.Parts {
			if call := c.Parts[i].Call; call != nil {
				if strings.TrimSpace(call.Arguments) == "" {
					call.Arguments = "{}"
				}
				call.Arguments = string(canonical([]byte(call.Arguments)))
			}
		}
	}),
	{"a usage that is not known is a usage of nothing", func(a *chat.Answer) {
		if a.Usage == (exchange.Usage{Source: exchange.UsageReported}) {
			a.Usage = exchange.Usage{}
		}
	}},
	ofChoices("of probabilities, tokens and their numbers count", func(c *chat.Choice) { c.LogProbs = tokensOf(c.LogProbs) }),
}

func ofChoices(says string, change func(*chat.Choice)) answerRule {
	return answerRule{says, func(a *chat.Answer) {
		for i := range a.Choices {
			change(&a.Choices[i])
		}
	}}
}

func refusedIn(c *chat.Choice) bool {
	return slices.ContainsFunc(c.Parts, func(p chat.Part) bool { return p.Kind == chat.Refusal })
}

// unwrapped undoes what keeps signatures whole in Google's SDKs.
func unwrapped(signature string) string {
	for {
		raw, err := base64.StdEncoding.DecodeString(signature)
		text, ours := strings.CutPrefix(string(raw), "spark:")
		if !ours || err != nil {
			return signature
		}
		signature = text
	}
}

// tokensOf gives the content of a logprobs object.
func tokensOf(v jsontext.Value) jsontext.Value {
	if len(v) == 0 {
		return nil
	}
	var object struct {
		Content jsontext.Value `json:"content"`
	}
	if chat.DecodeAnswer(v, &object) != nil || len(object.Content) == 0 {
		return v
	}
	return canonical(jsontext.Value(`{"content":` + string(object.Content) + `}`))
}

func normalAnswer(from *chat.Answer, forms ...[]answerRule) *chat.Answer {
	a := *from
	a.Choices = slices.Clone(from.Choices)
	for i := range a.Choices {
		a.Choices[i].Parts = cloneParts(a.Choices[i].Parts)
	}
	for _, rules := range append(append([][]answerRule{everyAnswer}, forms...), everyAnswer) {
		for _, rule := range rules {
			rule.apply(&a)
		}
	}
	return &a
}
