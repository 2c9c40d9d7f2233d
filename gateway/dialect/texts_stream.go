// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"strconv"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// TextFilter filters one text that comes in pieces.
type TextFilter interface {
	// Write appends what may be told now; it may hold back. It does not keep chunk.
	Write(dst, chunk []byte) []byte
	// Close appends the rest. The filter is not used again.
	Close(dst []byte) []byte
}

// StreamFilter filters the texts of a stream, as the application gets it. However the texts are cut into events, the
// pieces of each that come out are, joined, what its filter makes of the whole; everything else goes out as it came, in
// order. What a filter holds back goes out before the event that ends its text; where a stream goes on with a text that
// readers took for ended, that is a text of its own. An event that has nothing left to say is left out, and events that
// are numbered are numbered anew.
//
// The zero value passes everything; Reset makes it filter. It holds no more of the stream than the filters do. It
// belongs to one goroutine.
type StreamFilter struct {
	array bool
	open  func(Channel) TextFilter
	audience
	channels []channel
	full     bool
	// head is what the events of a stream repeat; Responses' are kept by channel.
	head []byte
	// rest is what a filter gave when it was closed, lines the data of an event that came in several.
	rest, lines []byte
	// number is that of the event at hand, in streams that number theirs, and shift what is added to it.
	number, shift int64
	numbered      bool
	// elements is how many of the array were written; trailing says that no further one follows.
	elements int
	trailing bool
	// ragged says that what was written last has no blank line behind it.
	ragged bool
}

// Reset begins a stream of a dialect; array says that it is Gemini's JSON array. open gives the filter of a channel, nil
// for none; it is asked once for each text that begins, but for every piece of those without a filter. Texts that an event
// repeats as a whole get a filter of their own.
func (s *StreamFilter) Reset(d exchange.Dialect, array bool, open func(Channel) TextFilter) {
	for i := range s.channels[:cap(s.channels)] {
		s.channels[:cap(s.channels)][i].filter = nil
	}
	s.release()
	if cap(s.lines) > maxHead || cap(s.rest) > maxHead {
		s.lines, s.rest = nil, nil
	}
	s.d, s.array, s.open = d, array, open
	s.channels, s.head, s.full = s.channels[:0], s.head[:0], false
	s.number, s.shift, s.numbered, s.elements, s.trailing, s.ragged = 0, 0, false, 0, false, false
}

// Full says that a stream had more than 256 texts open at once. Those beyond were withheld, so that the stream must end
// with an error.
func (s *StreamFilter) Full() bool { return s.full }

// Write appends what whole events become, one or several. Those that are no JSON pass as they are.
func (s *StreamFilter) Write(dst, events []byte) []byte {
	switch {
	case s.open == nil:
		return append(dst, events...)
	case s.array:
		return s.writeArray(dst, events)
	}
	for len(events) > 0 {
		var b block
		b, events = s.cut(events)
		dst = s.event(dst, &b)
		s.ragged = !b.ended
	}
	return dst
}

// Close appends what is still held back, for streams that end without saying so, or break off.
func (s *StreamFilter) Close(dst []byte) []byte {
	s.number++
	s.trailing = true
	return s.flush(dst)
}

// event filters one event.
func (s *StreamFilter) event(dst []byte, b *block) []byte {
	if b.data == nil {
		return append(dst, b.raw...)
	}
	if s.hear(s.d, b.data, skipSpace(b.data, 0)) < 0 {
		if string(bytes.TrimSpace(b.data)) == Done {
			dst = s.flush(dst)
		}
		return append(dst, b.raw...)
	}
	s.reset()
	s.readNumber()
	silent := 0
	for i := range s.said {
		silent += s.filter(i)
	}
	dst = s.end(dst)
	if silent == len(s.said) && len(s.all) > 0 && !s.more {
		s.shift--
		return dst
	}
	s.dispel(s.shadows)
	s.renumber()
	if len(s.all) == 0 {
		return append(dst, b.raw...)
	}
	return b.append(dst, &s.retelling)
}

// filter filters one utterance of an event; it gives 1 if nothing is left of it.
func (s *StreamFilter) filter(i int) int {
	u := &s.said[i]
	text, from := s.plain(u), len(s.text)
	if u.whole {
		if !s.filterWhole(u, text) {
			return 0
		}
	} else {
		k, ok := s.channelOf(u, len(text) == 0)
		switch {
		case !ok && len(text) == 0:
			return 1
		case !ok:
			return 0
		case k >= 0:
			c := &s.channels[k]
			s.text = c.filter.Write(s.text, text)
			if s.last(i) && s.ends(u, i) {
				s.text = c.filter.Close(s.text)
				s.forget(k)
			}
		}
	}
	told := s.text[from:]
	silent := 0
	if len(told) == 0 {
		silent = 1
	}
	if bytes.Equal(told, text) {
		s.text = s.text[:from]
		return silent
	}
	s.retell(u, from)
	return silent
}

// filterWhole filters a text that an event has as a whole; false says that it has no filter.
func (s *StreamFilter) filterWhole(u *utterance, text []byte) bool {
	if len(text) == 0 {
		return false
	}
	f := s.open(u.channel)
	if f == nil {
		return false
	}
	s.text = f.Close(f.Write(s.text, text))
	return true
}

// readNumber takes up the event's number.
func (s *StreamFilter) readNumber() {
	if n, ok := integer(s.sequence.in(s.b)); ok && s.sequence.found() {
		s.number, s.numbered = n, true
		return
	}
	s.number++
}

// renumber gives the event the number that it has among those that go out.
func (s *StreamFilter) renumber() {
	if s.shift != 0 && s.sequence.found() {
		from := len(s.text)
		s.text = strconv.AppendInt(s.text, s.number+s.shift, 10)
		s.put(s.sequence, from, true)
	}
}
