// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import "bytes"

// markdownStage looks for images in Markdown. Renderers do not agree on where an image's text ends, so all "](" behind a "!["
// lead to an image up to the end of the paragraph, but for an image that none could read in another way. References are
// judged where the second of image and definition comes. It holds back a URL up to its host's end.
type markdownStage struct {
	imageLink
	state mdState
	// open counts images whose text may not have ended. plain says that nothing in the last one's is special.
	open  int
	plain bool
	// blank says that the line is, so far.
	blank bool
	// definition says that the destination is a reference's, angle that it stands between < and >.
	definition, angle bool
	// referenced says that an image refers to a definition, defined that a foreign one was told.
	referenced, defined bool
}

type mdState uint8

const (
	mdText   mdState = iota
	mdBang           // behind !
	mdClosed         // behind ]
	mdSpace          // before a destination
	mdURL            // in it, before it is judged
	mdRest           // in it
	mdTitle          // behind it
)

func (m *markdownStage) reset() {
	*m = markdownStage{imageLink: m.imageLink, blank: true}
	m.imageLink.reset()
}

func (m *markdownStage) write(dst, chunk []byte) ([]byte, *Blocked) {
	for len(chunk) > 0 {
		if m.state == mdText && m.open == 0 {
			n := bytes.IndexAny(chunk, "!]")
			if n < 0 {
				n = len(chunk)
			}
			if n > 0 {
				m.pass(chunk[:n])
				dst = append(dst, chunk[:n]...)
				chunk = chunk[n:]
				continue
			}
		}
		if dst = m.next(dst, chunk[0]); m.block != nil {
			return dst, m.block
		}
		if chunk[0] == '\n' && m.blank {
			m.open = 0 // A paragraph ends.
		}
		m.pass(chunk[:1])
		chunk = chunk[1:]
	}
	return dst, nil
}

func (m *markdownStage) close(dst []byte) ([]byte, *Blocked) {
	switch m.state {
	case mdURL:
		dst = m.judged(dst, m.url.end(m.hosts))
	case mdClosed:
		dst = m.reference(dst)
	}
	return dst, m.block
}

// pass keeps in mind whether the line is blank.
func (m *markdownStage) pass(text []byte) {
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		m.blank = true
		text = text[i+1:]
	}
	for i := 0; m.blank && i < len(text); i++ {
		m.blank = isSpace(text[i])
	}
}

// next reads a byte.
func (m *markdownStage) next(dst []byte, c byte) []byte {
	switch m.state {
	case mdBang:
		if m.state = mdText; c == '[' {
			m.open++
			m.plain = true
			return append(dst, c)
		}
	case mdClosed:
		return m.closed(dst, c)
	case mdSpace:
		return m.space(dst, c)
	case mdURL:
		return m.destination(dst, c)
	case mdRest:
		return m.rest(dst, c)
	case mdTitle:
		return m.title(dst, c)
	}
	switch c {
	case '!':
		m.state = mdBang
	case ']':
		m.state = mdClosed
	case '[', '`', '\\', '<', '\n':
		m.plain = false
	}
	return append(dst, c)
}

// text takes a byte that is not what was expected for one of the text.
func (m *markdownStage) text(dst []byte, c byte) []byte {
	m.state, m.plain = mdText, false
	return m.next(dst, c)
}

// closed reads the byte behind a bracket that closes.
func (m *markdownStage) closed(dst []byte, c byte) []byte {
	if c == '(' && m.open > 0 {
		m.begin(false)
		return append(dst, c)
	}
	m.state = mdText
	if dst = m.reference(dst); m.block != nil {
		return dst
	}
	if c == ':' {
		m.begin(true)
		return append(dst, c)
	}
	return m.next(dst, c)
}

// begin expects a destination.
func (m *markdownStage) begin(definition bool) {
	m.state, m.definition, m.angle = mdSpace, definition, false
	m.url.reset()
}

// reference takes what stands before for an image that refers to a definition. In place of a foreign one it leads nowhere.
func (m *markdownStage) reference(dst []byte) []byte {
	if m.open == 0 {
		return dst
	}
	m.plain, m.referenced = false, true
	if m.defined {
		dst = m.refuse(dst, nil, "("+nowhere+")")
		m.dropped = false
	}
	return dst
}

func (m *markdownStage) space(dst []byte, c byte) []byte {
	switch {
	case c == '\n' && m.blank:
		return m.text(dst, c)
	case isSpace(c):
	case c == '<' && !m.angle:
		m.angle = true
	default:
		m.state = mdURL
		return m.destination(dst, c)
	}
	return append(dst, c)
}

// destination reads a byte of one that is not judged. Brackets make it doubtful whether it is one: then an image may begin in it.
func (m *markdownStage) destination(dst []byte, c byte) []byte {
	var j judgement
	switch relative := m.url.part == partFirst || m.url.part == partSlash; {
	case m.ends(c):
		j = m.url.end(m.hosts)
	case special(c) && relative:
		return m.text(append(dst, m.url.held...), c)
	case special(c):
		j = foreign // no host holds it
	default:
		m.simple(c)
		if j = m.url.add(c, m.hosts); j == undecided {
			return dst
		}
		return m.judged(dst, j)
	}
	if dst = m.judged(dst, j); m.block != nil {
		return dst
	}
	return m.rest(dst, c)
}

// special says whether a byte may begin or end what an image is made of.
func special(c byte) bool { return c == '!' || c == '[' || c == ']' || c == '`' }

// ends says whether a byte ends a destination.
func (m *markdownStage) ends(c byte) bool {
	if m.angle {
		return c == '>' || c == '\n'
	}
	return c == ')' || isSpace(c)
}

// simple keeps in mind whether a destination has characters that renderers could read in other ways.
func (m *markdownStage) simple(c byte) {
	if c <= ' ' || c >= 0x7F || bytes.IndexByte([]byte("\"'()<>\\"), c) >= 0 {
		m.plain = false
	}
}

func (m *markdownStage) judged(dst []byte, j judgement) []byte {
	m.state = mdRest
	if j == foreign && m.definition && !m.referenced {
		m.defined = true
		j = harmless // as long as no image refers to it
	}
	return m.settle(dst, j)
}

// rest reads on in a destination that is judged.
func (m *markdownStage) rest(dst []byte, c byte) []byte {
	switch {
	case m.ends(c):
		m.dropped = false
		m.state = mdTitle
		return m.title(dst, c)
	case m.dropped:
		m.simple(c)
		return dst
	case special(c):
		return m.text(dst, c)
	}
	m.simple(c)
	return append(dst, c)
}

// title reads what may follow a destination, its end first.
func (m *markdownStage) title(dst []byte, c byte) []byte {
	switch {
	case m.definition, special(c), c == '(', c == '<' || c == '\\':
		return m.text(dst, c)
	case c == ')':
		m.state = mdText
		if m.plain && m.open > 0 {
			m.open--
		}
		m.plain = false
	}
	return append(dst, c)
}
