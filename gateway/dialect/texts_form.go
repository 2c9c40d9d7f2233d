// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import "bytes"

// maxDelimiter bounds the delimiter of a form, in bytes; RFC 2046 allows boundaries of 70.
const maxDelimiter = 256

// formTexts appends the parts of a form whose names are a text's. Where the body could be cut into parts in several ways,
// so that the provider might cut it in another than the gateway, the whole of it is one text.
func (r *Request) formTexts(dst []Text) []Text {
	delimiter, ok := r.delimiter()
	begun := len(dst)
	if ok {
		n := 0
		ok = cutForm(r.body, delimiter, func(head []byte, value span) {
			n++
			if formText(partName(head)) && value.from < value.to {
				dst = append(dst, Text{Role: RoleUser, From: value.from, To: value.to, Plain: true, Part: n - 1})
			}
		})
	}
	if ok {
		return dst
	}
	return append(dst[:begun], Text{Role: RoleUser, From: 0, To: len(r.body), Plain: true})
}

// formText says that a part is a text. One whose name cannot be read may be.
func formText(name string) bool {
	if i := bytes.IndexByte([]byte(name), '['); i > 0 {
		name = name[:i]
	}
	switch termOf([]byte(name)) {
	case termText, termInput, termSystem, termMessages, termDescription:
		return true
	default:
		return name == ""
	}
}

// delimiter finds what stands between the parts: what stands behind the model, where that is the value of a part. False
// says that it could be several.
func (r *Request) delimiter() ([]byte, bool) {
	model := r.members[atModel].value
	rest := r.body[model.to:]
	if !bytes.HasPrefix(rest, []byte("\r\n--")) {
		return nil, false
	}
	rest = rest[2:]
	whole := bytes.Index(rest, []byte("\r\n"))
	line := rest
	if whole >= 0 {
		line = rest[:whole]
	}
	if len(line) > maxDelimiter {
		return nil, false
	}
	var found []byte
	for n := 3; n <= len(line); n++ {
		if n < len(line) && !bytes.HasPrefix(line[n:], []byte("--")) || n == len(line) && whole < 0 {
			continue
		}
		if !cutsOut(r.body, line[:n], model) {
			continue
		}
		if found != nil {
			return nil, false
		}
		found = line[:n]
	}
	return found, found != nil
}

// cutsOut says that the form so cut has the model as a part.
func cutsOut(body, delimiter []byte, model span) bool {
	has := false
	return cutForm(body, delimiter, func(head []byte, value span) {
		has = has || value == model && partName(head) == "model"
	}) && has
}

// cutForm calls back with every part, up to the form's end; false says that it is none.
func cutForm(body, delimiter []byte, part func(head []byte, value span)) bool {
	at := bytes.Index(body, delimiter)
	if at < 0 || at > 0 && body[at-1] != '\n' {
		return false
	}
	at += len(delimiter)
	for range maxParts {
		rest := body[at:]
		if bytes.HasPrefix(rest, []byte("--")) {
			return true
		}
		if !bytes.HasPrefix(rest, []byte("\r\n")) {
			return false
		}
		end := bytes.Index(rest, append([]byte("\r\n"), delimiter...))
		if end < 0 {
			return false
		}
		content := rest[2:max(end, 2)]
		head := bytes.Index(content, []byte("\r\n\r\n"))
		if head < 0 || head > maxPartHeader {
			return false
		}
		part(content[:head], span{at + 2 + head + 4, at + end})
		at += end + 2 + len(delimiter)
	}
	return false
}
