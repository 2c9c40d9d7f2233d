// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package eventstream

import "encoding/binary"

// The values of :message-type.
const (
	// TypeEvent: a step of the answer. :event-type names it.
	TypeEvent = "event"
	// TypeException: a failure that the service's model knows. :exception-type names it, the payload describes it.
	TypeException = "exception"
	// TypeError: any other failure, told by :error-code and :error-message. There is no payload.
	TypeError = "error"
)

// Message is one message. Its slices are valid until the next Fill. Headers of other names, and those whose value is not
// a string, are skipped.
type Message struct {
	// Raw is the message as it arrived. The Raws of a stream, joined, are the stream.
	Raw []byte
	// Type is the :message-type header, nil when there is none; the other headers are named as they are on the wire.
	Type, EventType, ExceptionType, ErrorCode, ErrorMessage []byte
	// Payload is the body, often JSON.
	Payload []byte
}

// Failed says that the message tells a failure rather than an event.
func (m *Message) Failed() bool {
	return string(m.Type) == TypeException || string(m.Type) == TypeError
}

// Name is what the message is called by its type: the event's, the exception's, or the error's code.
func (m *Message) Name() []byte {
	switch string(m.Type) {
	case TypeException:
		return m.ExceptionType
	case TypeError:
		return m.ErrorCode
	default:
		return m.EventType
	}
}

// Data is what the message says: its payload, or the text of an error.
func (m *Message) Data() []byte {
	if string(m.Type) == TypeError {
		return m.ErrorMessage
	}
	return m.Payload
}

const typeString = 7

// headerLens are the lengths of values by their type; -1 stands for those that begin with a length of two bytes.
var headerLens = [...]int{
	0: 0, 1: 0, // true, false
	2: 1, 3: 2, 4: 4, 5: 8, // byte, short, integer, long
	6: -1, typeString: -1, // bytes, string
	8: 8, 9: 16, // timestamp, UUID
}

// readHeaders takes up the headers; false says that they contradict themselves.
func (m *Message) readHeaders(b []byte) bool {
	for len(b) > 0 {
		name, rest, ok := cut(b[1:], int(b[0]))
		if !ok || len(rest) == 0 {
			return false
		}
		kind := int(rest[0])
		rest = rest[1:]
		if kind >= len(headerLens) {
			return false
		}
		n := headerLens[kind]
		if n < 0 {
			if len(rest) < 2 {
				return false
			}
			n, rest = int(binary.BigEndian.Uint16(rest)), rest[2:]
		}
		var value []byte
		if value, b, ok = cut(rest, n); !ok {
			return false
		}
		if kind == typeString {
			m.header(name, value)
		}
	}
	return true
}

func (m *Message) header(name, value []byte) {
	switch string(name) {
	case ":message-type":
		m.Type = value
	case ":event-type":
		m.EventType = value
	case ":exception-type":
		m.ExceptionType = value
	case ":error-code":
		m.ErrorCode = value
	case ":error-message":
		m.ErrorMessage = value
	}
}

func cut(b []byte, n int) (head, tail []byte, ok bool) {
	if len(b) < n {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}
