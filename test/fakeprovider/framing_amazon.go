// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"bytes"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

// maxMessage bounds the payload of one message, in bytes; the protocol's own limit is 16 MiB for a whole message.
const maxMessage = 8 << 20

// amazonEvents is the binary framing of AWS: length-prefixed messages with typed headers and two checksums. A stream
// has no terminator of its own: what its last event says is all.
type amazonEvents struct{}

func (amazonEvents) contentType() string { return "application/vnd.amazon.eventstream" }

func (amazonEvents) cannot(f Faults) string {
	switch {
	case f.CRLF:
		return "crlf"
	case f.MultilineData:
		return "multiline-data"
	case f.Comments:
		return "comments"
	case f.KeepAlive > 0:
		return "keep-alive"
	case f.BigLine > maxMessage:
		return "big-line"
	}
	return ""
}

func (amazonEvents) begin(Faults) frames { return amazonFrames{} }

type amazonFrames struct{}

func (amazonFrames) frame(e event) []byte {
	message, kind := eventstream.Message{Payload: e.data}, "event"
	if e.exception {
		kind = "exception"
	}
	for _, h := range []struct{ name, value string }{
		{":" + kind + "-type", e.name}, {":content-type", "application/json"}, {":message-type", kind},
	} {
		message.Headers.Set(h.name, eventstream.StringValue(h.value))
	}
	var out bytes.Buffer
	if err := eventstream.NewEncoder().Encode(&out, message); err != nil {
		panic(err) // only a message beyond the protocol's limits, which maxMessage keeps out
	}
	return out.Bytes()
}

func (f amazonFrames) broken(name string) []byte {
	return f.frame(event{name: name, data: []byte(noise)})
}

func (amazonFrames) alive() []byte { return nil }
func (amazonFrames) end() []byte   { return nil }

// spoiled changes the last byte of a message, which is part of its checksum.
func spoiled(message []byte) []byte {
	message[len(message)-1] ^= 0xff
	return message
}
