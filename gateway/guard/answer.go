// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// questionVersion is that of the body that a service is sent.
const questionVersion = 1

// kindOf is how a question names a kind of principal.
func kindOf(k exchange.PrincipalKind) string {
	switch k {
	case exchange.ByKey:
		return "key"
	case exchange.ByToken:
		return "token"
	default:
		return "address"
	}
}

// appendQuestion appends the body of a question. What is not text in a text is replaced: a guard has to see what a model would.
func appendQuestion(dst []byte, gateway string, q *Question) []byte {
	dst = append(dst, `{"version":`...)
	dst = append(dst, '0'+questionVersion)
	direction := "request"
	if q.Direction == config.DirectionResponse {
		direction = "response"
	}
	dst = appendMember(dst, "direction", direction)
	dst = appendMember(dst, "requestID", q.RequestID)
	dst = appendMember(dst, "gateway", gateway)
	if p := q.Principal; p != nil {
		dst = append(dst, `,"principal":{"kind":`...)
		dst = appendString(dst, kindOf(p.Kind))
		dst = appendMember(dst, "id", p.ID)
		dst = appendMember(dst, "user", p.User)
		dst = append(appendMember(dst, "team", p.Team), '}')
	}
	dst = appendMember(dst, "operation", q.Operation.String())
	dst = appendMember(dst, "dialect", q.Dialect.String())
	dst = appendMember(dst, "model", q.Model)
	dst = append(dst, `,"texts":[`...)
	for i, text := range q.Texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"role":`...)
		dst = appendString(dst, text.Role)
		dst = append(appendString(append(dst, `,"text":`...), text.Text), '}')
	}
	return append(dst, `]}`...)
}

func appendMember(dst []byte, name, value string) []byte {
	return appendString(append(append(append(dst, `,"`...), name...), `":`...), value)
}

// appendString quotes a text; what is not UTF-8 becomes U+FFFD.
func appendString[T string | []byte](dst []byte, text T) []byte {
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}

// The actions of an answer.
const (
	actionAllow  = "allow"
	actionBlock  = "block"
	actionRedact = "redact"
)

// answer is what a service says. What it does not know, it may leave out; what we do not know, we do not read.
type answer struct {
	Action     string   `json:"action"`
	Reason     string   `json:"reason"`
	Categories []string `json:"categories"`
	Texts      []struct {
		Text *string `json:"text"`
	} `json:"texts"`
}

// readAnswer reads the answer about n texts. Anything but one of the actions, with what it needs, is a failure: a guard that
// is misunderstood must not let pass what it wanted to hold back.
func readAnswer(body []byte, n int) (Verdict, error) {
	var a answer
	if json.Unmarshal(body, &a) != nil {
		return Verdict{}, &Error{Failure: FailureMalformed}
	}
	v := Verdict{Reason: reasonOf(a.Reason), Categories: categoriesOf(a.Categories)}
	switch a.Action {
	case actionAllow:
		v.Allow = true
	case actionBlock:
	case actionRedact:
		if len(a.Texts) != n {
			return Verdict{}, &Error{Failure: FailureMalformed}
		}
		v.Allow = true
		v.Replace = make([]string, n)
		for i := range a.Texts {
			if a.Texts[i].Text == nil {
				return Verdict{}, &Error{Failure: FailureMalformed}
			}
			v.Replace[i] = *a.Texts[i].Text
		}
	default:
		return Verdict{}, &Error{Failure: FailureMalformed}
	}
	return v, nil
}

// reasonOf makes one line of a reason, of a bounded length.
func reasonOf(text string) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text))
	if len(text) <= MaxReason {
		return text
	}
	end := MaxReason - len("…")
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// categoriesOf makes words of categories that fit a header: each once, sorted, as many as there may be.
func categoriesOf(names []string) []string {
	var words []string
	for _, name := range names {
		name = name[:min(len(name), MaxCategory)]
		word := []byte(name)
		for i, c := range word {
			letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
			if !letter && strings.IndexByte("_-./", c) < 0 {
				word[i] = '_'
			}
		}
		if len(word) > 0 {
			words = append(words, string(word))
		}
	}
	slices.Sort(words)
	words = slices.Compact(words)
	return words[:min(len(words), MaxCategories)]
}
