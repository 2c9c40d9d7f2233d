// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"bytes"
	"encoding/json"
)

// framing is how events are written as server-sent events.
type framing struct {
	newline   string
	multiline bool
	comments  bool
	splitUTF8 bool
}

func framingOf(f Faults) framing {
	newline := "\n"
	if f.CRLF {
		newline = "\r\n"
	}
	return framing{newline: newline, multiline: f.MultilineData, comments: f.Comments, splitUTF8: f.SplitUTF8}
}

func (f framing) frame(e event) []byte {
	var out bytes.Buffer
	if f.comments {
		out.WriteString(": fake comment" + f.newline + f.newline)
	}
	if e.name != "" {
		out.WriteString("event: " + e.name + f.newline)
	}
	for line := range bytes.SplitSeq(f.spread(e.data), []byte("\n")) {
		out.WriteString("data: ")
		out.Write(line)
		out.WriteString(f.newline)
	}
	out.WriteString(f.newline)
	return out.Bytes()
}

// spread puts JSON on several lines, which stays the same JSON when they are joined again; anything else is kept.
func (f framing) spread(data []byte) []byte {
	if !f.multiline {
		return data
	}
	var out bytes.Buffer
	if err := json.Indent(&out, data, "", " "); err != nil {
		return data
	}
	return out.Bytes()
}
