// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"errors"
	"io"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/guard"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/sanitize"
)

// errBlocked ends a stream that was refused, after its client was told.
var errBlocked = errors.New("the answer was refused")

// channelFilter is the sanitizer's filter of one text of the answer, which tells the request what it found.
type channelFilter struct {
	*sanitize.Filter
	r *request
}

// Write appends what may be told now.
func (f channelFilter) Write(dst, chunk []byte) []byte {
	dst = f.Filter.Write(dst, chunk)
	if _, why := f.Verdict(); why != nil {
		f.r.blockAnswer(why)
	}
	return dst
}

// Close appends the rest, and tells what was found.
func (f channelFilter) Close(dst []byte) []byte {
	dst = f.Filter.Close(dst)
	found, why := f.Verdict()
	f.r.words.found.Merge(found)
	if why != nil {
		f.r.blockAnswer(why)
	}
	return dst
}

func (r *request) blockAnswer(why *sanitize.Blocked) {
	if r.words.blocked == nil {
		r.words.found.Add(why.Kind, false)
		r.words.blocked = blocked(why)
		r.words.blockedBy = why.Kind
	}
}

// openChannel gives the filter of one text of the answer. Arguments are JSON, but where a whole answer has them as values of its
// own.
func (r *request) openChannel(c dialect.Channel) dialect.TextFilter {
	values := r.dialect == exchange.Gemini || r.dialect == exchange.Anthropic && !r.ex.Stream
	if c.Voice == dialect.VoiceArguments && !values {
		return channelFilter{r.words.answer.FilterArguments(), r}
	}
	return channelFilter{r.words.answer.Filter(), r}
}

// screened says that the answer has texts that are looked at. Only what is relayed as it comes, and is of a type that is none of
// texts, has not: a provider may say anything of an answer that it must give in JSON.
func (r *request) screened(a *proxy.Attempt) bool {
	switch {
	case r.words.answer == nil && !r.words.guards:
		return false
	case !a.Streamed():
		// A provider's error is no answer.
		return r.ex.Outcome == exchange.OK
	case a.Events():
		// One that failed may have said something before.
		return true
	}
	if r.ex.Operation == exchange.Speech {
		return false
	}
	kind, _, _ := bytes.Cut(bytes.ToLower(a.ContentType()), []byte{'/'})
	switch string(kind) {
	case "audio", "image", "video", "font":
		return false
	}
	return true
}

// plainText looks at an answer that is nothing but text, such as a transcript.
type plainText struct {
	r    *request
	w    io.Writer
	text dialect.TextFilter // nil where nothing is looked for in the words themselves
	held []byte             // for the guards
}

