// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

import "bytes"

const (
	longestLocal = 64 // RFC 5321, 4.5.3.1.1
	domainText   = alnum | hyphen | latinLead | continued
)

// email reads an address whose local part is text[pos:at]. The domain needs a dot and a top level of letters. Letters of
// two bytes belong to addresses; Chinese, Japanese and Korean text, which has no spaces, ends them.
func (w *window) email(at int) (match, bool) {
	if at-w.pos > longestLocal || dot.has(w.at(at-1)) || w.inUserinfo() {
		return match{}, false
	}
	end, labels := 0, 0
	for i := at + 1; ; {
		from := i
		i = w.span(i, domainText)
		if i == from {
			break
		}
		labels++
		if top := w.topLevel(from, i); labels > 1 && top > 0 {
			end = top
		}
		if w.at(i) != '.' {
			break
		}
		i++
	}
	if end == 0 || w.versioned(at+1) || string(w.text[w.pos:at]) == "git" && w.at(end) == ':' {
		return match{}, false
	}
	return match{start: w.pos, end: end, kind: Email}, true
}

// versioned says whether what looks like a domain is the version of a module: v1.2.3-next.linux.
func (w *window) versioned(i int) bool {
	if w.at(i) != 'v' || !digit.has(w.at(i+1)) {
		return false
	}
	i = w.span(i+1, digit)
	return w.at(i) == '.' && digit.has(w.at(i+1)) && w.at(w.span(i+1, digit)) == '.'
}

// topLevel gives where a top-level domain that begins the label text[from:to] ends, 0 if none does.
func (w *window) topLevel(from, to int) int {
	label := w.text[from:to]
	if len(label) > 4 && string(label[:4]) == "xn--" {
		return to
	}
	if i := bytes.IndexByte(label, '-'); i > 0 {
		label = label[:i]
	}
	for _, c := range label {
		if !(letter | latinLead | continued).has(c) {
			return 0
		}
	}
	if len(label) < 2 || ofFile(label) {
		return 0
	}
	return from + len(label)
}

// ofFile says whether what looks like a top-level domain is the end of a file's name, as in icon@2x.png.
func ofFile(label []byte) bool {
	switch string(label) {
	case "png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "ts", "json", "html", "py", "txt":
		return true
	}
	return false
}

// inUserinfo says whether the candidate stands between the scheme and the host of a URL, where user@host is no address.
func (w *window) inUserinfo() bool {
	before := w.before()
	for i := len(before) - 1; i >= 0; i-- {
		switch c := before[i]; {
		case space.has(c) || c == '?' || c == '"' || c == '\'':
			return false
		case c == '/':
			return i >= 2 && before[i-1] == '/' && before[i-2] == ':'
		}
	}
	return false
}
