// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package route finds where a request for a model goes.
package route

import (
	"fmt"
	"strings"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// OtherModel labels whatever models clients name at providers that declare none, so that clients cannot make labels.
const OtherModel = "other"

// maxName bounds the names that are looked for, in bytes: all patterns are tried on a name that a client chose. The longest
// that providers give are ARNs of 2048.
const maxName = 4096

// Route is what becomes of requests. It is immutable.
type Route struct {
	// Place is the route's place among Table.Routes.
	Place int
	// ID is that of the ModelRoute, empty where the name asked for is a provider's own.
	ID string
	// Targets in order of tier, 1 to 16. A ModelRoute may be left with none: its requests must be refused.
	Targets  []Target
	Strategy config.Strategy
	// Affinity is as in config.Route. Where it goes by a header, AffinityHeader is the header's name, else nil.
	Affinity       string
	AffinityHeader []byte
	// Hedge and Mirror are nil for none.
	Hedge         *config.Hedge
	Mirror        *Target
	MirrorPercent int64
	// Limits hold for all requests together that take it.
	Limits *config.Limits
}

// Target is a provider and a model there.
type Target struct {
	// Provider is the place in Core.Providers.
	Provider int
	// Model is what the configuration calls the model, without its provider's name, or OtherModel.
	Model string
	// Upstream is the model's name at the provider; empty with OtherModel, for clients give it.
	Upstream string
	// Place among Table.Targets is one for a provider's model, whichever ways lead there.
	Place int
	// MaxOutputTokens bounds what a request may ask for; 0 does not.
	MaxOutputTokens int64
	// Price of its tokens; nil where nobody said.
	Price *config.Price
	// Weight and Tier are those within the route; in the mirror's place they mean nothing.
	Weight, Tier int64
}

// Fields are the header fields of a request, by names in canonical form.
type Fields interface{ PeekCanonical(key []byte) []byte }

// Match is what a model's name was found to mean.
type Match struct {
	Route *Route
	// Upstream is the model's name at the provider where the only target is OtherModel; else empty.
	Upstream string
}

// Table maps the names that clients use to routes. It is immutable and safe for concurrent use.
type Table struct {
	named    map[string][]choice // ModelRoutes by exact name, the first that applies wins
	patterns []choice            // ModelRoutes by pattern, likewise
	// qualified and bare hold configured models by "provider/model" and by names of their own.
	qualified, bare map[string]*Route
	// open holds the providers that declare no models, by the name that clients write before the slash.
	open map[string]*Route
	sole *Route // of the only open provider, nil when there are none or several

	routes     []*Route
	targets    []Target
	names      []string
	onlyName   string // empty when there are several or any
	openPlaces []int
}

// choice is a ModelRoute under one of its names.
type choice struct {
	route  *Route
	name   string
	fields []field
	// literal counts the characters of a pattern that are not "*"; 0 of names.
	literal int
}

// field is a header field that a request must have.
type field struct {
	name  []byte
	value string
}

func (c *choice) applies(header Fields) bool { return c.lacks(header) == nil }

// lacks gives the first of the fields that a request does not have; nil where it has all.
func (c *choice) lacks(header Fields) *field {
	for i := range c.fields {
		if f := &c.fields[i]; header == nil || string(header.PeekCanonical(f.name)) != f.value {
			return f
		}
	}
	return nil
}

// Routes are all there are, each at its Place.
func (t *Table) Routes() []*Route { return t.routes }

// Targets are all there are, each at its Place, without weight and tier.
func (t *Table) Targets() []Target { return t.targets }

// Names are those that requests of anybody may use, sorted: of configured models, and of ModelRoutes that ask for no header.
// Patterns are not among them.
func (t *Table) Names() []string { return t.names }

// Open are the places in Core.Providers of those that declare no models, in order, and whether bare names reach them.
func (t *Table) Open() (providers []int, bare bool) { return t.openPlaces, t.sole != nil }

// Default gives the name of the only model there is; false where there are several, or any. A ModelRoute is the only one
// where all models that have names of their own are among its targets.
func (t *Table) Default() (string, bool) { return t.onlyName, t.onlyName != "" }

// Find gives what a model's name means for a request with a header; nil stands for a header without fields. Names of
// ModelRoutes come first, then "provider/model", then the patterns of ModelRoutes, then models' own names, and last the only
// provider that declares none. It allocates only where there is no ModelRoute and no configured model.
func (t *Table) Find(model []byte, header Fields) (Match, *exchange.Error) {
	for c := range t.candidates(model) {
		if c.choice == nil || c.choice.applies(header) {
			return c.match, nil
		}
	}
	return Match{}, t.notFound(model)
}

func (t *Table) notFound(model []byte) *exchange.Error {
	const shown = 128
	name := string(model[:min(len(model), shown)])
	if len(model) > shown {
		name = strings.ToValidUTF8(name, "") + "…"
	}
	message := fmt.Sprintf("The model `%s` does not exist or you do not have access to it.", name)
	if len(t.open) > 1 {
		message += " Several providers take any model: write provider/model."
	}
	return &exchange.Error{
		Status: 404, Type: exchange.TypeInvalidRequest, Code: "model_not_found", Param: "model", Message: message,
		Reason: exchange.ReasonModelNotFound, Outcome: exchange.Refused,
	}
}
