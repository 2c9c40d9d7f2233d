// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

var (
	askUsage = []byte(`"include_usage":true`)
	wordTrue = []byte("true")
)

// HidesUsage says that the provider is asked for usage on the gateway's behalf, so that the client must not see the
// chunk that tells it.
func (r *ChatRequest) HidesUsage() bool { return r.Stream && !r.IncludeUsage }

// AppendEdited writes the body as the provider should get it: with the provider's name of the model, given as a JSON
// string, and, for streams, asking for usage. Everything else is as the client wrote it.
func (r *ChatRequest) AppendEdited(dst, quotedModel []byte) []byte {
	at := r.open
	first, second := r.modelEdit(quotedModel), r.usageEdit()
	if second.with != nil && second.at.from < first.at.from {
		first, second = second, first
	}
	dst = append(dst, r.body[:at]...)
	for _, e := range [...]edit{first, second} {
		if e.with == nil {
			continue
		}
		dst = append(dst, r.body[at:e.at.from]...)
		dst = append(append(append(dst, e.before...), e.with...), e.after...)
		at = e.at.to
	}
	return append(dst, r.body[at:]...)
}

// Untouched says that AppendEdited would give the body itself.
func (r *ChatRequest) Untouched(quotedModel []byte) bool {
	return !r.HidesUsage() && string(r.model.in(r.body)) == string(quotedModel)
}

// edit replaces a place of the body by before, with and after; with nil is no edit.
type edit struct {
	at            span
	before, after string
	with          []byte
}

func (r *ChatRequest) modelEdit(quoted []byte) edit { return edit{at: r.model, with: quoted} }

func (r *ChatRequest) usageEdit() edit {
	switch {
	case !r.HidesUsage():
		return edit{}
	case r.includeUsage.found():
		return edit{at: r.includeUsage, with: wordTrue}
	case !r.options.found():
		// There is a model, so something follows.
		return edit{at: span{r.open, r.open}, before: `"stream_options":{`, with: askUsage, after: "},"}
	case r.body[r.options.from] == '{':
		e := edit{at: span{r.options.from + 1, r.options.from + 1}, with: askUsage, after: ","}
		if r.optionsEmpty {
			e.after = ""
		}
		return e
	default:
		return edit{at: r.options, before: "{", with: askUsage, after: "}"}
	}
}
