// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"bytes"
	"iter"

	"github.com/sparkgateway/spark/gateway/config"
)

var slash = []byte("/")

// candidate is one of the things that a model's name may mean.
type candidate struct {
	match Match
	by    By
	// choice is the ModelRoute's, whose fields are still to be looked for; nil where there are none.
	choice *choice
}

// candidates gives what a name may mean to some request, the most specific first.
func (t *Table) candidates(model []byte) iter.Seq[candidate] {
	return func(yield func(candidate) bool) {
		if len(model) > maxName {
			return
		}
		named := t.named[string(model)]
		for i := range named {
			if !yield(named[i].candidate(ByName)) {
				return
			}
		}
		if r, ok := t.qualified[string(model)]; ok && !yield(candidate{match: Match{Route: r}, by: ByQualifiedModel}) {
			return
		}
		if provider, rest, ok := bytes.Cut(model, slash); ok && len(rest) > 0 {
			if r, ok := t.open[string(provider)]; ok &&
				!yield(candidate{match: Match{Route: r, Upstream: string(rest)}, by: ByProvider}) {
				return
			}
		}
		for i := range t.patterns {
			if c := &t.patterns[i]; config.MatchName(c.name, model) && !yield(c.candidate(ByPattern)) {
				return
			}
		}
		if r, ok := t.bare[string(model)]; ok && !yield(candidate{match: Match{Route: r}, by: ByModel}) {
			return
		}
		if t.sole != nil {
			yield(candidate{match: Match{Route: t.sole, Upstream: string(model)}, by: ByOnlyProvider})
		}
	}
}

func (c *choice) candidate(by By) candidate {
	return candidate{match: Match{Route: c.route}, by: by, choice: c}
}

// By is what of a model's name led to a route.
type By string

// What may lead to a route, the most specific first.
const (
	ByName           By = "name"           // one of a ModelRoute
	ByQualifiedModel By = "provider/model" // of a configured model
	ByProvider       By = "provider"       // before the slash, of one that declares no models
	ByPattern        By = "pattern"        // of a ModelRoute
	ByModel          By = "model"          // a configured model's own name
	ByOnlyProvider   By = "only provider"  // of all names, as no other declares no models
)

// Candidate is a route that a model's name may lead to, for people to see why another was taken.
type Candidate struct {
	Match
	By By
	// Name is the ModelRoute's name or pattern that led there; empty without a ModelRoute.
	Name string
	// Fields are the header fields that the ModelRoute asks for, "Name: value"; Lacks is the first of them that the request
	// has not, or not with this value, empty where it has all.
	Fields []string
	Lacks  string
}

// Candidates gives all that a model's name may mean, the most specific first: the first that lacks nothing is what Find
// gives. It is for explanations and allocates.
func (t *Table) Candidates(model []byte, header Fields) (all []Candidate) {
	for c := range t.candidates(model) {
		found := Candidate{Match: c.match, By: c.by}
		if c.choice != nil {
			found.Name = c.choice.name
			for i := range c.choice.fields {
				found.Fields = append(found.Fields, c.choice.fields[i].String())
			}
			if lacking := c.choice.lacks(header); lacking != nil {
				found.Lacks = lacking.String()
			}
		}
		all = append(all, found)
	}
	return all
}

// String writes a field as it stands in a header.
func (f *field) String() string { return string(f.name) + ": " + f.value }
