// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package converse

import (
	"encoding/base64"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// maxSignature bounds the signature of one part, which is held until it is whole: 8 MiB.
const maxSignature = 8 << 20

var (
	errOrder     = errors.New("converse: an event out of its order")
	errContinued = errors.New("converse: a content block that ended goes on")
	errNoCall    = errors.New("converse: arguments without a call")
	errSignature = errors.New("converse: a signature that is not one")
)

// stage is how far a stream has come.
type stage uint8

const (
	before  stage = iota
	within        // after messageStart
	stopped       // after messageStop
	ended         // after the metadata that follows, or a failure
)

// reader reads ConverseStream. Names are those of :event-type, :exception-type or :error-code.
type reader struct {
	stage stage

	// The content block in hand.
	open    bool
	index   int64
	kind    chat.PartKind
	skipped bool   // it is of a kind that was not asked for
	signed  []byte // its signature so far

	closed int64 // the highest index of a block that ended, -1 before the first
}

// NewReader begins a stream. What it reads are whole messages of the binary event stream: the name by the message's
// type, and the payload.
func (Encoder) NewReader() chat.Reader { return &reader{closed: -1} }

// Read takes one message. Events of names that came after this was written are passed over, exceptions are not.
func (r *reader) Read(dst []chat.Event, name, data []byte) ([]chat.Event, error) {
	if r.stage == ended {
		return dst, errOrder
	}
	switch string(name) {
	case "messageStart":
		if r.stage != before {
			return dst, errOrder
		}
		r.stage = within
		return append(dst, chat.Event{Kind: chat.Began}), nil
	case "contentBlockStart", "contentBlockDelta", "contentBlockStop":
		if r.stage != within {
			return dst, errOrder
		}
		return r.block(dst, string(name), data)
	case "messageStop":
		if r.stage != within {
			return dst, errOrder
		}
		return r.stop(dst, data)
	case "metadata":
		if r.stage == before {
			return dst, errOrder
		}
		return r.metadata(dst, data)
	}
	if isFailure(string(name)) {
		r.stage = ended
		return append(dst, chat.Event{Kind: chat.Failed, Err: failure(string(name), data)}), nil
	}
	return dst, nil
}

// End ends a stream that has no metadata to tell its usage; one without messageStop is not whole.
func (r *reader) End(dst []chat.Event) ([]chat.Event, error) {
	switch r.stage {
	case ended:
		return dst, nil
	case stopped:
		r.stage = ended
		return append(dst, chat.Event{Kind: chat.Ended}), nil
	default:
		return dst, io.ErrUnexpectedEOF
	}
}

// blockEvent is any of the events of a content block.
type blockEvent struct {
	ContentBlockIndex int64      `json:"contentBlockIndex"`
	Start             blockStart `json:"start"`
	Delta             blockDelta `json:"delta"`
}

// blockStart is a union. Texts and reasoning often have none.
type blockStart struct {
	ToolUse    *answeredCall  `json:"toolUse"`
	ToolResult jsontext.Value `json:"toolResult"`
	Image      jsontext.Value `json:"image"`
}

// blockDelta is a union.
type blockDelta struct {
	Text    *string `json:"text"`
	ToolUse *struct {
		Input string `json:"input"`
	} `json:"toolUse"`
	ReasoningContent *struct {
		Text            *string `json:"text"`
		Signature       string  `json:"signature"`
		RedactedContent string  `json:"redactedContent"`
	} `json:"reasoningContent"`
}

func (r *reader) block(dst []chat.Event, name string, data []byte) ([]chat.Event, error) {
	var e blockEvent
	if err := chat.DecodeAnswer(data, &e); err != nil {
		return dst, err
	}
	index := e.ContentBlockIndex
	switch {
	case index < 0:
		return dst, errOrder
	case name == "contentBlockStart":
		return r.start(dst, index, &e.Start)
	case name == "contentBlockDelta":
		return r.delta(dst, index, &e.Delta)
	}
	if r.open && r.index == index {
		dst = r.close(dst)
	}
	r.closed = max(r.closed, index)
	return dst, nil
}

func (r *reader) start(dst []chat.Event, index int64, s *blockStart) ([]chat.Event, error) {
	call := s.ToolUse
	if call == nil && s.ToolResult == nil && s.Image == nil {
		return dst, nil
	}
	if r.open && r.index == index {
		return dst, errOrder
	}
	if call == nil || call.Type != "" {
		return r.begin(dst, index, chat.Part{Kind: chat.Call}, true)
	}
	part := chat.Part{Kind: chat.Call, Call: &chat.ToolCall{ID: call.ToolUseID, Name: call.Name}}
	return r.begin(dst, index, part, false)
}

func (r *reader) delta(dst []chat.Event, index int64, d *blockDelta) ([]chat.Event, error) {
	if r.open && r.index == index && r.skipped {
		return dst, nil
	}
	var err error
	switch {
	case d.Text != nil:
		return r.text(dst, index, chat.Text, *d.Text)
	case d.ToolUse != nil:
		if !r.open || r.index != index || r.kind != chat.Call {
			return dst, errNoCall
		}
		return r.text(dst, index, chat.Call, d.ToolUse.Input)
	case d.ReasoningContent == nil:
		return dst, nil
	case d.ReasoningContent.RedactedContent != "":
		if dst, err = r.text(dst, index, chat.Redacted, ""); err != nil {
			return dst, err
		}
		// Pieces of base64 are joined as what they stand for.
		piece, err := base64.StdEncoding.DecodeString(d.ReasoningContent.RedactedContent)
		if err != nil {
			return dst, errSignature
		}
		return dst, r.sign(piece)
	default:
		text := ""
		if d.ReasoningContent.Text != nil {
			text = *d.ReasoningContent.Text
		}
		if dst, err = r.text(dst, index, chat.Thinking, text); err != nil {
			return dst, err
		}
		return dst, r.sign([]byte(d.ReasoningContent.Signature))
	}
}

func (r *reader) sign(piece []byte) error {
	if len(r.signed)+len(piece) > maxSignature {
		return errSignature
	}
	r.signed = append(r.signed, piece...)
	return nil
}

// text adds to the block of an index, and begins it where it has no start of its own. A block that changes its kind
// becomes two parts.
func (r *reader) text(dst []chat.Event, index int64, kind chat.PartKind, text string) ([]chat.Event, error) {
	if !r.open || r.index != index || r.kind != kind {
		var err error
		if dst, err = r.begin(dst, index, chat.Part{Kind: kind}, false); err != nil {
			return dst, err
		}
	}
	if text == "" {
		return dst, nil
	}
	return append(dst, chat.Event{Kind: chat.Delta, Text: text}), nil
}

// begin opens a block, and closes the one in hand, which may not go on then.
func (r *reader) begin(dst []chat.Event, index int64, part chat.Part, skipped bool) ([]chat.Event, error) {
	same := r.open && r.index == index
	if !same && index <= r.closed {
		return dst, errContinued
	}
	if r.open {
		dst = r.close(dst)
		if !same && index <= r.closed {
			return dst, errContinued
		}
	}
	r.open, r.index, r.kind, r.skipped = true, index, part.Kind, skipped
	if skipped {
		return dst, nil
	}
	return append(dst, chat.Event{Kind: chat.PartBegan, Part: part}), nil
}

func (r *reader) close(dst []chat.Event) []chat.Event {
	r.open, r.closed = false, max(r.closed, r.index)
	if r.skipped {
		return dst
	}
	if len(r.signed) > 0 {
		signature := string(r.signed)
		if r.kind == chat.Redacted {
			signature = base64.StdEncoding.EncodeToString(r.signed)
		}
		dst = append(dst, chat.Event{Kind: chat.Signed, Text: signature})
		r.signed = r.signed[:0]
	}
	return append(dst, chat.Event{Kind: chat.PartEnded})
}

func (r *reader) stop(dst []chat.Event, data []byte) ([]chat.Event, error) {
	var e struct {
		StopReason                    string         `json:"stopReason"`
		AdditionalModelResponseFields jsontext.Value `json:"additionalModelResponseFields"`
	}
	if err := chat.DecodeAnswer(data, &e); err != nil {
		return dst, err
	}
	if r.open {
		dst = r.close(dst)
	}
	reason, ok := finish(e.StopReason)
	if !ok {
		r.stage = ended
		return append(dst, chat.Event{Kind: chat.Failed, Err: failure("modelStreamErrorException", []byte("What the model wrote was malformed."))}), nil
	}
	r.stage = stopped
	finished := chat.Event{Kind: chat.Finished, Finish: reason}
	if reason == chat.AtStop {
		finished.StopSequence = stopSequence(e.AdditionalModelResponseFields)
	}
	return append(dst, finished), nil
}

// metadata tells the usage, and ends a stream that has stopped.
func (r *reader) metadata(dst []chat.Event, data []byte) ([]chat.Event, error) {
	var e struct {
		Usage jsontext.Value `json:"usage"`
	}
	if err := chat.DecodeAnswer(data, &e); err != nil {
		return dst, err
	}
	if u := usage(e.Usage); u.Source != exchange.UsageNone {
		dst = append(dst, chat.Event{Kind: chat.Used, Usage: u})
	}
	if r.stage == stopped {
		r.stage = ended
		dst = append(dst, chat.Event{Kind: chat.Ended})
	}
	return dst, nil
}
