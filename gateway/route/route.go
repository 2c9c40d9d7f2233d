// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package route finds where a request for a model goes.
package route

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// OtherModel labels whatever models clients name at providers that declare none, so that clients cannot make labels.
const OtherModel = "other"

// Target is a provider and what it calls the model.
type Target struct {
	// Provider is the place in Core.Providers.
	Provider int
	// Upstream is the model's name at the provider.
	Upstream string
	// Label is the configured name of the model, or OtherModel.
	Label string
	// Place is the target's place among Table.Targets.
	Place int
	// MaxOutputTokens bounds what a request may ask for; 0 does not.
	MaxOutputTokens int64
	// Price of its tokens; nil where nobody said.
	Price *config.Price
}

// Table maps the names that clients use to targets. It is immutable and safe for concurrent use.
type Table struct {
	exact map[string]Target
	// open holds the providers that declare no models, by the name that clients write before the slash.
	open    map[string]Target
	sole    *Target // the only open provider, nil when there are none or several
	targets []Target
	names   []string
}

// NewTable builds the table of a document. It fails when two providers that declare no models have one name, because
// "name/model" would not say which.
func NewTable(core *config.Core) (*Table, error) {
	t := &Table{exact: make(map[string]Target, len(core.Models)), open: map[string]Target{}}
	byID := make(map[string]int, len(core.Providers))
	for i, p := range core.Providers {
		byID[p.ID] = i
		if !p.AnyModel {
			continue
		}
		if other, ok := t.open[p.Name]; ok {
			return nil, fmt.Errorf("providers[%d].name: %q is also the name of %s", i, p.Name,
				core.Providers[other.Provider].ID)
		}
		t.open[p.Name] = t.add(Target{Provider: i, Label: OtherModel})
	}
	if len(t.open) == 1 {
		for _, target := range t.open {
			t.sole = &target
		}
	}
	for _, m := range core.Models {
		t.exact[m.Name] = t.add(Target{
			Provider: byID[m.Provider], Upstream: m.Upstream, Label: m.Name, MaxOutputTokens: m.MaxOutputTokens, Price: m.Price,
		})
		t.names = append(t.names, m.Name)
	}
	slices.Sort(t.names)
	return t, nil
}

func (t *Table) add(target Target) Target {
	target.Place = len(t.targets)
	t.targets = append(t.targets, target)
	return target
}

// Targets are all there can be, each at its Place; Upstream is empty for providers that declare no models.
func (t *Table) Targets() []Target { return t.targets }

// Names are the configured model names, sorted.
func (t *Table) Names() []string { return t.names }

// Open are the places in Core.Providers of those that declare no models, in order, and whether bare names reach them.
func (t *Table) Open() (providers []int, bare bool) {
	for _, target := range t.open {
		providers = append(providers, target.Provider)
	}
	slices.Sort(providers)
	return providers, t.sole != nil
}

// Default gives the name of the only model there is; false where there are several, or any.
func (t *Table) Default() (string, bool) {
	if len(t.open) > 0 || len(t.names) == 0 {
		return "", false
	}
	first, shortest := t.exact[t.names[0]], t.names[0]
	for _, name := range t.names[1:] {
		if other := t.exact[name]; other.Provider != first.Provider || other.Upstream != first.Upstream {
			return "", false
		}
		if len(name) < len(shortest) {
			shortest = name
		}
	}
	return shortest, true
}

// Find gives the target of a model name. A configured name wins, then "provider/model" of a provider that declares no
// models, then the only such provider. It allocates only for models that are not configured.
func (t *Table) Find(model []byte) (Target, *exchange.Error) {
	if target, ok := t.exact[string(model)]; ok {
		return target, nil
	}
	name := string(model)
	if provider, rest, ok := strings.Cut(name, "/"); ok && rest != "" {
		if target, ok := t.open[provider]; ok {
			target.Upstream = rest
			return target, nil
		}
	}
	if t.sole != nil {
		target := *t.sole
		target.Upstream = name
		return target, nil
	}
	return Target{}, t.notFound(name)
}

func (t *Table) notFound(name string) *exchange.Error {
	const shown = 128
	if len(name) > shown {
		name = strings.ToValidUTF8(name[:shown], "") + "…"
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
