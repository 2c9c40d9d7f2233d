// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"sync"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// pattern is a deny pattern, compiled. It is immutable.
type pattern struct {
	mode   config.SanitizeMode
	scopes scopes // of requests; none where only answers are searched
	regex  *regexp.Regexp
	// literal is part of every match, so that most texts need no more than a look for it; empty where there is none.
	literal []byte
	// machine searches answers, and requests first where matches begin rarely; answers says whether it does the former.
	machine *machine
	answers bool
	// scans are those of requests, one each; nil where the machine does not search them.
	scans *sync.Pool
	// request and response are why either is refused.
	request, response *Blocked
}

func newPattern(p *config.DenyPattern) (*pattern, error) {
	if err := config.CheckPattern(p.Regex); err != nil {
		return nil, fmt.Errorf("deny pattern %q: %w", p.Name, err)
	}
	compiled := &pattern{
		mode:     p.Mode,
		request:  &Blocked{exchange.FoundDenyPattern, p.Name, config.DirectionRequest},
		response: &Blocked{exchange.FoundDenyPattern, p.Name, config.DirectionResponse},
	}
	broken := fmt.Errorf("deny pattern %q: not a regular expression", p.Name)
	tree, err := syntax.Parse(p.Regex, syntax.Perl)
	if err != nil {
		return nil, broken
	}
	if compiled.machine, err = newMachine(p.Regex); err != nil {
		return nil, broken
	}
	compiled.answers = slices.Contains(p.Directions, config.DirectionResponse)
	if slices.Contains(p.Directions, config.DirectionRequest) {
		if compiled.regex, err = regexp.Compile(p.Regex); err != nil {
			return nil, broken
		}
		compiled.scopes, compiled.literal = scopesOf(p.Scopes), []byte(required(tree.Simplify()))
		if compiled.machine.rare() {
			compiled.scans = &sync.Pool{New: func() any { return &scan{machine: compiled.machine, unbound: true} }}
		}
	}
	return compiled, nil
}

// required gives a text that is part of every match, the longest that is easy to see; "" where there is none.
func required(e *syntax.Regexp) string {
	switch e.Op {
	case syntax.OpLiteral:
		if e.Flags&syntax.FoldCase == 0 && !slices.Contains(e.Rune, '\uFFFD') { // which is any byte that is no UTF-8
			return string(e.Rune)
		}
	case syntax.OpCapture, syntax.OpPlus:
		return required(e.Sub[0])
	case syntax.OpConcat:
		longest := ""
		for _, sub := range e.Sub {
			if part := required(sub); len(part) > len(longest) {
				longest = part
			}
		}
		return longest
	}
	return ""
}

// found says whether a text of a request matches.
func (p *pattern) found(text []byte) bool {
	if !bytes.Contains(text, p.literal) {
		return false
	}
	if p.scans == nil {
		return p.regex.Match(text)
	}
	s := p.scans.Get().(*scan)
	defer p.scans.Put(s)
	s.reset()
	return s.exists(text)
}

// redact appends the text to dst with a Placeholder for every match.
func (p *pattern) redact(dst, text []byte) []byte {
	told := 0
	for _, at := range p.regex.FindAllIndex(text, -1) {
		dst = append(append(dst, text[told:at[0]]...), Placeholder...)
		told = at[1]
	}
	return append(dst, text[told:]...)
}
