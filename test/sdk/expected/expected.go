// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package expected is what the tests of the SDKs expect, from expected.json, and the results that they write.
package expected

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// Matrix is expected.json: what is not refused passes.
type Matrix struct {
	Dialects  []Dialect  `json:"dialects"`
	Features  []string   `json:"features"`
	Providers []Provider `json:"providers"`
	Refused   []Refusal  `json:"refused"`
}

// Dialect is a table: its SDKs, all of which must agree on a cell, and the features that it has no words for.
type Dialect struct {
	Name, Title string
	SDKs, Lacks []string
}

// Provider is a column: the name of a ProviderPolicy and of its model, and what the page calls it.
type Provider struct{ Name, Column string }

// Refusal says which cells are refused, and why. Lists that are empty mean all.
type Refusal struct {
	Dialects, Features, Providers []string
	// Status and Says, a regular expression, are what the SDK's error must have.
	Status int
	Says   string
	// Reason is the footnote.
	Reason string
}

// The results of a cell.
const (
	Passed  = "passed"
	Refused = "refused"
)

// Result is one line of a results file: what came of a cell with one SDK.
type Result struct {
	Dialect  string `json:"dialect"`
	SDK      string `json:"sdk"`
	Feature  string `json:"feature"`
	Provider string `json:"provider"`
	Result   string `json:"result"`
}

// Read reads the file.
func Read(path string) (*Matrix, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	var m Matrix
	err = decoder.Decode(&m)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &m, nil
}

// Dialect finds a dialect; it is empty where there is none of the name.
func (m *Matrix) Dialect(name string) Dialect {
	for _, d := range m.Dialects {
		if d.Name == name {
			return d
		}
	}
	return Dialect{}
}

// Refusal gives the first entry that a cell is refused by.
func (m *Matrix) Refusal(dialect, feature, provider string) (*Refusal, bool) {
	holds := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	for i := range m.Refused {
		r := &m.Refused[i]
		if holds(r.Dialects, dialect) && holds(r.Features, feature) && holds(r.Providers, provider) {
			return r, true
		}
	}
	return nil, false
}