// Write passes on what may be told.
func (p *plainText) Write(b []byte) (int, error) {
	out := b
	if p.text != nil {
		p.r.words.out = p.text.Write(p.r.words.out[:0], b)
		out = p.r.words.out
	}
	if err := p.pass(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (p *plainText) pass(out []byte) error {
	words := &p.r.words
	if words.guards {
		p.held = append(p.held, out...)
		if len(p.held) > maxHeld && words.blocked == nil {
			words.blocked = internal(errors.New("the answer is too long to be held for the guards"))
		}
		out = nil
	}
	switch {
	case words.blocked != nil:
		// A text has no way to say why it ends.
		return errBlocked
	case len(out) == 0:
		return nil
	}
	_, err := p.w.Write(out)
	return err
}

// end passes on what is still held, and asks the guards.
func (p *plainText) end() error {
	words := &p.r.words
	if p.text != nil {
		words.out = p.text.Close(words.out[:0])
		if err := p.pass(words.out); err != nil {
			return err
		}
	}
	if !words.guards {
		return nil
	}
	body := p.r.consultAnswer(p.held, func(text []byte) []answerText { return []answerText{{text: text}} },
		func(dst []byte, _ exchange.Dialect, text []byte, filter func(dialect.Channel, []byte) []byte) []byte {
			return append(dst, filter(dialect.Channel{}, text)...)
		})
	if words.blocked != nil {
		return errBlocked
	}
	_, err := p.w.Write(body)
	return err
}

// screenWhole looks at an answer that is whole, and gives it as the client may have it.
func (r *request) screenWhole(body []byte) ([]byte, *exchange.Error) {
	s := &r.words
	if s.answer != nil {
		s.out = dialect.FilterAnswer(s.out[:0], r.dialect, body, func(c dialect.Channel, text []byte) []byte {
			f := r.openChannel(c)
			return f.Close(f.Write(nil, text))
		})
		body = s.out
	}
	if s.blocked == nil && s.guards {
		body = r.consultAnswer(body, r.textsOfAnswer, dialect.FilterAnswer)
	}
	r.tellFindings()
	return body, s.blocked
}

// filterAnswer is dialect.FilterAnswer, and what does the same with a stream.
type filterAnswer func(dst []byte, d exchange.Dialect, body []byte, filter func(dialect.Channel, []byte) []byte) []byte

// answerText is one text of an answer.
type answerText struct {
	channel dialect.Channel
	text    []byte
}

// textsOfAnswer gives the texts of a whole answer, each once.
func (r *request) textsOfAnswer(body []byte) (texts []answerText) {
	seen := map[dialect.Channel]bool{}
	dialect.FilterAnswer(nil, r.dialect, body, func(c dialect.Channel, text []byte) []byte {
		if !seen[c] {
			seen[c] = true
			texts = append(texts, answerText{c, bytes.Clone(text)})
		}
		return text
	})
	return texts
}

// consultAnswer asks the guards about an answer, and gives it as they want it.
func (r *request) consultAnswer(body []byte, textsOf func([]byte) []answerText, filter filterAnswer) []byte {
	texts := textsOf(body)
	if len(texts) == 0 {
		return body
	}
	ask := make([]guard.Text, len(texts))
	for i := range texts {
		ask[i] = guard.Text{Role: dialect.RoleAssistant.String(), Text: texts[i].text}
	}
	with, err := r.consult(r.words.by, config.DirectionResponse, ask)
	switch {
	case err != nil:
		r.words.blocked = err
		return body
	case with == nil:
		return body
	}
	instead := map[dialect.Channel][]byte{}
	for i := range texts {
		instead[texts[i].channel] = []byte(with[i])
	}
	return filter(nil, r.dialect, body, func(c dialect.Channel, text []byte) []byte {
		if other, ok := instead[c]; ok {
			return other
		}
		return text
	})
}

// tellFindings counts what was found in the answer, once.
func (r *request) tellFindings() {
	s := &r.words
	if s.found.Empty() {
		return
	}
	r.ex.Findings.Merge(s.found)
	r.caching.tainted = true
	by := exchange.FindingKinds
	if s.blocked != nil {
		by = s.blockedBy
	}
	r.srv.living.metrics.Found(config.DirectionResponse, &s.found, by)
	s.found = exchange.Findings{}
}

// screen looks at a stream as it goes to the client. Each Write is of whole events.
type screen struct {
	r     *request
	w     io.Writer
	begun bool // something of the answer was passed on
}

// Write passes on what may be told of whole events.
func (s *screen) Write(events []byte) (int, error) {
	words := &s.r.words
	words.out = words.screen.Write(words.out[:0], events)
	if err := s.pass(); err != nil {
		return 0, err
	}
	return len(events), nil
}

// pass writes what the filter gave or, where the answer is refused, why.
func (s *screen) pass() error {
	words := &s.r.words
	if words.blocked == nil && words.screen.Full() {
		words.blocked = internal(errors.New("the answer has too many texts at once"))
	}
	if words.blocked != nil {
		words.out = words.out[:0]
		return s.r.breakOff(s.w, words.blocked, s.begun)
	}
	if len(words.out) == 0 {
		return nil
	}
	s.begun = s.begun || !signOfLife(words.out)
	_, err := s.w.Write(words.out)
	return err
}

// end passes on what is still held.
func (s *screen) end() error {
	words := &s.r.words
	words.out = words.screen.Close(words.out[:0])
	return s.pass()
}

// breakOff tells the client of a stream why it gets no more; begun says that it got something.
func (r *request) breakOff(w io.Writer, e *exchange.Error, begun bool) error {
	_, _ = w.Write(r.appendBreak(nil, e, begun, r.journey.Answer.Numbered()))
	return errBlocked
}

// appendBreak appends the error that ends a stream: number is that of the next event, in streams that number theirs.
func (r *request) appendBreak(dst []byte, e *exchange.Error, begun bool, number int64) []byte {
	switch {
	case !r.array():
		return dialect.AppendErrorEvent(dst, r.dialect, e, r.ex.ID[:], number)
	case begun:
		return dialect.AppendError(append(dst, ','), r.dialect, e, r.ex.ID[:])
	default:
		return dialect.AppendError(append(dst, '['), r.dialect, e, r.ex.ID[:])
	}
}

// wholeText takes a text whole, and says something else in its place at the end.
type wholeText struct {
	text []byte
	then func(text []byte) []byte
}

// Write keeps the chunk.
func (g *wholeText) Write(dst, chunk []byte) []byte {
	g.text = append(g.text, chunk...)
	return dst
}

// Close says it.
func (g *wholeText) Close(dst []byte) []byte { return append(dst, g.then(g.text)...) }

// filterStream is dialect.FilterAnswer for a stream.
func (r *request) filterStream(dst []byte, d exchange.Dialect, events []byte, filter func(dialect.Channel, []byte) []byte) []byte {
	var f dialect.StreamFilter
	f.Reset(d, r.array(), func(c dialect.Channel) dialect.TextFilter {
		return &wholeText{then: func(text []byte) []byte { return filter(c, text) }}
	})
	return f.Close(f.Write(dst, events))
}

// textsOfStream gives the texts of a stream.
func (r *request) textsOfStream(events []byte) (texts []answerText) {
	at := map[dialect.Channel]int{}
	r.filterStream(nil, r.dialect, events, func(c dialect.Channel, text []byte) []byte {
		if _, ok := at[c]; !ok {
			at[c] = len(texts)
			texts = append(texts, answerText{c, text})
		}
		return text
	})
	return texts
}
