// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package accounting

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sparkgateway/spark/test/accounting/bed"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// verdict is what became of all requests.
type verdict struct {
	wrong []string
	// sources counts attempts by class and by how their usage is known.
	sources map[string]map[string]int
	// exact counts those attempts whose completion equals the books' to the token, of all with a usage.
	exact, metered map[string]int
}

// judge compares what the gateway wrote of each request with the provider's books.
func judge(all []asked, lines []bed.Line, books []fakeprovider.Entry) verdict {
	v := verdict{sources: map[string]map[string]int{}, exact: map[string]int{}, metered: map[string]int{}}
	byModel, byMark := map[string][]bed.Line{}, map[string][]fakeprovider.Entry{}
	for _, l := range lines {
		byModel[l.Model] = append(byModel[l.Model], l)
	}
	for _, e := range books {
		byMark[e.Mark] = append(byMark[e.Mark], e)
	}
	for i := range all {
		a := &all[i]
		v.request(a, byModel[a.model], byMark[a.model])
		delete(byModel, a.model)
	}
	for model, l := range byModel {
		if !strings.HasSuffix(model, "-listen") {
			v.complain(&asked{model: model}, "nobody asked for it, and there are %d records", len(l))
		}
	}
	return v
}

func (v *verdict) complain(a *asked, format string, args ...any) {
	v.wrong = append(v.wrong, fmt.Sprintf("%s (%s, %s, stream %v): %s", a.model, a.class, a.dialect, a.stream, fmt.Sprintf(format, args...)))
}

// request looks at one.
func (v *verdict) request(a *asked, lines []bed.Line, entries []fakeprovider.Entry) {
	if len(lines) == 0 && len(entries) == 0 && a.err != nil && classes[a.class].leaving == leavesWaiting {
		return // It left before the gateway knew of it.
	}
	if len(lines) != 1 {
		v.complain(a, "%d records, %d entries in the books, error %v", len(lines), len(entries), a.err)
		return
	}
	line := &lines[0]
	if a.id != "" && a.id != line.ID {
		v.complain(a, "the record's id is %s, the application was told %s", line.ID, a.id)
	}
	c := classes[a.class]
	if c.leaving == leavesAnywhere && line.Outcome == "ok" {
		c = classes["answered"] // It left too late.
	}
	if line.Outcome != c.outcome {
		v.complain(a, "the outcome is %s (%s), want %s", line.Outcome, line.Reason, c.outcome)
	}
	switch s := sourceOf(line.Usage); {
	case s == c.source, c.source == "estimated" && s == "reported" && a.stream:
	case s == "" && c.leaving == leavesWaiting: // It left before anything was sent.
	default:
		v.complain(a, "the usage is known as %q, want %q", s, c.source)
	}
	byModel := map[string]fakeprovider.Entry{}
	for _, e := range entries {
		// What fails on a connection that was used before is sent once more on a new one.
		if known, twice := byModel[e.Model]; twice && known.Generated() {
			v.complain(a, "the provider billed twice for %s", e.Model)
		}
		byModel[e.Model] = e
	}
	for _, attempt := range line.All() {
		entry, asked := byModel[attempt.Model]
		delete(byModel, attempt.Model)
		v.attempt(a, &attempt, entry, asked)
	}
	for model, e := range byModel {
		if e.Generated() {
			v.complain(a, "the provider was asked for %s, and no record tells", model)
		}
	}
}

// attempt compares one attempt with the provider's entry.
func (v *verdict) attempt(a *asked, attempt *bed.Attempt, e fakeprovider.Entry, asked bool) {
	v.count(a, attempt, sourceOf(attempt.Usage))
	u := attempt.Usage
	switch {
	case u == nil:
		if asked && e.Generated() {
			v.complain(a, "the attempt at %s has no usage, the books say %+v", attempt.Model, e)
		}
		return
	case !asked:
		// It was sent, and the connection ended before the provider had read it.
		if classes[a.class].leaving != leavesWaiting && attempt.Outcome != "overtaken" {
			v.complain(a, "the attempt at %s has a usage of %+v, the books do not know it", attempt.Model, *u)
		}
		return
	case !e.Generated():
		v.complain(a, "the attempt at %s has a usage of %+v, the provider bills nothing of %+v", attempt.Model, *u, e)
		return
	}
	v.compare(a, attempt, &e)
}

func sourceOf(u *bed.Usage) string {
	if u == nil {
		return ""
	}
	return u.Source
}

func (v *verdict) count(a *asked, attempt *bed.Attempt, source string) {
	if v.sources[a.class] == nil {
		v.sources[a.class] = map[string]int{}
	}
	v.sources[a.class][strings.TrimSpace(attempt.Outcome+" "+source)]++
}

// compare holds a usage against the books.
func (v *verdict) compare(a *asked, attempt *bed.Attempt, e *fakeprovider.Entry) {
	u := attempt.Usage
	prompt, completion := int64(e.Prompt), int64(e.Completion)
	v.metered[a.class]++
	if u.Completion == completion {
		v.exact[a.class]++
	}
	if u.Total != u.Prompt+u.Completion {
		v.complain(a, "the sum of %+v is wrong", *u)
	}
	unread := attempt.Outcome == "overtaken" || classes[a.class].leaving == leavesAnywhere && attempt.Outcome != "ok"
	if u.Source == "reported" && !unread {
		if u.Prompt != prompt || u.Completion != completion {
			v.complain(a, "%+v is said to be reported, the books say %+v", *u, *e)
		}
		return
	}
	// A prompt's estimate is by its bytes, four a token, which texts that are not ASCII have more of than of tokens.
	if u.Prompt < prompt*8/10 || u.Prompt > prompt*12/10 {
		v.complain(a, "a prompt of %d tokens is taken to have %d", prompt, u.Prompt)
	}
	least, most := completion, completion
	switch {
	case unread:
		// The provider may have written what nobody read; what the application heard was read for sure.
		least = 0
		if attempt.Outcome != "overtaken" {
			least = int64(a.heard)
		}
	case !a.stream:
		least = completion * 6 / 10 // by its bytes, too
	}
	if u.Completion < least || u.Completion > most {
		v.complain(a, "%d tokens, of %d to %d by the books %+v; %d were heard", u.Completion, least, most, *e, a.heard)
	}
}

// table says for each class how its attempts ended and how their usage is known.
func (v *verdict) table() string {
	var b strings.Builder
	for _, class := range slices.Sorted(maps.Keys(v.sources)) {
		var words []string
		for _, source := range slices.Sorted(maps.Keys(v.sources[class])) {
			words = append(words, fmt.Sprintf("%s: %d", source, v.sources[class][source]))
		}
		fmt.Fprintf(&b, "%-30s answers exact to the token in %d of %d; %s\n", class, v.exact[class], v.metered[class], strings.Join(words, ", "))
	}
	return b.String()
}
