// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/sanitize/pii"
)

// Text is one text of a request.
type Text struct {
	Scope config.TextScope
	// Value is plain: what escapes mean in the body, it says. It is not kept, nor changed.
	Value []byte
}

// Replacement says what a text becomes.
type Replacement struct {
	// Index is the text's place among those given.
	Index int
	// With holds until the Scratch is used again.
	With []byte
}

// Blocked is why a request or an answer is refused. It says nothing of the text, and is immutable.
type Blocked struct {
	Kind exchange.Finding
	// Name is the deny pattern's, and empty of other kinds.
	Name      string
	Direction config.Direction
}

// Result is what became of a request's texts.
type Result struct {
	// Block is nil where the request may go on. Otherwise not all was looked at.
	Block    *Blocked
	Findings exchange.Findings
	// Replaced are in the order of the texts, and hold until the Scratch is used again.
	Replaced []Replacement
}

// Scratch is the memory of calls of Request, one at a time. The zero value is ready; it may be pooled.
type Scratch struct {
	replaced []Replacement
	// kept holds the texts of replaced, one behind the other; from is where each begins.
	kept []byte
	from []int
	// cleaned, redacted and spare are of one text.
	cleaned, redacted, spare []byte
	spans                    []pii.Span
	digester                 digester
	found                    exchange.Findings
}

// maxScratch bounds what a Scratch keeps between two requests, so that one huge text is not paid for ever.
const maxScratch = 1 << 20

func (s *Scratch) reset() {
	if cap(s.kept)+cap(s.cleaned)+cap(s.redacted)+cap(s.spare) > maxScratch {
		*s = Scratch{}
	}
	s.replaced, s.kept, s.from = s.replaced[:0], s.kept[:0], s.from[:0]
}

// Why requests are refused for findings without a name.
var (
	invisibleRefused = &Blocked{Kind: exchange.FoundControlCharacters, Direction: config.DirectionRequest}
	piiRefused       = &Blocked{Kind: exchange.FoundPII, Direction: config.DirectionRequest}
	injectionRefused = &Blocked{Kind: exchange.FoundPromptInjection, Direction: config.DirectionRequest}
)

// Request looks at the texts of a request: for characters that nobody sees, then, without these, for deny patterns, personal data
// and injections, each as the one before left the text. A text that is replaced is replaced without the characters that nobody
// sees, even where these are only flagged. It takes time linear in the texts, and allocates nothing where nothing is found.
func (p *Policy) Request(texts []Text, scratch *Scratch) Result {
	var result Result
	if p == nil {
		return result
	}
	scratch.reset()
	for i := range texts {
		text, block := p.reread(texts[i], scratch, &result.Findings)
		if block != nil {
			return Result{Block: block, Findings: result.Findings}
		}
		if !same(texts[i].Value, text) {
			scratch.from = append(scratch.from, len(scratch.kept))
			scratch.kept = append(scratch.kept, text...)
			scratch.replaced = append(scratch.replaced, Replacement{Index: i})
		}
	}
	for i := range scratch.replaced {
		end := len(scratch.kept)
		if i+1 < len(scratch.from) {
			end = scratch.from[i+1]
		}
		scratch.replaced[i].With = scratch.kept[scratch.from[i]:end:end]
	}
	result.Replaced = scratch.replaced
	return result
}

// reread gives what becomes of a text, without looking where nothing was found in it before.
func (p *Policy) reread(text Text, scratch *Scratch, found *exchange.Findings) ([]byte, *Blocked) {
	r := reading{Policy: p, scope: scopeOf(text.Scope), scratch: scratch}
	if !p.remembers || len(text.Value) < minRemembered {
		r.found = found
		return r.text(text)
	}
	scratch.digester.begin(byte(r.scope))
	scratch.digester.text(text.Value)
	d := scratch.digester.end()
	if p.clean.has(d) {
		return text.Value, nil
	}
	r.found = &scratch.found
	*r.found = exchange.Findings{}
	become, block := r.text(text)
	if r.found.Empty() {
		p.clean.add(d)
	}
	found.Merge(*r.found)
	return become, block
}

// same says whether two texts are one: whatever changes a text gives another.
func same(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// reading is that of one text.
type reading struct {
	*Policy
	scope   scopes
	scratch *Scratch
	found   *exchange.Findings
}

// text gives what becomes of a text: itself where it stays.
func (r *reading) text(text Text) ([]byte, *Blocked) {
	cleaned, block := r.clean(text.Value)
	if block != nil {
		return nil, block
	}
	redacted, block := r.deny(cleaned)
	if block != nil {
		return nil, block
	}
	if r.pii&r.scope != 0 {
		if redacted, block = r.personal(redacted); block != nil {
			return nil, block
		}
	}
	if r.injection&r.scope != 0 && r.injected(redacted, text.Scope) {
		r.found.Add(exchange.FoundPromptInjection, false)
		if r.injectionMode == config.SanitizeBlock {
			return nil, injectionRefused
		}
	}
	if r.invisibleMode != config.SanitizeRedact && same(redacted, cleaned) {
		return text.Value, nil
	}
	return redacted, nil
}

// clean gives the text without characters that nobody sees.
func (r *reading) clean(text []byte) ([]byte, *Blocked) {
	if r.invisible&r.scope == 0 {
		return text, nil
	}
	cleaned, odd := visible(r.scratch.cleaned[:0], text)
	if !odd {
		return text, nil
	}
	r.scratch.cleaned = cleaned
	r.found.Add(exchange.FoundControlCharacters, r.invisibleMode == config.SanitizeRedact)
	if r.invisibleMode == config.SanitizeBlock {
		return nil, invisibleRefused
	}
	return cleaned, nil
}

// deny looks for the deny patterns.
func (r *reading) deny(text []byte) ([]byte, *Blocked) {
	s := r.scratch
	for _, pattern := range r.requestPatterns {
		if pattern.scopes&r.scope == 0 || !pattern.found(text) {
			continue
		}
		r.found.Add(exchange.FoundDenyPattern, pattern.mode == config.SanitizeRedact)
		switch pattern.mode {
		case config.SanitizeBlock:
			return nil, pattern.request
		case config.SanitizeRedact: // from one buffer into the other
			s.redacted, s.spare = pattern.redact(s.spare[:0], text), s.redacted
			text = s.redacted
		}
	}
	return text, nil
}

// personal looks for personal data.
func (r *reading) personal(text []byte) ([]byte, *Blocked) {
	var none pii.Counts
	if r.piiMode == config.SanitizeRedact {
		out, counts := pii.Redact(r.scratch.spare[:0], text, r.piiKinds)
		if counts.Total() > 0 {
			r.scratch.spare = out
			addPII(r.found, &counts, &none, true)
		}
		return out, nil
	}
	spans := pii.Find(r.scratch.spans[:0], text, r.piiKinds)
	r.scratch.spans = spans
	var counts pii.Counts
	for _, at := range spans {
		counts[at.Kind]++
	}
	addPII(r.found, &counts, &none, false)
	if len(spans) > 0 && r.piiMode == config.SanitizeBlock {
		return nil, piiRefused
	}
	return text, nil
}
