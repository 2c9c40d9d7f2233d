// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"errors"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/dialect/embed"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Question is what an application asks, in its own dialect.
type Question struct {
	Operation exchange.Operation
	Dialect   exchange.Dialect
	Body      []byte
	// Model is the name asked for; Stream asks for events, and Array for Gemini's JSON array in their place.
	Model         string
	Stream, Array bool
	// Meta is what the answer says of itself where the provider does not.
	Meta chat.Meta
}

// Target is who answers it.
type Target struct {
	Wire exchange.Dialect
	// Type decides where several types of provider speak one dialect each in its own way.
	Type config.ProviderType
	// Verb is the operation, where the wire's dialect has several for one.
	Verb string
	// Model is the provider's name of it.
	Model string
	// MaxTokens is the model's bound on its output; 0 where nobody said.
	MaxTokens int64
}

// defaultMaxTokens is the bound for dialects that insist on one, where neither the application nor the policy says any.
const defaultMaxTokens = 4096

// Translation takes a question to a provider of another dialect and the answer back. The zero value is ready for
// Request; Reset makes it so again. It belongs to one goroutine.
type Translation struct {
	// Prompt is what the provider's header says of the prompt's tokens, for answers that do not; empty where it says
	// nothing.
	Prompt []byte

	q      Question
	target Target
	asked  *chat.Request
	// embedding is what was asked, of embeddings.
	embedding *embed.Request

	reader chat.Reader
	writer chat.Writer
	events []chat.Event
}

// Reset forgets everything but the buffer.
func (t *Translation) Reset() { *t = Translation{events: clear0(t.events)} }

func clear0(events []chat.Event) []chat.Event {
	clear(events)
	return events[:0]
}

// Request appends the question as the provider takes it, or refuses what cannot be said in the provider's dialect.
func (t *Translation) Request(dst []byte, q Question, to Target) ([]byte, *exchange.Error) {
	t.q, t.target = q, to
	switch q.Operation {
	case exchange.Chat:
		return t.chat(dst)
	case exchange.CountTokens:
		return t.count(dst)
	case exchange.Embeddings:
		return t.embed(dst)
	default:
		return dst, Unsupported(q.Operation, to.Type)
	}
}

func (t *Translation) chat(dst []byte) ([]byte, *exchange.Error) {
	if t.asked == nil {
		if objects(t.q.Body) > MaxObjects {
			return dst, tooManyObjects(t.q.Dialect)
		}
		asked, err := decoders[t.q.Dialect].DecodeRequest(t.q.Body)
		if err != nil {
			return dst, err
		}
		asked.Model, asked.Stream = t.q.Model, t.q.Stream
		t.asked = asked
	}
	return encoderOf(t.target).AppendRequest(dst, t.asked, t.to())
}

func (t *Translation) to() chat.Target {
	to := chat.Target{Model: t.target.Model, MaxTokens: t.target.MaxTokens}
	if to.MaxTokens == 0 {
		to.MaxTokens = defaultMaxTokens
	}
	return to
}

func (t *Translation) count(dst []byte) ([]byte, *exchange.Error) {
	from, ok := counters[t.q.Dialect]
	to, can := countingOf(t.target)
	if !ok || !can {
		return dst, Unsupported(exchange.CountTokens, t.target.Type)
	}
	asked, err := from.decode(t.q.Body)
	if err != nil {
		return dst, err
	}
	asked.Model = t.q.Model
	return to.append(dst, asked, t.to())
}

// Unsupported says that a type of provider has no such operation.
func Unsupported(op exchange.Operation, t config.ProviderType) *exchange.Error {
	return &exchange.Error{
		Status: 404, Type: exchange.TypeInvalidRequest, Code: "unsupported_operation", Reason: exchange.ReasonUnsupported,
		Outcome: exchange.Refused,
		Message: "This model's provider, of type " + string(t) + ", cannot do this: " + op.String() + ".",
	}
}

// Answer appends a whole answer as the application takes it, and what the gateway reads of it.
func (t *Translation) Answer(dst, body []byte) ([]byte, Answer, error) {
	if t.q.Operation == exchange.CountTokens {
		counting, _ := countingOf(t.target)
		n, err := counting.read(body)
		if err != nil {
			return dst, Answer{}, err
		}
		return counters[t.q.Dialect].append(dst, n), Answer{}, nil
	}
	if t.q.Operation == exchange.Embeddings {
		return t.embedded(dst, body)
	}
	answer, err := encoderOf(t.target).DecodeAnswer(body)
	if err != nil {
		return dst, Answer{}, err
	}
	read := Answer{Usage: answer.Usage, Model: []byte(answer.Model)}
	for _, choice := range answer.Choices {
		for _, part := range choice.Parts {
			read.TextBytes += int64(len(part.Text))
			if part.Call != nil {
				read.TextBytes += int64(len(part.Call.Arguments))
			}
		}
	}
	answer.Fill(t.q.Meta)
	answer.Echo = t.asked.Echo
	return decoders[t.q.Dialect].AppendAnswer(dst, answer), read, nil
}

// Event appends what one event of the provider means to the application. The read Answer's Ended says that the stream
// is whole with it. An *exchange.Error is the provider's own, or says that the answer is too long; other errors say that
// the event is not of its grammar.
func (t *Translation) Event(dst, name, data []byte) ([]byte, Answer, error) {
	t.begin()
	events, err := t.reader.Read(clear0(t.events), name, data)
	t.events = events
	if err != nil {
		return dst, Answer{}, err
	}
	return t.write(dst)
}

// End appends what the end of the provider's stream means.
func (t *Translation) End(dst []byte) ([]byte, Answer, error) {
	t.begin()
	events, err := t.reader.End(clear0(t.events))
	t.events = events
	if err != nil {
		return dst, Answer{}, err
	}
	return t.write(dst)
}

func (t *Translation) begin() {
	if t.reader == nil {
		t.reader, t.writer = encoderOf(t.target).NewReader(), writerOf(t.q, t.asked)
	}
}

func (t *Translation) write(dst []byte) ([]byte, Answer, error) {
	var read Answer
	for i := range t.events {
		e := &t.events[i]
		switch e.Kind {
		case chat.Began:
			read.Model = []byte(e.Model)
		case chat.Delta:
			read.TextBytes += int64(len(e.Text))
			read.Texts++
		case chat.Used:
			read.Usage = Merge(read.Usage, e.Usage)
		case chat.Failed:
			if e.Err == nil {
				return dst, read, errors.New("an error without a word")
			}
			return dst, read, e.Err
		case chat.Ended:
			read.Ended = true
		default:
		}
		dst = t.writer.Write(dst, e)
		if full := t.full(); full != nil {
			return dst, read, full
		}
	}
	return dst, read, nil
}

// full gives the error of an answer that is too long for the application's dialect.
func (t *Translation) full() error {
	bounded, ok := t.writer.(chat.Bounded)
	if !ok {
		return nil
	}
	if e := bounded.Full(); e != nil {
		return e
	}
	return nil
}

// AppendFailure appends the event that tells a translated stream's application that it is not whole.
func (t *Translation) AppendFailure(dst []byte, e *exchange.Error) []byte {
	t.begin()
	return t.writer.Write(dst, &chat.Event{Kind: chat.Failed, Err: e})
}
