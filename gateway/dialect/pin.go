// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// Pin marks the ids of what one provider keeps, so that they find back to it. It stands before the provider's own id, as
// in "sp-1a2b3c4d-file-abc123": "sp-", eight hexadecimal digits of the SHA-256 of the provider's ID in the configuration,
// and "-". The zero value is none.
type Pin string

const (
	pinPrefix = "sp-"
	pinDigits = 8
	pinLen    = len(pinPrefix) + pinDigits + len("-")
)

// PinOf gives the pin of a provider by its ID, "namespace/name". It is the same wherever and whenever it is asked for.
func PinOf(providerID string) Pin {
	sum := sha256.Sum256([]byte(providerID))
	return Pin(pinPrefix + hex.EncodeToString(sum[:pinDigits/2]) + "-")
}

// CutPin takes an id apart: the pin, and the provider's own id. An id without a pin comes back as it is.
func CutPin(id []byte) (Pin, []byte) {
	if len(id) <= pinLen || string(id[:len(pinPrefix)]) != pinPrefix || id[pinLen-1] != '-' {
		return "", id
	}
	for _, c := range id[len(pinPrefix) : pinLen-1] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", id
		}
	}
	return Pin(id[:pinLen]), id[pinLen:]
}

// Kept says which members of an answer are ids of what its provider keeps.
type Kept uint8

// What providers keep.
const (
	// KeptNothing: no member is.
	KeptNothing Kept = iota
	// KeptFiles: an answer about files or batches; its ids are theirs, wherever they stand.
	KeptFiles
	// KeptResponses: a response, or an event that has one in it. Its items have ids as well, which later events repeat
	// under other names; these stay as they are, as nobody asks for an item alone.
	KeptResponses
)

// names says that a string is an id: the member's key, how deep it stands, and the key of the object that it stands in.
func (k Kept) names(depth int, parent, key []byte) bool {
	switch string(key) {
	case "file_id":
		return true
	case "input_file_id", "output_file_id", "error_file_id", "first_id", "last_id":
		return k == KeptFiles
	case "file_ids", "previous_response_id":
		return k == KeptResponses
	case "id":
		return k == KeptFiles || depth == 1 || depth == 2 && string(parent) == "response"
	}
	return false
}

// mayHold says that an answer may have such ids; it is there to spare the events of a stream that only bring text.
func (k Kept) mayHold(data []byte) bool {
	switch k {
	case KeptFiles:
		return true
	case KeptResponses:
		return bytes.Contains(data, []byte(`"id"`)) || bytes.Contains(data, []byte("file_id"))
	default:
		return false
	}
}

// AppendPinned writes an answer, or the data of an event, with its ids pinned. Every other byte is as it came; what is not
// JSON is written as it is.
func (p Pin) AppendPinned(dst, data []byte, k Kept) []byte {
	if !k.mayHold(data) {
		return append(dst, data...)
	}
	begun, at := len(dst), 0
	x := idWalker{w: walker{b: data}, names: k.names, found: func(_ []byte, id span) {
		dst = append(append(dst, data[at:id.from]...), p...)
		at = id.from
	}}
	if x.value(skipSpace(data, 0), 0, nil, nil) < 0 {
		return append(dst[:begun], data...)
	}
	return append(dst, data[at:]...)
}

// Mention is a pinned id that a request mentions: whose it is, and in which field. The zero value is none.
type Mention struct {
	Field string
	Pin   Pin
}

