// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import "strings"

// appendRenamed writes a body of Gemini's with the provider's name of the model in place of the application's, which
// stands, beside the URL, in each request that the body is made of: the body itself, the elements of requests, and
// generateContentRequest.
func (r *Request) appendRenamed(dst []byte, e Edit) []byte {
	name := e.Model
	if !strings.Contains(name, "/") {
		name = "models/" + name
	}
	at := 0
	for _, s := range modelsOf(r.body, r.open-1, true, nil) {
		dst = append(dst, r.body[at:s.from]...)
		dst, at = AppendString(dst, name), s.to
	}
	return append(dst, r.body[at:]...)
}

// modelsOf finds the strings that name a model in the request that begins at a place of a body, which is JSON, and in
// those that it is made of. They are made of no further ones.
func modelsOf(body []byte, from int, outermost bool, found []span) []span {
	w := &walker{b: body}
	for o := (object{w: w, i: from}); o.next(); {
		o.to = w.value(o.from, 1, false)
		key, kind := string(o.key), body[o.from]
		switch {
		case key == "model" && kind == '"':
			found = append(found, span{o.from, o.to})
		case !outermost:
		case key == "requests" && kind == '[':
			for i := skipSpace(body, o.from+1); body[i] == '{'; {
				found = modelsOf(body, i, false, found)
				if i = skipSpace(body, w.value(i, 2, false)); body[i] == ',' {
					i = skipSpace(body, i+1)
				}
			}
		case kind == '{' && (key == "requests" || key == "generateContentRequest" || key == "generate_content_request"):
			found = modelsOf(body, o.from, false, found)
		}
	}
	return found
}
