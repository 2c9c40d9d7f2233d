// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package prices

import (
	"cmp"
	"math/big"
	"strings"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// State is what a list says of a model's price.
type State string

// The states.
const (
	New     State = "new"      // it had none
	Changed State = "changed"  //
	Same    State = "same"     //
	Unknown State = "no price" // the list has none; what the model has stays
)

// Finding is what a list says of one model of a ProviderPolicy.
type Finding struct {
	// Provider is "namespace/name" of the ProviderPolicy, Model the name of the model there, Index its place.
	Provider, Model string
	Index           int
	State           State
	// Entry is the list's name for the model; empty where it has none.
	Entry string
	// Old and New are prices; nil where there is none.
	Old, New *v1alpha1.ModelPrice
	// Notes are why there is no price, or what was not taken over.
	Notes []string
}

// Plan compares the models of a provider with a list, in which it has one of the keys.
func (l *List) Plan(p *v1alpha1.ProviderPolicy, keys []string) []Finding {
	all := make([]Finding, 0, len(p.Spec.Models))
	for i, m := range p.Spec.Models {
		f := Finding{Provider: p.Namespace + "/" + p.Name, Model: m.Name, Index: i, State: Unknown, Old: m.Price}
		l.compare(&f, keys, cmp.Or(m.Upstream, m.Name), m.Name)
		all = append(all, f)
	}
	return all
}

func (l *List) compare(f *Finding, keys []string, names ...string) {
	if len(keys) == 0 {
		f.Notes = []string{"whose prices? Say it with --provider " + f.Provider[strings.Index(f.Provider, "/")+1:] + "=KEY"}
		return
	}
	name, e := l.find(keys, names...)
	if e == nil {
		f.Notes = []string{"the list has no such model of " + strings.Join(keys, " or ")}
		return
	}
	f.Entry = name
	price, notes, err := e.price()
	if err != nil {
		f.Notes = []string{"in the list it " + err.Error()}
		return
	}
	f.Notes, f.New, f.State = notes, &price, New
	if f.Old == nil {
		return
	}
	// What the list does not say stays.
	price.CachedInputPerMillion = cmp.Or(price.CachedInputPerMillion, f.Old.CachedInputPerMillion)
	price.CacheWritePerMillion = cmp.Or(price.CacheWritePerMillion, f.Old.CacheWritePerMillion)
	price.PerRequest = cmp.Or(price.PerRequest, f.Old.PerRequest)
	if f.State = Changed; same(&price, f.Old) {
		f.State = Same
	}
}

// same compares amounts, however they are written.
func same(a, b *v1alpha1.ModelPrice) bool {
	return equal(a.InputPerMillion, b.InputPerMillion) && equal(a.OutputPerMillion, b.OutputPerMillion) &&
		equal(a.CachedInputPerMillion, b.CachedInputPerMillion) && equal(a.CacheWritePerMillion, b.CacheWritePerMillion) &&
		equal(a.PerRequest, b.PerRequest)
}

func equal(a, b v1alpha1.USDollars) bool {
	if a == "" || b == "" {
		return a == b
	}
	x, ok := new(big.Rat).SetString(string(a))
	y, also := new(big.Rat).SetString(string(b))
	return ok && also && x.Cmp(y) == 0
}

// String is the finding as one line.
func (f Finding) String() string {
	text := f.Provider + " " + f.Model + ": " + string(f.State)
	if f.New != nil {
		text += ", " + describe(f.New)
	}
	if f.State == Changed {
		text += " (was " + describe(f.Old) + ")"
	}
	if f.State == Unknown && f.Old != nil {
		text += ", stays " + describe(f.Old)
	}
	if f.Entry != "" && f.Entry != f.Model {
		text += ", as " + f.Entry
	}
	for _, n := range f.Notes {
		text += "; " + n
	}
	return text
}

func describe(p *v1alpha1.ModelPrice) string {
	text := "$" + string(p.InputPerMillion) + " in and $" + string(p.OutputPerMillion) + " out a million tokens"
	if p.CachedInputPerMillion != "" {
		text += ", $" + string(p.CachedInputPerMillion) + " cached"
	}
	if p.CacheWritePerMillion != "" {
		text += ", $" + string(p.CacheWritePerMillion) + " written to the cache"
	}
	if p.PerRequest != "" {
		text += ", $" + string(p.PerRequest) + " a request"
	}
	return text
}
