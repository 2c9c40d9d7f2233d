// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"math/bits"
	"strconv"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// Bound is what holds for the output of a request, whatever it asks for. Its values are tokens, and positive.
type Bound struct {
	// Most is the most that may be asked for. Clamp lowers what is more; else it is refused.
	Most  int64
	Clamp bool
	// Unasked is what a request gets that asks for no bound, Most or less.
	Unasked int64
	// OldName bounds a chat of OpenAI's dialect that asks for none by max_tokens, for providers that may overlook
	// max_completion_tokens.
	OldName bool
}

const (
	memberThinking = "thinking"
	// leastThinking is the least that Anthropic takes for a budget of thinking.
	leastThinking = 1024
)

// bounds are the places of what bounds the output.
type bounds struct {
	// given says that one of them is a number, at least 0: below, some servers take it for none.
	given bool
	// within are the places in Config, by ConfigBounds; configOpen is the one after its brace, 0 where it is no object.
	within     [2]span
	configOpen int
}

// readConfig reads the bounds within an object.
func (r *Request) readConfig(name string, at span) *exchange.Error {
	switch value := at.in(r.body); {
	case string(value) == "null":
		return nil
	case value[0] != '{':
		return wrongType(name, "an object")
	}
	r.bounds.configOpen = at.from + 1
	for o := (object{w: &walker{b: r.body}, i: at.from}); o.next(); {
		o.to = o.w.value(o.from, 2, false)
		key := o.key
		if bytes.IndexByte(key, '\\') >= 0 {
			key = unescape(key)
		}
		for i, bound := range r.shape.ConfigBounds {
			if string(key) != bound {
				continue
			}
			if r.bounds.within[i].found() {
				return exchange.Invalid(name+"."+bound, "The field '"+bound+"' stands twice.")
			}
			r.bounds.within[i] = span{o.from, o.to}
			if err := r.readBound(name+"."+bound, r.bounds.within[i]); err != nil {
				return err
			}
		}
		for _, count := range r.shape.ConfigCounts {
			if string(key) != count {
				continue
			}
			if err := r.readCount(name+"."+count, r.body[o.from:o.to]); err != nil {
				return err
			}
		}
	}
	return nil
}

// readBound reads a member that bounds the output.
func (r *Request) readBound(name string, at span) *exchange.Error {
	n, isNull, err := r.integer(name, at)
	if err != nil || isNull {
		return err
	}
	r.bounds.given = r.bounds.given || n >= 0
	if n > r.MaxOutputTokens {
		r.MaxOutputTokens, r.MaxOutputParam = n, name
	}
	return nil
}

func (r *Request) integer(name string, at span) (n int64, isNull bool, err *exchange.Error) {
	value := string(at.in(r.body))
	if value == "null" {
		return 0, true, nil
	}
	n, wrong := strconv.ParseInt(value, 10, 64)
	if wrong != nil {
		return 0, false, wrongType(name, "an integer")
	}
	return n, false, nil
}

// Bound holds the output of a request that was decoded within a depth: it refuses, with a 400 that names the field, or writes the
// body anew, which it does in place, and decodes that. Requests without output of tokens stay as they are. The body is the one
// that was decoded; nothing else may still use it.
func (r *Request) Bound(body []byte, b Bound, depth int) ([]byte, *exchange.Error) {
	if r.form || len(r.shape.Bounds)+len(r.shape.ConfigBounds) == 0 {
		return body, nil
	}
	if r.MaxOutputTokens > b.Most && !b.Clamp {
		return body, r.tooMuchOutput(b.Most, "This gateway allows at most ")
	}
	var all edits
	if err := r.lower(&all, b); err != nil {
		return body, err
	}
	if !r.bounds.given {
		r.insert(&all, b)
	}
	if all.n == 0 {
		return body, nil
	}
	// Behind the body, so that nothing is overwritten that is still to be read.
	length := len(body)
	body = all.append(body, r.body)
	body = body[:copy(body, body[length:])]
	return body, r.DecodeWithin(r.shape, body, depth)
}

