// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Problem says where the manifests are wrong and why. It never holds the value of a Secret.
type Problem struct {
	// File as it was named to Read.
	File string `json:"file"`
	// Line of the field where it stands in the file, else of what should hold it; 1-based, 0 when the whole file is meant.
	Line int `json:"line,omitempty"`
	// Object is "Kind namespace/name", or "Kind name" for a Namespace; empty when there is no object yet.
	Object string `json:"object,omitempty"`
	// Field is a path such as "spec.models[0].name"; empty when the whole object is meant.
	Field string `json:"field,omitempty"`
	// Reason is one line.
	Reason string `json:"reason"`
}

// String gives "file.yaml:12: ProviderPolicy default/openai: spec.endpoint: must be ...", without what is empty.
func (p Problem) String() string {
	at := p.File
	if p.Line > 0 {
		at += ":" + strconv.Itoa(p.Line)
	}
	parts := slices.DeleteFunc([]string{at, p.Object, p.Field, p.Reason}, func(s string) bool { return s == "" })
	return strings.Join(parts, ": ")
}

// Sort orders problems by file, line, object, field and reason, and drops repetitions.
func Sort(problems []Problem) []Problem {
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Object, b.Object),
			cmp.Compare(a.Field, b.Field), cmp.Compare(a.Reason, b.Reason))
	})
	return slices.Compact(problems)
}

// oneLine keeps a reason that a library wrote over several lines on one.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
