// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/sparkgateway/spark/gateway/config"
)

// AppendJSON appends a record as one line of JSON with its end of line. It allocates nothing but what dst needs to grow.
func AppendJSON(dst []byte, r *Record) []byte {
	dst = appendText(append(dst, `{"id":`...), r.ID)
	dst = config.AppendTime(append(dst, `,"time":"`...), r.Time)
	dst = append(dst, '"')
	for _, f := range r.head() {
		dst = appendField(dst, f.name, f.value)
	}
	dst = appendPolicies(dst, r.Policies)
	for _, f := range r.target() {
		dst = appendField(dst, f.name, f.value)
	}
	dst = appendBool(dst, `,"stream":`, r.Stream)
	for _, f := range r.tokens() {
		dst = appendNumber(dst, f.name, f.value)
	}
	dst = append(r.Cost.AppendTo(append(dst, `,"cost":"`...)), '"')
	dst = appendBool(dst, `,"priced":`, r.Priced)
	for _, f := range r.end() {
		dst = appendField(dst, f.name, f.value)
	}
	for _, f := range r.times() {
		dst = appendNumber(dst, f.name, f.value)
	}
	dst = appendField(dst, `,"cache":`, r.Cache)
	dst = appendNumber(dst, `,"tokensSaved":`, r.TokensSaved)
	dst = append(r.CostSaved.AppendTo(append(dst, `,"costSaved":"`...)), '"')
	dst = appendField(dst, `,"findings":`, r.Findings)
	dst = appendField(dst, `,"shadowed":`, r.Shadowed)
	dst = appendNumber(dst, `,"bytesIn":`, r.BytesIn)
	dst = appendNumber(dst, `,"bytesOut":`, r.BytesOut)
	return append(dst, '}', '\n')
}

type textField struct{ name, value string }

type numberField struct {
	name  string
	value int64
}

func (r *Record) head() [4]textField {
	return [...]textField{{`,"key":`, r.Key}, {`,"principal":`, r.Principal}, {`,"user":`, r.User}, {`,"team":`, r.Team}}
}

func (r *Record) target() [6]textField {
	return [...]textField{
		{`,"route":`, r.Route}, {`,"provider":`, r.Provider}, {`,"model":`, r.Model}, {`,"upstreamModel":`, r.UpstreamModel},
		{`,"operation":`, r.Operation}, {`,"dialect":`, r.Dialect},
	}
}

func (r *Record) tokens() [5]numberField {
	return [...]numberField{
		{`,"tokensIn":`, r.TokensIn}, {`,"tokensOut":`, r.TokensOut}, {`,"tokensCached":`, r.TokensCached},
		{`,"tokensCacheWrite":`, r.TokensCacheWrite}, {`,"tokensReasoning":`, r.TokensReasoning},
	}
}

func (r *Record) end() [3]textField {
	return [...]textField{{`,"source":`, r.Source}, {`,"outcome":`, r.Outcome}, {`,"reason":`, r.Reason}}
}

func (r *Record) times() [4]numberField {
	return [...]numberField{
		{`,"status":`, r.Status}, {`,"attempts":`, r.Attempts}, {`,"latencyMs":`, r.LatencyMs}, {`,"firstTokenMs":`, r.FirstTokenMs},
	}
}

func appendPolicies(dst []byte, policies []string) []byte {
	if len(policies) == 0 {
		return dst
	}
	dst = append(dst, `,"policies":[`...)
	for i, p := range policies[:min(len(policies), MaxPolicies)] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, p)
	}
	return append(dst, ']')
}

func appendField(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendText(append(dst, name...), value)
}

func appendNumber(dst []byte, name string, n int64) []byte {
	return strconv.AppendInt(append(dst, name...), n, 10)
}

func appendBool(dst []byte, name string, b bool) []byte {
	return strconv.AppendBool(append(dst, name...), b)
}

// bounded cuts a text to MaxText bytes, between characters where it has any.
func bounded(s string) string {
	if len(s) <= MaxText {
		return s
	}
	cut := MaxText
	for i := range utf8.UTFMax - 1 {
		if utf8.RuneStart(s[MaxText-i]) {
			cut = MaxText - i
			break
		}
	}
	return s[:cut]
}

// appendText writes a JSON string. What is not UTF-8 becomes U+FFFD, and what a terminal or a script might obey is escaped.
func appendText(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	s = bounded(s)
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ' || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			i += n
			if r < 0xa0 || r == '\u2028' || r == '\u2029' {
				dst = append(dst, '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15])
				continue
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		i++
	}
	return append(dst, '"')
}

// Parse reads a record from a line of AppendJSON, or of another release: fields that this one does not know are passed over.
func Parse(line []byte) (Record, error) {
	var r Record
	err := json.Unmarshal(line, &r)
	return r, err
}