// lower makes every bound that asks for too much, or for all there is, ask for the most.
func (r *Request) lower(all *edits, b Bound) *exchange.Error {
	lower := func(at span) {
		if n, isNull, err := r.integer("", at); err == nil && !isNull && (n > b.Most || n < 0) {
			with := b.Most
			if n < 0 {
				with = b.Unasked
				r.bounds.given = true
			}
			all.add(change{at: at, number: with, counts: true})
		}
	}
	for i := range r.shape.Bounds {
		if at := r.members[atBounds+i].value; at.found() {
			lower(at)
		}
	}
	for _, at := range r.bounds.within {
		if at.found() {
			lower(at)
		}
	}
	if all.n > 0 && r.shape == Messages {
		return r.lowerThinking(all, b.Most)
	}
	return nil
}

// lowerThinking keeps the budget of thinking its share of an answer that becomes shorter: Anthropic refuses one that is not less than
// max_tokens. A budget that was not less before is either refused there or meant for several answers, and left alone.
func (r *Request) lowerThinking(all *edits, most int64) *exchange.Error {
	at := r.members[r.shape.atAlso()].value
	if !at.found() || r.body[at.from] != '{' {
		return nil
	}
	const name = "thinking.budget_tokens"
	for o := (object{w: &walker{b: r.body}, i: at.from}); o.next(); {
		o.to = o.w.value(o.from, 2, false)
		if string(o.key) != "budget_tokens" {
			continue
		}
		budget, isNull, err := r.integer(name, span{o.from, o.to})
		if err != nil || isNull || budget < 0 || budget >= r.MaxOutputTokens {
			return err
		}
		high, low := bits.Mul64(uint64(budget), uint64(most))
		share, _ := bits.Div64(high, low, uint64(r.MaxOutputTokens))
		if budget = max(int64(share), min(budget, leastThinking)); budget >= most || budget < leastThinking {
			refused := exchange.Invalid(name, "'"+name+"' does not fit: this gateway allows at most "+
				strconv.FormatInt(most, 10)+" tokens of output, thinking included.")
			refused.Reason = exchange.ReasonOutputTokens
			return refused
		}
		all.add(change{at: span{o.from, o.to}, number: budget, counts: true})
	}
	return nil
}

// insert writes the bound that nobody asked for: in the place of a null, or as a new member.
func (r *Request) insert(all *edits, b Bound) {
	s := r.shape
	nulls := r.bounds.within[:]
	at := max(len(s.Bounds)-1, 0)
	if b.OldName {
		at = 0
	}
	if len(s.Bounds) > 0 {
		nulls = []span{r.members[atBounds+at].value}
	}
	for _, null := range nulls {
		if null.found() {
			all.add(change{at: null, number: b.Unasked, counts: true})
			return
		}
	}
	config, open := r.members[atConfig].value, r.bounds.configOpen
	switch {
	case len(s.Bounds) > 0:
		all.add(change{at: r.begin(), before: s.boundKeys[at], number: b.Unasked, counts: true, after: r.comma(r.open)})
	case open > 0:
		all.add(change{at: span{open, open}, before: s.configKey, number: b.Unasked, counts: true, after: r.comma(open)})
	case config.found():
		all.add(change{at: config, before: s.configOpening, number: b.Unasked, counts: true, after: "}"})
	default:
		// What is asked stands behind it.
		all.add(change{at: r.begin(), before: s.configMember, number: b.Unasked, counts: true, after: "},"})
	}
}

// begin is the place before the body's first member.
func (r *Request) begin() span { return span{r.open, r.open} }

// comma is what must stand behind a new member at the beginning of an object.
func (r *Request) comma(open int) string {
	if r.body[skipSpace(r.body, open)] == '}' {
		return ""
	}
	return ","
}

func (r *Request) tooMuchOutput(bound int64, whose string) *exchange.Error {
	err := exchange.Invalid(r.MaxOutputParam, r.MaxOutputParam+" is too large: "+strconv.FormatInt(r.MaxOutputTokens, 10)+
		". "+whose+strconv.FormatInt(bound, 10)+" tokens.")
	err.Reason = exchange.ReasonOutputTokens
	return err
}
