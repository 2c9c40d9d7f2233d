// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"slices"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// maxChannels bounds the texts of a stream that are open at once.
const maxChannels = 256

// channel is a text that is not yet whole.
type channel struct {
	u      utterance
	filter TextFilter
	head   []byte
}

// last says that no further piece of an utterance's text stands in the event.
func (s *StreamFilter) last(i int) bool { return s.lastOf(&s.said[i]) == i }

// lastOf gives the last piece in the event that is of an utterance's text, -1 where there is none.
func (s *StreamFilter) lastOf(u *utterance) int {
	for i := len(s.said) - 1; i >= 0; i-- {
		if !s.said[i].whole && s.said[i].same(u) {
			return i
		}
	}
	return -1
}

// channelOf gives the channel of a piece, opened if it must be: -1 where there are too many. False says that the piece
// needs none: it has no filter, or is empty and the first.
func (s *StreamFilter) channelOf(u *utterance, empty bool) (int, bool) {
	for k := range s.channels {
		if s.channels[k].u.same(u) {
			return k, true
		}
	}
	if empty {
		return 0, false
	}
	f := s.open(u.channel)
	switch {
	case f == nil:
		return 0, false
	case len(s.channels) == maxChannels:
		s.full = true
		return -1, true
	}
	k := len(s.channels)
	if k < cap(s.channels) {
		s.channels = s.channels[:k+1]
	} else {
		s.channels = append(s.channels, channel{})
	}
	c := &s.channels[k]
	c.u, c.filter = *u, f
	if s.d == exchange.Responses {
		c.head = s.keepHead(c.head[:0])
	} else {
		s.head = s.keepHead(s.head[:0])
	}
	return k, true
}

// keepHead appends the members of the event at hand that further ones repeat, each with a comma.
func (s *StreamFilter) keepHead(dst []byte) []byte {
	for _, at := range s.hearing.head {
		if len(dst)+at.to-at.from <= maxHead {
			dst = append(append(dst, at.in(s.b)...), ',')
		}
	}
	return dst
}

// forget closes the gap that a channel leaves, and keeps its memory.
func (s *StreamFilter) forget(k int) {
	gone := s.channels[k]
	last := len(s.channels) - 1
	copy(s.channels[k:], s.channels[k+1:])
	gone.filter = nil
	s.channels[last] = gone
	s.channels = s.channels[:last]
}

// end appends what is held back of the texts that end with the event at hand.
func (s *StreamFilter) end(dst []byte) []byte {
	for k := 0; k < len(s.channels); {
		u := &s.channels[k].u
		if !s.ends(u, s.lastOf(u)) {
			k++
			continue
		}
		dst = s.close(dst, k)
	}
	return dst
}

// flush appends what is held back of any text.
func (s *StreamFilter) flush(dst []byte) []byte {
	for len(s.channels) > 0 {
		dst = s.close(dst, 0)
	}
	return dst
}

// close closes a channel and appends the event that brings its rest.
func (s *StreamFilter) close(dst []byte, k int) []byte {
	c := &s.channels[k]
	s.rest = c.filter.Close(s.rest[:0])
	if len(s.rest) > 0 {
		if s.ragged {
			dst, s.ragged = append(dst, "\n\n"...), false
		}
		dst = s.appendPiece(dst, c, s.rest)
		s.shift++
	}
	s.forget(k)
	return dst
}

// ends says that a text is whole with the event, of which the utterance at index after is the text's last; -1 where it has
// none.
func (h *hearing) ends(u *utterance, after int) bool {
	if h.endedAll || slices.Contains(h.ended, u.channel.Index) {
		return true
	}
	for i := range h.said {
		v := &h.said[i]
		if v.whole && v.same(u) || i > after && h.supersedes(v, u) {
			return true
		}
	}
	return false
}

// supersedes says that a model that says v has said u. Where dialects have no end of a text but the choice's, readers take
// a call for whole when the next begins, the answer when a call does, and a thought when the answer does.
func (h *hearing) supersedes(v, u *utterance) bool {
	if h.d != exchange.OpenAI && h.d != exchange.Gemini || v.channel.Index != u.channel.Index || v.form == formQuoted ||
		v.same(u) {
		return false
	}
	empty, was := v.at.from == v.at.to, u.channel.Voice
	switch v.channel.Voice {
	case VoiceArguments:
		return true
	case VoiceReasoning:
		return !empty && was == VoiceArguments
	default:
		return !empty && (was == VoiceArguments || was == VoiceReasoning)
	}
}
