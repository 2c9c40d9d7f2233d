// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"encoding/binary"

	"github.com/sparkgateway/spark/gateway/config"
)

// MaxDepth bounds the objects and arrays that a value may stand in, where nobody asks for less.
const MaxDepth = config.MaxJSONDepth

// walker checks JSON (RFC 8259) in one pass and, on the way, sums the length of the texts in it.
type walker struct {
	b []byte
	// text is the bytes of strings that stand for themselves under a key such as "content".
	text int64
	// texts is their number.
	texts int64
	// elements is how many the last array had that was a member of the outermost object.
	elements int
	// most bounds the nesting instead of MaxDepth, where it is not 0; deep says that it was too much.
	most int
	deep bool
}

// value checks the value at i, which is not white space, and gives the index after it, or -1. In text says that a
// string here counts as text.
func (w *walker) value(i, depth int, inText bool) int {
	if i >= len(w.b) {
		return -1
	}
	switch c := w.b[i]; {
	case c == '"':
		end := skipString(w.b, i)
		if inText && end > i+2 {
			w.text += int64(end - i - 2)
			w.texts++
		}
		return end
	case (c == '{' || c == '[') && w.tooDeep(depth):
		return -1
	case c == '{':
		return w.object(i, depth)
	case c == '[':
		return w.array(i, depth, inText)
	case c == '-' || c >= '0' && c <= '9':
		return skipNumber(w.b, i)
	case c == 't':
		return skipWord(w.b, i, "true")
	case c == 'f':
		return skipWord(w.b, i, "false")
	case c == 'n':
		return skipWord(w.b, i, "null")
	}
	return -1
}

// tooDeep says that a value which stands in depth others may have none in itself.
func (w *walker) tooDeep(depth int) bool {
	most := w.most
	if most == 0 {
		most = MaxDepth
	}
	if depth < most {
		return false
	}
	w.deep = true
	return true
}

func (w *walker) object(i, depth int) int {
	o := object{w: w, i: i}
	for o.next() {
		o.to = w.value(o.from, depth+1, textKey(o.key))
	}
	return o.end
}

func (w *walker) array(i, depth int, inText bool) int {
	n := 0
	for i = skipSpace(w.b, i+1); ; n++ {
		if n == 0 && i < len(w.b) && w.b[i] == ']' {
			break
		}
		if i = w.value(i, depth+1, inText); i < 0 {
			return -1
		}
		i = skipSpace(w.b, i)
		if i >= len(w.b) || w.b[i] != ',' && w.b[i] != ']' {
			return -1
		}
		if w.b[i] == ']' {
			n++
			break
		}
		i = skipSpace(w.b, i+1)
	}
	if depth == 1 {
		w.elements = n
	}
	return i + 1
}

// textKey says that strings under a key are what a model reads or writes. Data URLs of images are under "url", and so
// do not count.
func textKey(key []byte) bool {
	switch string(key) {
	case "content", "text", "arguments", "refusal", "reasoning", "reasoning_content", // OpenAI, Gemini
		"system", "thinking", "partial_json", // Anthropic
		"input", "instructions", "delta", "output", // Responses; the input of embeddings
		"prompt", "documents", "query":
		return true
	}
	return false
}

// object walks the members of one JSON object: after next, key is the member's key without its quotes and as written,
// keyAt where it stands with its quotes, and from is where its value begins. The caller sets to to the value's end, or -1, before the next next.
type object struct {
	w        *walker
	i        int // the opening brace
	key      []byte
	keyAt    span
	from, to int
	// end is the index after the object once next gave false, or -1 when it is not one.
	end   int
	begun bool
}

func (o *object) next() bool {
	b := o.w.b
	var i int
	if !o.begun {
		o.begun = true
		i = skipSpace(b, o.i+1)
		if i < len(b) && b[i] == '}' {
			o.end = i + 1
			return false
		}
	} else {
		i = -1
		if o.to >= 0 {
			i = skipSpace(b, o.to)
		}
		if i < 0 || i >= len(b) || b[i] != ',' && b[i] != '}' {
			o.end = -1
			return false
		}
		if b[i] == '}' {
			o.end = i + 1
			return false
		}
		i = skipSpace(b, i+1)
	}
	o.end = -1
	if i >= len(b) || b[i] != '"' {
		return false
	}
	end := skipString(b, i)
	if end < 0 {
		return false
	}
	o.key, o.keyAt = b[i+1:end-1], span{i, end}
	i = skipSpace(b, end)
	if i >= len(b) || b[i] != ':' {
		return false
	}
	o.from = skipSpace(b, i+1)
	return true
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipString gives the index after the string that begins at i, or -1. What is between a quote or backslash and the next is searched
// for control characters only, which is cheaper than to look for all three at once.
func skipString(b []byte, i int) int {
	i++
	for quote := -1; ; {
		if quote < i {
			n := bytes.IndexByte(b[i:], '"')
			if n < 0 {
				return -1
			}
			quote = i + n
		}
		plain := b[i:quote]
		slash := bytes.IndexByte(plain, '\\')
		if slash >= 0 {
			plain = plain[:slash]
		}
		if hasControl(plain) {
			return -1
		}
		if slash < 0 {
			return quote + 1
		}
		if i = skipEscape(b, i+slash); i < 0 {
			return -1
		}
	}
}

// hasControl says that a byte is below a space. v-' ' has the high bit where a byte of v is, or where one has it itself, or, falsely,
// above a byte that is: what counts is whether there is any.
func hasControl(b []byte) bool {
	const lo, hi = 0x0101010101010101, 0x8080808080808080
	for len(b) >= 32 {
		v, w := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		x, y := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
		if ((v-' '*lo)&^v|(w-' '*lo)&^w|(x-' '*lo)&^x|(y-' '*lo)&^y)&hi != 0 {
			return true
		}
		b = b[32:]
	}
	for len(b) >= 8 {
		if v := binary.LittleEndian.Uint64(b); (v-' '*lo)&^v&hi != 0 {
			return true
		}
		b = b[8:]
	}
	for _, c := range b {
		if c < ' ' {
			return true
		}
	}
	return false
}

func skipEscape(b []byte, i int) int {
	if i+1 >= len(b) {
		return -1
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if i+6 > len(b) {
			return -1
		}
		for _, c := range b[i+2 : i+6] {
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return -1
			}
		}
		return i + 6
	}
	return -1
}

func skipNumber(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	default:
		if i = skipDigits(b, i); i < 0 {
			return -1
		}
	}
	if i < len(b) && b[i] == '.' {
		if i = skipDigits(b, i+1); i < 0 {
			return -1
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return skipDigits(b, i)
	}
	return i
}

// skipDigits wants at least one.
func skipDigits(b []byte, i int) int {
	from := i
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	if i == from {
		return -1
	}
	return i
}

func skipWord(b []byte, i int, word string) int {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}
