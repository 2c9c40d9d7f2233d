// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

// tokensPerMessage is what a message costs beside its texts, as OpenAI has it.
const tokensPerMessage = 4

// PromptTokens estimates the tokens of what a request asks: its texts, the names and descriptions of its tools, what they were
// called with and gave back, and something for each message. Pictures, sound and files count nothing. It reads the whole body
// again, and does not allocate.
func (r *Request) PromptTokens() int64 {
	if r.form {
		return 0
	}
	t := tally{w: walker{b: r.body}}
	t.value(skipSpace(r.body, 0), 0, counted{})
	return (t.units+tokenUnit-1)/tokenUnit + tokensPerMessage*int64(r.Items)
}

// tally sums what the strings in JSON weigh that a model reads.
type tally struct {
	w     walker
	units int64
}

// counted says what counts of a value: strings in texts, and every string and every key below what is all.
type counted struct{ text, all bool }

// value walks the value at i, and gives the index after it, or -1.
func (t *tally) value(i, depth int, c counted) int {
	b := t.w.b
	if i >= len(b) || depth > MaxDepth {
		return -1
	}
	switch b[i] {
	case '{':
		return t.object(i, depth, c)
	case '[':
		return t.array(i, depth, c)
	case '"':
		end := skipString(b, i)
		if end > i+2 && (c.text || c.all) {
			t.units += weighJSON(b[i+1 : end-1])
		}
		return end
	}
	end := t.w.value(i, depth, false)
	if c.all && end > i {
		t.units += weighJSON(b[i:end])
	}
	return end
}

func (t *tally) object(i, depth int, c counted) int {
	o := object{w: &t.w, i: i}
	for o.next() {
		inside := counted{text: textKey(o.key), all: c.all || wholeKey(o.key, depth)}
		if c.all {
			// The marks around a key are a token more.
			t.units += weighJSON(o.key) + tokenUnit
		}
		o.to = t.value(o.from, depth+1, inside)
	}
	return o.end
}

func (t *tally) array(i, depth int, c counted) int {
	b := t.w.b
	if i = skipSpace(b, i+1); i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = t.value(i, depth+1, c); i < 0 {
			return -1
		}
		if i = skipSpace(b, i); i >= len(b) || b[i] == ']' {
			return i + 1
		}
		i = skipSpace(b, i+1)
	}
}

// wholeKey says that a model reads all of what stands under a key of an object that is so deep: tools and their calls. The input of
// a response stands in the body itself, that of Anthropic's calls is deeper.
func wholeKey(key []byte, depth int) bool {
	switch string(key) {
	case "tools", "functions", "response_format", "responseSchema", "args", "response":
		return true
	case "input":
		return depth > 1
	}
	return false
}
