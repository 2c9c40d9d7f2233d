// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// AnswerPolicy is a Policy for the answer to one request. It is immutable and safe for concurrent use; its filters are not.
type AnswerPolicy struct {
	policy *Policy
	index  *leakIndex
}

// Answer gives the policy for the answer to a request with these system texts, nil where nothing is looked for in it. The texts are
// not kept.
func (p *Policy) Answer(system [][]byte) *AnswerPolicy {
	if p == nil {
		return nil
	}
	a := &AnswerPolicy{policy: p}
	if p.leak != nil && len(system) > 0 {
		a.index = p.leak.indexes.of(system)
	}
	if a.index == nil && !p.piiAnswers && len(p.answerPatterns) == 0 && p.images == nil {
		return nil
	}
	return a
}

// Filter gives a filter for one channel of the answer: a text that comes in pieces, or whole.
func (a *AnswerPolicy) Filter() *Filter {
	f := a.words()
	if rule := a.policy.images; rule != nil {
		f.add(&htmlStage{imageLink: imageLink{imageRule: rule, found: &f.found}})
		f.add(&markdownStage{imageLink: imageLink{imageRule: rule, found: &f.found}})
	}
	return f
}

// FilterArguments gives a filter for a channel whose text is JSON, such as the arguments of a tool call. Strings are seen as what
// their escapes mean, each by itself; images are not looked for, as nobody renders arguments.
func (a *AnswerPolicy) FilterArguments() *Filter {
	return &Filter{arguments: newArguments(a.words())}
}

// words gives a filter for what matters wherever it stands. What repeats the system texts is looked for first, as they are.
func (a *AnswerPolicy) words() *Filter {
	p, f := a.policy, &Filter{}
	if a.index != nil {
		f.add(&leakStage{index: a.index, mode: p.leak.mode, refused: p.leak.refused, found: &f.found})
	}
	if len(p.answerPatterns) > 0 {
		f.add(newDenyStage(p.answerPatterns, &f.found))
	}
	if p.piiAnswers {
		f.add(newPIIStage(p.piiKinds, p.piiMode, p.piiRefused, &f.found))
	}
	return f
}

// stage looks for one thing in a text that comes in pieces. What its calls append, joined, is the same for all ways to cut
// the text; once it gives why the text ends there, nothing follows but reset.
type stage interface {
	write(dst, chunk []byte) ([]byte, *Blocked)
	close(dst []byte) ([]byte, *Blocked)
	reset()
}

// Filter sanitizes one text that comes in pieces: what it gives, joined, is the same for all ways to cut the text. One goroutine
// at a time.
type Filter struct {
	stages []stage
	// between are what each stage but the last gives the next.
	between [][]byte
	found   exchange.Findings
	block   *Blocked
	// arguments stand in place of the stages where the text is JSON.
	arguments *arguments
}

func (f *Filter) add(s stage) {
	s.reset()
	f.stages = append(f.stages, s)
	f.between = append(f.between, nil)
}

// Write appends to dst what may be told now of the text up to and with chunk, which is not kept. Once the text is blocked it
// appends nothing more.
func (f *Filter) Write(dst, chunk []byte) []byte {
	if f.arguments != nil {
		return f.arguments.write(dst, chunk)
	}
	return f.run(dst, chunk, false)
}

// Close appends the rest to dst. Nothing may follow.
func (f *Filter) Close(dst []byte) []byte {
	if f.arguments != nil {
		return f.arguments.close(dst)
	}
	return f.run(dst, nil, true)
}

// Verdict says what was found so far, and why the text was broken off, nil where it was not. What was found behind the break
// may depend on how the text was cut.
func (f *Filter) Verdict() (exchange.Findings, *Blocked) {
	if f.arguments != nil {
		return f.arguments.inner.Verdict()
	}
	return f.found, f.block
}

// run takes a piece through the stages. Where one ends the text, it ends for those behind, too; if one of these then ends it
// before, that is why.
func (f *Filter) run(dst, chunk []byte, ended bool) []byte {
	if f.block != nil {
		return dst
	}
	for i, s := range f.stages {
		last := i == len(f.stages)-1
		out := dst
		if !last {
			out = f.between[i][:0]
		}
		out, block := s.write(out, chunk)
		if block == nil && ended {
			out, block = s.close(out)
		}
		if block != nil {
			f.block, ended = block, true
		}
		if last {
			return out
		}
		f.between[i], chunk = out, out
	}
	return append(dst, chunk...)
}

// reset makes the filter ready for another text of the same channel: findings stay.
func (f *Filter) reset() {
	for _, s := range f.stages {
		s.reset()
	}
}

// refusal is why an answer is refused for a finding without a name.
func refusal(kind exchange.Finding) *Blocked {
	return &Blocked{Kind: kind, Direction: config.DirectionResponse}
}
