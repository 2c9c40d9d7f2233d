// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"mime"
	"net/textproto"
	"slices"
	"strings"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// maxParts and maxPartHeader bound the parts of a form and the header of each.
const (
	maxParts      = 256
	maxPartHeader = 4 << 10
)

// DecodeForm reads a multipart/form-data body (RFC 7578): the parts model and stream, and those that the shape counts. Like
// Decode it refuses, with a 400 that names the field, what a provider might read differently than the gateway does. The
// content type is the request's. The body must not change while the request is used.
func (r *Request) DecodeForm(s *Shape, contentType, body []byte) *exchange.Error {
	*r = Request{shape: s, body: body, form: true, Items: 1, Choices: 1}
	media, params, err := mime.ParseMediaType(string(contentType))
	if err != nil || media != "multipart/form-data" || params["boundary"] == "" {
		e := exchange.Invalid("", "The body must be multipart/form-data, with a boundary.")
		e.Status, e.Reason = 415, exchange.ReasonInvalidBody
		return e
	}
	if !r.parts([]byte("--" + params["boundary"])) {
		return exchange.Invalid("", "We could not parse the body of your request: it must be multipart/form-data.")
	}
	at := r.members[atModel].value
	if !at.found() || at.from == at.to {
		return missing("model")
	}
	r.Model = at.in(body)
	if len(r.Model) > MaxModelBytes {
		return exchange.Invalid("model", "The name of the model is too long.")
	}
	r.Stream = string(r.members[atStream].value.in(body)) == "true"
	for i, name := range s.Counts {
		value := r.members[s.atCounts()+i].value
		if !value.found() {
			continue
		}
		if err := r.readCount(name, value.in(body)); err != nil {
			return err
		}
	}
	return nil
}

// parts walks the parts of a form up to its end; false says that it is none.
func (r *Request) parts(delimiter []byte) bool {
	at := bytes.Index(r.body, delimiter)
	if at < 0 || at > 0 && r.body[at-1] != '\n' {
		return false
	}
	at += len(delimiter)
	for range maxParts {
		rest := r.body[at:]
		if bytes.HasPrefix(rest, []byte("--")) {
			return true
		}
		if !bytes.HasPrefix(rest, []byte("\r\n")) {
			return false
		}
		end := bytes.Index(rest, append([]byte("\r\n"), delimiter...))
		if end < 0 || !r.part(span{at + 2, at + max(end, 2)}) {
			return false
		}
		at += end + 2 + len(delimiter)
	}
	return false
}

// part takes up one part: header lines, an empty line, the value.
func (r *Request) part(at span) bool {
	content := at.in(r.body)
	head := bytes.Index(content, []byte("\r\n\r\n"))
	if head < 0 || head > maxPartHeader {
		return false
	}
	name := partName(content[:head])
	place := r.shape.partPlace(strings.ToLower(name))
	if place < 0 {
		return true
	}
	value := span{at.from + head + 4, at.to}
	if r.members[place].value.found() || name != strings.ToLower(name) {
		return false
	}
	r.members[place].value = value
	return true
}

// partPlace gives the place of the member that a form's part is, -1 for others.
func (s *Shape) partPlace(name string) int {
	switch name {
	case "model":
		return atModel
	case "stream":
		return atStream
	}
	if i := slices.Index(s.Counts, name); i >= 0 {
		return s.atCounts() + i
	}
	return -1
}

// partName gives the name of a part, "" where it has none.
func partName(head []byte) string {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		key, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || textproto.CanonicalMIMEHeaderKey(string(bytes.TrimSpace(key))) != "Content-Disposition" {
			continue
		}
		_, params, err := mime.ParseMediaType(string(value))
		if err != nil {
			return ""
		}
		return params["name"]
	}
	return ""
}