// Unpin gives a request's body with its ids as their provider knows them, and whose they are. Where ids of two providers
// are mentioned it refuses, with a 400 that names the second's field. The body is changed in place. What is not JSON, and
// dialects whose providers keep nothing through the gateway, are left alone.
func Unpin(body []byte, d exchange.Dialect) ([]byte, Mention, *exchange.Error) {
	var first Mention
	if d == exchange.Gemini || d == exchange.Spark || !holdsPin(body) {
		return body, first, nil
	}
	var pins []span
	var refused *exchange.Error
	x := idWalker{w: walker{b: body}, names: mentions, arguments: d == exchange.Anthropic, found: func(key []byte, id span) {
		pin, own := CutPin(id.in(body))
		switch {
		case pin == "":
			return
		case first.Pin == "":
			first = Mention{string(key), pin}
		case first.Pin != pin:
			refused = exchange.Invalid(string(key), "'"+string(key)+"' was issued by another provider than '"+first.Field+
				"'. One request can only go to one.")
		}
		pins = append(pins, span{id.from, id.to - len(own)})
	}}
	if x.value(skipSpace(body, 0), 0, nil, nil) < 0 {
		return body, Mention{}, nil
	}
	if refused != nil {
		return body, first, refused
	}
	return without(body, pins), first, nil
}

// holdsPin says that a string of a body may begin with a pin. Of the bytes of a pin's beginning the last is the rarest.
func holdsPin(body []byte) bool {
	const begins = `"` + pinPrefix
	for i := 0; ; i++ {
		at := bytes.IndexByte(body[i:], begins[len(begins)-1])
		if at < 0 {
			return false
		}
		if i += at; i+1 >= len(begins) && string(body[i+1-len(begins):i+1]) == begins {
			return true
		}
	}
}

// mentions says that a string of a request may be an id. Which of them is one, its pin says.
func mentions(_ int, _, key []byte) bool {
	switch string(key) {
	case "id", "file_id", "file_ids", "input_file_id", "output_file_id", "error_file_id", "first_id", "last_id",
		"previous_response_id", "response_id":
		return true
	}
	return false
}

// without closes the gaps in place.
func without(body []byte, gaps []span) []byte {
	if len(gaps) == 0 {
		return body
	}
	to := gaps[0].from
	for i, gap := range gaps {
		next := len(body)
		if i+1 < len(gaps) {
			next = gaps[i+1].from
		}
		to += copy(body[to:], body[gap.to:next])
	}
	return body[:to]
}

// idWalker finds the strings in JSON that are ids.
type idWalker struct {
	w     walker
	names func(depth int, parent, key []byte) bool
	found func(key []byte, inside span)
	// arguments says that what stands under "input" was written by a model for a tool.
	arguments bool
}

// value walks the value at i, which is a member under key of the object under parent, or an element of such a list, and
// gives the index after it, or -1.
func (x *idWalker) value(i, depth int, parent, key []byte) int {
	b := x.w.b
	if i >= len(b) || depth > MaxDepth {
		return -1
	}
	switch b[i] {
	case '{':
		return x.object(i, depth, key)
	case '[':
		return x.array(i, depth, parent, key)
	case '"':
		end := skipString(b, i)
		if end > i+2 && x.names(depth, parent, key) {
			x.found(key, span{i + 1, end - 1})
		}
		return end
	default:
		return x.w.value(i, depth, false)
	}
}

func (x *idWalker) object(i, depth int, parent []byte) int {
	o := object{w: &x.w, i: i}
	for o.next() {
		key := o.key
		if bytes.IndexByte(key, '\\') >= 0 {
			key = unescape(key)
		}
		if x.opaque(key) {
			o.to = x.w.value(o.from, depth+1, false)
		} else {
			o.to = x.value(o.from, depth+1, parent, key)
		}
	}
	return o.end
}

func (x *idWalker) array(i, depth int, parent, key []byte) int {
	b := x.w.b
	if i = skipSpace(b, i+1); i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = x.value(i, depth+1, parent, key); i < 0 {
			return -1
		}
		i = skipSpace(b, i)
		if i >= len(b) || b[i] != ',' && b[i] != ']' {
			return -1
		}
		if b[i] == ']' {
			return i + 1
		}
		i = skipSpace(b, i+1)
	}
}

// opaque says that what stands under a key is in the application's own words: there an "id" is none of a provider's.
func (x *idWalker) opaque(key []byte) bool {
	switch string(key) {
	case "metadata", "parameters", "schema", "input_schema":
		return true
	case "input":
		return x.arguments
	}
	return false
}
