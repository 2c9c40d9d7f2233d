// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import "bytes"

// htmlStage looks for images in HTML: what attributes such as src say in the tags of images, films and embedded things. Where such a
// tag ends is sure only when it is written plainly; behind any other, all that looks like such an attribute counts, up to
// the end of the text. It holds back a URL up to its host's end.
type htmlStage struct {
	imageLink
	state htmlState
	// name is the beginning of the name that was read last, in lower case; n its length, beyond len(name) where it is longer.
	name [16]byte
	n    int
	// quote is what ends the value, 0 where white space does. list says that it may hold several URLs.
	quote byte
	list  bool
	tag   plainTag
}

type htmlState uint8

const (
	htmlText  htmlState = iota
	htmlOpen            // behind <
	htmlName            // in a tag's name
	htmlTag             // in a tag that counts, and behind those whose end is not sure
	htmlSpace           // behind an attribute's name
	htmlValue           // behind its =
	htmlURL             // in a URL, before it is judged
	htmlRest            // in it
)

// imageTags may load what their urlAttributes say.
var (
	imageTags = map[string]bool{"img": true, "image": true, "source": true, "input": true, "video": true, "audio": true, "embed": true,
		"object": true, "iframe": true, "feimage": true, "use": true}
	urlAttributes = map[string]bool{"src": true, "srcset": true, "imagesrcset": true, "poster": true, "data": true, "href": true,
		"xlink:href": true, "background": true, "lowsrc": true, "dynsrc": true}
)

func (h *htmlStage) reset() {
	*h = htmlStage{imageLink: h.imageLink}
	h.imageLink.reset()
}

func (h *htmlStage) write(dst, chunk []byte) ([]byte, *Blocked) {
	for len(chunk) > 0 {
		if h.state == htmlText {
			n := bytes.IndexByte(chunk, '<')
			if n < 0 {
				n = len(chunk)
			}
			if n > 0 {
				dst = append(dst, chunk[:n]...)
				chunk = chunk[n:]
				continue
			}
		}
		if h.state >= htmlTag {
			h.tag.add(chunk[0])
		}
		if dst = h.next(dst, chunk[0]); h.block != nil {
			return dst, h.block
		}
		chunk = chunk[1:]
	}
	return dst, nil
}

func (h *htmlStage) close(dst []byte) ([]byte, *Blocked) {
	if h.state == htmlURL {
		dst = h.settle(dst, h.url.end(h.hosts))
	}
	return dst, h.block
}

// next reads a byte.
func (h *htmlStage) next(dst []byte, c byte) []byte {
	switch h.state {
	case htmlText:
		if c == '<' {
			h.state = htmlOpen
		}
	case htmlOpen, htmlName:
		h.tagName(c)
	case htmlTag, htmlSpace:
		h.attribute(c)
	case htmlValue:
		return h.value(dst, c)
	case htmlURL:
		return h.destination(dst, c)
	case htmlRest:
		return h.rest(dst, c)
	}
	return append(dst, c)
}

func (h *htmlStage) tagName(c byte) {
	switch {
	case isNameByte(c):
		if h.state == htmlOpen {
			h.state, h.n = htmlName, 0
		}
		h.letter(c)
	case h.state == htmlName && (isSpace(c) || c == '/') && h.is(imageTags):
		h.state, h.n = htmlTag, 0
		h.tag = plainTag{}
	case c == '<':
		h.state = htmlOpen
	default:
		h.state = htmlText
	}
}

func (h *htmlStage) letter(c byte) {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	if h.n < len(h.name) {
		h.name[h.n] = c
	}
	h.n++
}

func (h *htmlStage) is(names map[string]bool) bool {
	return h.n <= len(h.name) && names[string(h.name[:h.n])]
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == ':' || c == '-'
}

// attribute reads a byte of a tag outside of the values that count.
func (h *htmlStage) attribute(c byte) {
	switch {
	case h.tag.closed:
		h.state = htmlText
	case isNameByte(c):
		if h.state == htmlSpace {
			h.state, h.n = htmlTag, 0
		}
		h.letter(c)
	case isSpace(c) && h.n > 0:
		h.state = htmlSpace
	case c == '=' && h.is(urlAttributes):
		name := h.name[:h.n]
		h.list = bytes.HasSuffix(name, []byte("srcset"))
		h.state = htmlValue
	default:
		h.state, h.n = htmlTag, 0
	}
}

// value reads what stands before a value.
func (h *htmlStage) value(dst []byte, c byte) []byte {
	h.quote = 0
	switch {
	case h.tag.closed:
		h.state = htmlText
	case isSpace(c):
	case c == '"' || c == '\'':
		h.quote = c
		h.begin()
	default:
		h.begin()
		return h.destination(dst, c)
	}
	return append(dst, c)
}

// begin expects a URL.
func (h *htmlStage) begin() {
	h.state = htmlURL
	h.url.reset()
}

// ends says whether a byte ends a URL, and its value with it.
func (h *htmlStage) ends(c byte) (url, value bool) {
	if h.quote != 0 {
		value = c == h.quote
	} else {
		value = c == '>' || isSpace(c)
	}
	return value || h.list && (c == ',' || isSpace(c)), value
}

// destination reads a byte of a URL that is not judged. What browsers strip before it is none of it.
func (h *htmlStage) destination(dst []byte, c byte) []byte {
	if len(h.url.held) == 0 && c != h.quote && h.quote != 0 && (c <= ' ' || h.list && c == ',') {
		return append(dst, c)
	}
	var j judgement
	ends, _ := h.ends(c)
	if ends || c == '<' {
		ends, j = true, h.url.end(h.hosts)
	} else if j = h.url.add(c, h.hosts); j == undecided {
		return dst
	}
	h.state = htmlRest
	if dst = h.settle(dst, j); h.block != nil || !ends {
		return dst
	}
	return h.rest(dst, c)
}

// rest reads on in a URL that is judged. A tag may begin there, for who does not take this one for a tag.
func (h *htmlStage) rest(dst []byte, c byte) []byte {
	url, value := h.ends(c)
	switch {
	case c == '<' && !h.dropped:
		h.state, h.n = htmlTag, 0
	case value:
		h.dropped = false
		h.state, h.n = htmlTag, 0
		if h.tag.closed {
			h.state = htmlText
		}
	case url:
		h.dropped = false
		h.begin()
	case h.dropped:
		return dst
	}
	return append(dst, c)
}
