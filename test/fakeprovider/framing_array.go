// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import "bytes"

// jsonArray is the framing of Google's streams without alt=sse: one JSON array whose elements arrive one by one.
// White space stands for keep-alive comments; the closing bracket is its terminator.
type jsonArray struct{}

func (jsonArray) contentType() string { return "application/json; charset=UTF-8" }

func (jsonArray) cannot(f Faults) string {
	switch {
	case f.Comments:
		return "comments"
	case f.Ending == EndBadChecksum:
		return string(EndBadChecksum)
	}
	return ""
}

func (jsonArray) begin(f Faults) frames {
	return &arrayFrames{newline: newlineOf(f), multiline: f.MultilineData}
}

type arrayFrames struct {
	newline   string
	multiline bool
	begun     bool
}

func (f *arrayFrames) frame(e event) []byte {
	data := e.data
	if f.multiline {
		data = spread(data)
	}
	return f.element(bytes.ReplaceAll(data, []byte("\n"), []byte(f.newline)))
}

func (f *arrayFrames) element(data []byte) []byte {
	before := "," + f.newline
	if !f.begun {
		before, f.begun = "[", true
	}
	return append([]byte(before), data...)
}

func (f *arrayFrames) broken(string) []byte { return f.element([]byte(noise)) }
func (f *arrayFrames) alive() []byte        { return []byte(f.newline) }

func (f *arrayFrames) end() []byte {
	if !f.begun {
		return []byte("[]")
	}
	return []byte(f.newline + "]")
}
