// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import "bytes"

// block is one event in its framing (WHATWG HTML 9.2.6), or an element of an array.
type block struct {
	raw []byte
	// data is nil where there is none. It stands at a place of raw, unless it came in several lines.
	data []byte
	at   int
	// ended says that a blank line ends it.
	ended bool
}

const severalLines = -1

// cut takes the first event off the events at hand.
func (s *StreamFilter) cut(events []byte) (b block, rest []byte) {
	rest = events
	lines := 0
	for len(rest) > 0 {
		at := len(events) - len(rest)
		var line []byte
		if line, rest = cutLine(rest); len(line) == 0 {
			b.ended = true
			break
		}
		value, ok := dataOf(line)
		if !ok {
			continue
		}
		switch lines++; lines {
		case 1:
			b.data, b.at = value, at+len(line)-len(value)
		case 2:
			s.lines = append(s.lines[:0], b.data...)
			b.at = severalLines
			fallthrough
		default:
			// In JSON a space is as good as the end of a line.
			s.lines = append(append(s.lines, ' '), value...)
			b.data = s.lines
		}
	}
	b.raw = events[:len(events)-len(rest)]
	if at := skipSpace(b.raw, 0); b.data == nil && at < len(b.raw) && b.raw[at] == '{' {
		// An error of Gemini's stands in no framing.
		b.data, b.at = b.raw[at:], at
	}
	return b, rest
}

// cutLine takes off a line, which ends in LF, CR or both.
func cutLine(b []byte) (line, rest []byte) {
	line = b
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		line, rest = b[:i], b[i+1:]
	}
	if i := bytes.IndexByte(line, '\r'); i >= 0 {
		if rest = b[i+1:]; len(rest) > 0 && rest[0] == '\n' {
			rest = rest[1:]
		}
		line = line[:i]
	}
	return line, rest
}

// dataOf gives the value of a data field.
func dataOf(line []byte) ([]byte, bool) {
	if !bytes.HasPrefix(line, []byte("data")) {
		return nil, false
	}
	value := line[len("data"):]
	switch {
	case len(value) == 0:
		return value, true
	case value[0] != ':':
		return nil, false
	}
	if value = value[1:]; len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	return value, true
}

// append writes the event with its data edited.
func (b *block) append(dst []byte, e *retelling) []byte {
	if b.at != severalLines {
		dst = append(dst, b.raw[:b.at]...)
		dst = e.append(dst, b.data)
		return append(dst, b.raw[b.at+len(b.data):]...)
	}
	written := false
	for rest := b.raw; len(rest) > 0; {
		var line []byte
		whole := rest
		line, rest = cutLine(rest)
		if _, ok := dataOf(line); !ok {
			dst = append(dst, whole[:len(whole)-len(rest)]...)
			continue
		}
		if !written {
			written = true
			dst = append(e.append(append(dst, "data: "...), b.data), '\n')
		}
	}
	return dst
}

// writeArray filters elements of an array, with what stands between them.
func (s *StreamFilter) writeArray(dst, events []byte) []byte {
	w := walker{b: events}
	for i := 0; i < len(events); {
		switch events[i] {
		case ' ', '\n', '\r', '\t', ',', '[':
			dst = append(dst, events[i])
			i++
			continue
		case ']':
			s.trailing = true
			dst = append(s.flush(dst), ']')
			i++
			continue
		}
		end := w.value(i, 1, false)
		if end < 0 {
			return append(dst, events[i:]...)
		}
		element := events[i:end]
		dst = s.event(dst, &block{raw: element, data: element})
		s.elements++
		i = end
	}
	return dst
}
