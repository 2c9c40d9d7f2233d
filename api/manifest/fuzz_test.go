// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzParse looks for panics, and for problems without a reason or beyond the file.
func FuzzParse(f *testing.F) {
	seeds, err := filepath.Glob("../../config/samples/*/*.yaml")
	if err != nil || len(seeds) == 0 {
		f.Fatal("no samples", err)
	}
	for _, seed := range seeds {
		content, err := os.ReadFile(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(content))
	}
	for _, seed := range []string{
		"", "---\n---", "a: &a [*a]", "{", "- a\n- b", "apiVersion: v1\nkind: List\nitems: [{}, null, 1]",
		"apiVersion: v1\nkind: Secret\nmetadata: 5\ndata: []", "apiVersion: v1\nkind: Namespace\nmetadata: {name: [a]}",
		"apiVersion: sparkgateway.dev/v1alpha1\nkind: SparkGateway\nmetadata: []\nspec: 1",
		"apiVersion: sparkgateway.dev/v1alpha1\nkind: APIKey\nmetadata: {name: a}\nspec: {gatewayRefs: [null, [], 1], user: {}}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		set, problems := Parse([]File{{Name: "f.yaml", Content: []byte(content)}})
		last := strings.Count(content, "\n") + 1
		for _, p := range append(problems, set.Notes()...) {
			if p.Reason == "" || strings.Contains(p.String(), "\n") || p.Line < 1 || p.Line > last {
				t.Errorf("%+v, of %d lines", p, last)
			}
		}
	})
}
