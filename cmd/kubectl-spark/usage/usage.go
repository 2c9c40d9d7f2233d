// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package usage sums up usage records.
package usage

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/ledger"
)

// By is what records are summed up by.
type By string

// What there is.
const (
	Key      By = "key" // principals that have no key are by their own name
	User     By = "user"
	Team     By = "team"
	Model    By = "model"
	Provider By = "provider"
	Route    By = "route"
	Day      By = "day" // that requests ended on, in UTC
)

// All are the ways, in the order of help texts.
var All = []By{Key, User, Team, Model, Provider, Route, Day}

// None is the name of records that have none, such as those without a team.
const None = "-"

// Sum is what the records of one name say together.
type Sum struct {
	Name     string `json:"name"`
	Requests int64  `json:"requests"`
	// Errors are requests without a whole answer, unless it was the client that left, or Spark that did not let it through: those
	// are Refused.
	Errors       int64 `json:"errors"`
	Refused      int64 `json:"refused"`
	TokensIn     int64 `json:"tokensIn"`
	TokensOut    int64 `json:"tokensOut"`
	TokensCached int64 `json:"tokensCached"`
	// Cost is in nanodollars, a decimal of US dollars as text. Unpriced requests went to models without a price.
	Cost     ledger.Dollars `json:"cost"`
	Unpriced int64          `json:"unpriced"`
	// TokensSaved and CostSaved are what the answers of the cache took when they were made.
	TokensSaved int64          `json:"tokensSaved"`
	CostSaved   ledger.Dollars `json:"costSaved"`
}

// Points is how many parts of its time a Book keeps the course of.
const Points = 48

// Book takes records, each once. It is for one goroutine.
type Book struct {
	by       By
	from, to time.Time
	seen     map[string]struct{}
	sums     map[string]*Sum
	course   [Points]Sum
	first    time.Time
	last     time.Time
}

// New gives a Book for records that ended from a time on and before another; the zero times take all.
func New(by By, from, to time.Time) *Book {
	return &Book{by: by, from: from, to: to, seen: map[string]struct{}{}, sums: map[string]*Sum{}}
}

var errNone = errors.New("a record has an id and a time")

// Add takes a line of JSON. Records that were there already, and those of other times, are passed over. An error says that it
// is no record, and that nothing is counted.
func (b *Book) Add(line []byte) error {
	r, err := ledger.Parse(line)
	if err != nil {
		return err
	}
	if r.ID == "" || r.Time.IsZero() {
		return errNone
	}
	ended := r.Ended()
	if !b.from.IsZero() && ended.Before(b.from) || !b.to.IsZero() && !ended.Before(b.to) {
		return nil
	}
	if _, again := b.seen[r.ID]; again {
		return nil
	}
	b.seen[r.ID] = struct{}{}
	name := b.name(&r)
	s := b.sums[name]
	if s == nil {
		s = &Sum{Name: name}
		b.sums[name] = s
	}
	s.add(&r)
	if b.first.IsZero() || ended.Before(b.first) {
		b.first = ended
	}
	if ended.After(b.last) {
		b.last = ended
	}
	if length := b.to.Sub(b.from); !b.from.IsZero() && !b.to.IsZero() {
		b.course[min(int(float64(ended.Sub(b.from))/float64(length)*Points), Points-1)].add(&r)
	}
	return nil
}

func (b *Book) name(r *ledger.Record) string {
	name := ""
	switch b.by {
	case Key:
		name = cmp.Or(r.Key, r.Principal)
	case User:
		name = r.User
	case Team:
		name = r.Team
	case Model:
		name = r.Model
	case Provider:
		name = r.Provider
	case Route:
		name = r.Route
	case Day:
		name = r.Ended().UTC().Format(time.DateOnly)
	}
	return cmp.Or(name, None)
}

// The outcomes that are nobody's fault, and those by which Spark did not let a request through.
var (
	faultless = []string{exchange.OK.String(), exchange.ClientGone.String()}
	refusals  = []string{exchange.Limited.String(), exchange.Refused.String(), exchange.Unauthenticated.String(), exchange.Blocked.String()}
)

// Fault says whether a request of an outcome got no whole answer by the gateway's or a provider's fault.
func Fault(outcome string) bool {
	return !slices.Contains(faultless, outcome) && !slices.Contains(refusals, outcome)
}

func (s *Sum) add(r *ledger.Record) {
	s.Requests++
	switch {
	case slices.Contains(refusals, r.Outcome):
		s.Refused++
	case Fault(r.Outcome):
		s.Errors++
	}
	s.TokensIn += r.TokensIn
	s.TokensOut += r.TokensOut
	s.TokensCached += r.TokensCached
	s.Cost += r.Cost
	s.TokensSaved += r.TokensSaved
	s.CostSaved += r.CostSaved
	if !r.Priced {
		s.Unpriced++
	}
}

// Sums gives those of each name: days in their order, others by cost, then tokens, the largest first.
func (b *Book) Sums() []Sum {
	return slices.SortedFunc(func(yield func(Sum) bool) {
		for s := range maps.Values(b.sums) {
			if !yield(*s) {
				return
			}
		}
	}, func(x, y Sum) int {
		if b.by == Day {
			return strings.Compare(x.Name, y.Name)
		}
		return cmp.Or(
			cmp.Compare(y.Cost, x.Cost), cmp.Compare(y.TokensIn+y.TokensOut, x.TokensIn+x.TokensOut),
			cmp.Compare(y.Requests, x.Requests), strings.Compare(x.Name, y.Name),
		)
	})
}

// Total sums all up.
func (b *Book) Total() Sum {
	total := Sum{Name: "total"}
	for _, s := range b.sums {
		total.Requests += s.Requests
		total.Errors += s.Errors
		total.Refused += s.Refused
		total.TokensIn += s.TokensIn
		total.TokensOut += s.TokensOut
		total.TokensCached += s.TokensCached
		total.Cost += s.Cost
		total.TokensSaved += s.TokensSaved
		total.CostSaved += s.CostSaved
		total.Unpriced += s.Unpriced
	}
	return total
}

// Course gives the sums of equal parts of the time, in order; nil where the Book has no times.
func (b *Book) Course() []Sum {
	if b.from.IsZero() || b.to.IsZero() {
		return nil
	}
	return b.course[:]
}

// Span gives when the first and the last of the records ended; zero where there is none.
func (b *Book) Span() (first, last time.Time) { return b.first, b.last }
