// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import "strconv"

var (
	askUsage = []byte(`"include_usage":true`)
	wordTrue = []byte("true")
)

// Edit is what must change of a body on its way to a provider of the same dialect.
type Edit struct {
	// Model is the provider's name of the model, QuotedModel the same as a JSON string.
	Model       string
	QuotedModel []byte
	// AskUsage makes a stream tell its usage.
	AskUsage bool
	// Mistral writes OpenAI's members as Mistral calls them, and leaves out what it refuses though it asks for nothing.
	Mistral bool
}

// HidesUsage says that the provider is asked for usage on the gateway's behalf, so that the client must not see the
// chunk that tells it.
func (r *Request) HidesUsage() bool { return r.shape.Options && r.Stream && !r.IncludeUsage }

// maxEdits bounds the edits of one body.
const maxEdits = 4

// AppendEdited writes the body as the provider should get it. Everything that the edit does not name is as the client
// wrote it.
func (r *Request) AppendEdited(dst []byte, e Edit) []byte {
	if r.shape.ModelsWithin {
		return r.appendRenamed(dst, e)
	}
	var all edits
	r.changes(&all, e)
	return all.append(dst, r.body)
}

// Untouched says that AppendEdited would give the body itself.
func (r *Request) Untouched(e Edit) bool {
	if e.AskUsage && r.HidesUsage() || e.Mistral || r.shape.ModelsWithin {
		return false
	}
	with := r.modelOf(e)
	return with == nil || string(r.members[atModel].value.in(r.body)) == string(with)
}

// modelOf gives what stands in the body in the model's place; nil where nothing does.
func (r *Request) modelOf(e Edit) []byte {
	switch {
	case r.shape.ModelElsewhere:
		return nil
	case r.form:
		return []byte(e.Model)
	default:
		return e.QuotedModel
	}
}

// change replaces a place of the body by before, with, the number where it counts, and after.
type change struct {
	at            span
	before, after string
	with          []byte
	number        int64
	counts        bool
}

// edits are changes of one body, in the order of places.
type edits struct {
	all [maxEdits]change
	n   int
}

func (e *edits) add(c change) {
	i := e.n
	for ; i > 0 && e.all[i-1].at.from > c.at.from; i-- {
		e.all[i] = e.all[i-1]
	}
	e.all[i] = c
	e.n++
}

// append writes the body as changed.
func (e *edits) append(dst, body []byte) []byte {
	at := 0
	for i := range e.all[:e.n] {
		c := &e.all[i]
		dst = append(dst, body[at:c.at.from]...)
		dst = append(append(dst, c.before...), c.with...)
		if c.counts {
			dst = strconv.AppendInt(dst, c.number, 10)
		}
		dst = append(dst, c.after...)
		at = c.at.to
	}
	return append(dst, body[at:]...)
}

// changes gives what an edit changes.
func (r *Request) changes(all *edits, e Edit) {
	if with := r.modelOf(e); with != nil {
		all.add(change{at: r.members[atModel].value, with: with})
	}
	switch {
	case e.Mistral:
		r.mistral(all.add)
	case e.AskUsage && r.HidesUsage():
		all.add(r.usageChange())
	}
}

func (r *Request) usageChange() change {
	options := r.members[atOptions].value
	switch {
	case r.includeUsage.found():
		return change{at: r.includeUsage, with: wordTrue}
	case !options.found():
		// There is a model, so something follows.
		return change{at: span{r.open, r.open}, before: `"stream_options":{`, with: askUsage, after: "},"}
	case r.body[options.from] == '{':
		c := change{at: span{options.from + 1, options.from + 1}, with: askUsage, after: ","}
		if r.optionsEmpty {
			c.after = ""
		}
		return c
	default:
		return change{at: options, before: "{", with: askUsage, after: "}"}
	}
}

// mistral renames what Mistral calls differently, and leaves out stream_options, as Mistral tells the usage of a stream
// unasked and refuses members that it does not know.
func (r *Request) mistral(add func(change)) {
	for i, name := range r.shape.names {
		if at := r.members[i]; at.value.found() && mistralNames[name] != nil {
			add(change{at: at.key, with: mistralNames[name]})
		}
	}
	if options := r.members[atOptions]; options.value.found() {
		add(change{at: r.withComma(span{options.key.from, options.value.to})})
	}
}

var mistralNames = map[string][]byte{
	"max_completion_tokens": []byte(`"max_tokens"`), "seed": []byte(`"random_seed"`), "dimensions": []byte(`"output_dimension"`),
}

// withComma widens a member's place by the comma that would be left over without it.
func (r *Request) withComma(at span) span {
	if i := skipSpace(r.body, at.to); r.body[i] == ',' {
		return span{at.from, i + 1}
	}
	i := at.from - 1
	for r.body[i] != ',' && r.body[i] != '{' {
		i--
	}
	if r.body[i] == ',' {
		at.from = i
	}
	return at
}
