// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package chat

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// EventKind says which fields of an Event mean something.
type EventKind uint8

// The kinds of events, in the order in which they come: Began, then for each part of each choice PartBegan, any number
// of Delta and Signed, PartEnded; Finished once a choice; Used whenever the provider tells the usage, each replacing the
// last; Ended. Failed may stand anywhere and is the last. Parts of one choice never overlap: a part has ended before the
// next begins.
const (
	// Began: ID, Model, Created where the provider says them.
	Began EventKind = iota
	// PartBegan: Choice, Part.Kind, and for a Call Part.Call's ID and Name. Texts and arguments follow as Delta.
	PartBegan
	// Delta: Choice, Text: more of the part's text, or of its arguments.
	Delta
	// Signed: Choice, Text: the part's signature, whole.
	Signed
	// PartEnded: Choice.
	PartEnded
	// Finished: Choice, Finish, StopSequence.
	Finished
	// Used: Usage.
	Used
	// Ended: the stream is whole.
	Ended
	// Failed: Err is the provider's own error.
	Failed
)

// Event is one step of a streamed answer.
type Event struct {
	Kind         EventKind
	Choice       int
	ID, Model    string
	Created      int64
	Part         Part
	Text         string
	LogProbs     jsontext.Value // of a Delta, as in Choice
	Finish       Finish
	StopSequence string
	Usage        exchange.Usage
	Err          *exchange.Error
}

// Reader turns the events of a provider's stream into neutral ones. It belongs to one stream.
type Reader interface {
	// Read takes one event of the provider: its name, where the framing has names, and its data, which it must not keep.
	// It appends what that means. An error says that the provider broke its own grammar.
	Read(dst []Event, name, data []byte) ([]Event, error)
	// End takes the end of the provider's stream and appends what was held back, Ended included where the grammar ends
	// so. An error, io.ErrUnexpectedEOF, says that the stream is not whole.
	End(dst []Event) ([]Event, error)
}

// Writer turns neutral events into bytes of the application's stream, framing included. It belongs to one stream.
type Writer interface {
	// Write appends what the application gets for an event, which may be nothing.
	Write(dst []byte, e *Event) []byte
}

// Bounded is a Writer that holds what its grammar says again later, and no more of it than a bound. One that cannot go on
// has told the application so, and writes nothing after that.
type Bounded interface {
	Writer
	// Full gives the error that ended the stream, nil while there is none.
	Full() *exchange.Error
}
