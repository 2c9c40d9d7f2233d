// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestEveryFindingHasItsOwnWord(t *testing.T) {
	seen := map[string]bool{}
	for f := range FindingKinds {
		if word := f.String(); word == "" || word == "unknown" || seen[word] {
			t.Errorf("finding %d is %q", f, word)
		}
		seen[f.String()] = true
	}
	if FindingKinds.String() != "unknown" {
		t.Errorf("what is no finding is %q", FindingKinds)
	}
}

func TestThereIsACountForEveryKindOfPII(t *testing.T) {
	if len(config.PIIKinds) != PIIKinds {
		t.Errorf("%d kinds, %d counts", len(config.PIIKinds), PIIKinds)
	}
}

func TestFindings(t *testing.T) {
	add := func(edit func(*Findings)) Findings {
		var f Findings
		edit(&f)
		return f
	}
	request := add(func(f *Findings) {
		f.Add(FoundPII, true)
		f.Count(0, 2)
		f.Count(3, 1)
	})
	answer := add(func(f *Findings) {
		f.Add(FoundModeration, false)
		f.Add(FoundPII, false)
		f.Count(3, 1<<20)
	})
	both := request
	both.Merge(answer)
	for name, test := range map[string]struct {
		findings Findings
		header   string
		redacted []Finding
		pii      map[config.PIIKind]int
	}{
		"nothing":    {Findings{}, "", nil, nil},
		"one":        {request, "pii", []Finding{FoundPII}, map[config.PIIKind]int{config.PIIKinds[0]: 2, config.PIIKinds[3]: 1}},
		"several":    {answer, "pii, moderation", nil, map[config.PIIKind]int{config.PIIKinds[3]: 1<<16 - 1}},
		"all merged": {both, "pii, moderation", []Finding{FoundPII}, map[config.PIIKind]int{config.PIIKinds[0]: 2, config.PIIKinds[3]: 1<<16 - 1}},
	} {
		t.Run(name, func(t *testing.T) {
			f := test.findings
			if got := string(f.AppendHeader(nil)); got != test.header || f.Empty() != (got == "") {
				t.Errorf("header %q, empty %t, want %q", got, f.Empty(), test.header)
			}
			var redacted []Finding
			for kind := range FindingKinds {
				if f.Redacted(kind) {
					redacted = append(redacted, kind)
				}
			}
			if diff := cmp.Diff(test.redacted, redacted); diff != "" {
				t.Error(diff)
			}
			var pii map[config.PIIKind]int
			f.EachPII(func(kind config.PIIKind, n int) {
				if pii == nil {
					pii = map[config.PIIKind]int{}
				}
				pii[kind] = n
			})
			if diff := cmp.Diff(test.pii, pii); diff != "" {
				t.Error(diff)
			}
		})
	}
	if request == answer || both == request {
		t.Error("findings do not compare by what they are")
	}
}
