// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"bytes"
	"encoding/json"
)

// framing is how the events of a stream become bytes. Values are stateless; frames hold the state of one stream.
type framing interface {
	contentType() string
	// cannot names the fault that has no meaning in this framing; "" where all have one.
	cannot(f Faults) string
	begin(f Faults) frames
}

// frames writes one stream.
type frames interface {
	frame(e event) []byte
	// broken is an event like one of that name, but noise: broken JSON, or bytes that fail the framing's own checks.
	broken(name string) []byte
	// alive is what may stand between events and says nothing.
	alive() []byte
	// end follows the last event of a stream that is not cut.
	end() []byte
}

// noise is where JSON should be.
const noise = `{"id":"chatcmpl-` + "\x01\xff" + `,,not json`

// serverSentEvents is the framing of most dialects.
type serverSentEvents struct{}

func (serverSentEvents) contentType() string { return "text/event-stream; charset=utf-8" }

func (serverSentEvents) cannot(f Faults) string {
	if f.Ending == EndBadChecksum {
		return string(EndBadChecksum)
	}
	return ""
}

func (serverSentEvents) begin(f Faults) frames {
	return sseFrames{newline: newlineOf(f), multiline: f.MultilineData, comments: f.Comments}
}

func newlineOf(f Faults) string {
	if f.CRLF {
		return "\r\n"
	}
	return "\n"
}

type sseFrames struct {
	newline   string
	multiline bool
	comments  bool
}

func (f sseFrames) frame(e event) []byte {
	var out bytes.Buffer
	if f.comments {
		out.WriteString(": fake comment" + f.newline + f.newline)
	}
	if e.name != "" {
		out.WriteString("event: " + e.name + f.newline)
	}
	data := e.data
	if f.multiline {
		data = spread(data)
	}
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		out.WriteString("data: ")
		out.Write(line)
		out.WriteString(f.newline)
	}
	out.WriteString(f.newline)
	return out.Bytes()
}

func (f sseFrames) broken(name string) []byte { return f.frame(event{name: name, data: []byte(noise)}) }
func (f sseFrames) alive() []byte             { return []byte(": keep-alive" + f.newline + f.newline) }
func (f sseFrames) end() []byte               { return nil }

// spread puts JSON on several lines, which stays the same JSON when they are joined again; anything else is kept.
func spread(data []byte) []byte {
	var out bytes.Buffer
	if err := json.Indent(&out, data, "", " "); err != nil {
		return data
	}
	return out.Bytes()
}
