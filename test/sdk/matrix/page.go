// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sparkgateway/spark/test/sdk/expected"
)

//go:embed page.md
var prose string

// render writes the page: the prose, a table of each dialect, and the reasons of refusals as footnotes.
func render(expect *expected.Matrix, found results) (string, error) {
	p := page{expect: expect, found: found, notes: map[*expected.Refusal]int{}}
	p.WriteString(prose)
	for _, d := range expect.Dialects {
		p.table(&d)
	}
	p.WriteString("\n## Why cells are refused\n\n")
	for i, refusal := range p.numbered {
		fmt.Fprintf(&p, "%d. %s (%d)\n", i+1, refusal.Reason, refusal.Status)
	}
	for i := range expect.Refused {
		if r := &expect.Refused[i]; p.notes[r] == 0 {
			p.wrong = append(p.wrong, fmt.Errorf("nothing is refused because: %s", r.Reason))
		}
	}
	return p.String(), errors.Join(p.wrong...)
}

// page is one page in the making.
type page struct {
	strings.Builder
	expect   *expected.Matrix
	found    results
	notes    map[*expected.Refusal]int // the footnotes' numbers
	numbered []*expected.Refusal
	wrong    []error
}

func (p *page) table(d *expected.Dialect) {
	fmt.Fprintf(p, "\n## %s\n\nWith %s.\n\n|", d.Title, strings.Join(d.SDKs, " and "))
	for _, provider := range p.expect.Providers {
		p.WriteString(" | " + provider.Column)
	}
	p.WriteString(" |\n|---" + strings.Repeat("|---", len(p.expect.Providers)) + "|\n")
	for _, feature := range p.expect.Features {
		if slices.Contains(d.Lacks, feature) {
			continue
		}
		p.WriteString("| " + feature)
		for _, provider := range p.expect.Providers {
			p.WriteString(" | " + p.cell(d, cell{d.Name, feature, provider.Name}))
		}
		p.WriteString(" |\n")
	}
}

// cell renders one cell.
func (p *page) cell(d *expected.Dialect, at cell) string {
	result, err := p.found.of(at, d.SDKs)
	refusal, refused := p.expect.Refusal(at.dialect, at.feature, at.provider)
	switch {
	case err != nil:
		p.wrong = append(p.wrong, err)
	case refused != (result == expected.Refused):
		p.wrong = append(p.wrong, fmt.Errorf("%s / %s / %s is %s, which is not expected", at.dialect, at.provider, at.feature, result))
	case refused:
		if p.notes[refusal] == 0 {
			p.numbered = append(p.numbered, refusal)
			p.notes[refusal] = len(p.numbered)
		}
		return fmt.Sprintf("refused [%d](#why-cells-are-refused)", p.notes[refusal])
	}
	return result
}
