// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/sdk/expected"
)

// small is a matrix of one dialect with two SDKs, two providers and three features, one of which the dialect lacks.
func small() *expected.Matrix {
	return &expected.Matrix{
		Dialects:  []expected.Dialect{{Name: "d", Title: "The Dialect", SDKs: []string{"go", "js"}, Lacks: []string{"count"}}},
		Features:  []string{"chat", "embed", "count"},
		Providers: []expected.Provider{{Name: "a", Column: "A"}, {Name: "b", Column: "B"}},
		Refused:   []expected.Refusal{{Features: []string{"embed"}, Providers: []string{"b"}, Status: 404, Says: "x", Reason: "B has none."}},
	}
}

// found is what both SDKs found where all is as expected.
func found() results {
	r := results{}
	for _, sdk := range []string{"go", "js"} {
		r.add(expected.Result{Dialect: "d", SDK: sdk, Feature: "chat", Provider: "a", Result: expected.Passed})
		r.add(expected.Result{Dialect: "d", SDK: sdk, Feature: "chat", Provider: "b", Result: expected.Passed})
		r.add(expected.Result{Dialect: "d", SDK: sdk, Feature: "embed", Provider: "a", Result: expected.Passed})
		r.add(expected.Result{Dialect: "d", SDK: sdk, Feature: "embed", Provider: "b", Result: expected.Refused})
	}
	return r
}

func TestThePageHasACellOfEach(t *testing.T) {
	page, err := render(small(), found())
	if err != nil {
		t.Fatal(err)
	}
	want := `
## The Dialect

With go and js.

| | A | B |
|---|---|---|
| chat | passed | passed |
| embed | passed | refused [1](#why-cells-are-refused) |

## Why cells are refused

1. B has none. (404)
`
	if got := strings.TrimPrefix(page, prose); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestWhatIsNotAsExpectedIsToldAndNoPageMade(t *testing.T) {
	chat := func(sdk, result string) expected.Result {
		return expected.Result{Dialect: "d", SDK: sdk, Feature: "chat", Provider: "a", Result: result}
	}
	for name, test := range map[string]struct {
		change func(*expected.Matrix, results)
		want   string
	}{
		"a cell that nobody found": {func(_ *expected.Matrix, r results) {
			delete(r, cell{"d", "chat", "b"})
		}, "d / b / chat is unknown to go"},
		"a cell that one SDK did not find": {func(_ *expected.Matrix, r results) {
			delete(r[cell{"d", "chat", "b"}], "js")
		}, "d / b / chat is unknown to js"},
		"a word that is no result": {func(_ *expected.Matrix, r results) { r.add(chat("go", "perhaps")) }, "d / a / chat is unknown to go"},
		"SDKs that disagree":       {func(_ *expected.Matrix, r results) { r.add(chat("js", expected.Refused)) }, "d / a / chat: the SDKs disagree"},
		"a refusal out of nowhere": {func(_ *expected.Matrix, r results) {
			r.add(chat("go", expected.Refused))
			r.add(chat("js", expected.Refused))
		}, "d / a / chat is refused, which is not expected"},
		"a refusal that did not come": {func(m *expected.Matrix, _ results) {
			m.Refused = append(m.Refused, expected.Refusal{Features: []string{"chat"}, Reason: "Never."})
		}, "d / a / chat is passed, which is not expected"},
		"a reason that nothing has": {func(m *expected.Matrix, _ results) {
			m.Refused = append(m.Refused, expected.Refusal{Providers: []string{"c"}, Reason: "There is no C."})
		}, "nothing is refused because: There is no C."},
	} {
		t.Run(name, func(t *testing.T) {
			expect, r := small(), found()
			test.change(expect, r)
			if _, err := render(expect, r); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestResultsAreReadFromEveryFile(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{
		"go.jsonl": `{"dialect":"d","sdk":"go","feature":"chat","provider":"a","result":"passed"}` + "\n",
		"js.jsonl": `{"dialect":"d","sdk":"js","feature":"chat","provider":"a","result":"passed"}` + "\n",
		"else.log": "not a result\n",
		"exp.json": `{"dialects":[{"name":"d","title":"D","sdks":["go","js"]}],"features":["chat"],"providers":[{"name":"a","column":"A"}]}`,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var page strings.Builder
	if err := run(filepath.Join(folder, "exp.json"), folder, &page); err != nil || !strings.Contains(page.String(), "| chat | passed |\n") {
		t.Errorf("%v: %s", err, page.String())
	}
	if err := os.WriteFile(filepath.Join(folder, "broken.jsonl"), []byte("{\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(filepath.Join(folder, "exp.json"), folder, &page); err == nil || !strings.Contains(err.Error(), "broken.jsonl") {
		t.Errorf("a broken line: %v", err)
	}
	if err := run(filepath.Join(folder, "absent.json"), folder, &page); err == nil {
		t.Error("what is expected is not there")
	}
}

func TestWhatIsExpectedNamesOnlyWhatThereIs(t *testing.T) {
	expect, err := expected.Read("../expected.json")
	if err != nil {
		t.Fatal(err)
	}
	dialects, features, providers := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, d := range expect.Dialects {
		dialects[d.Name] = true
	}
	for _, f := range expect.Features {
		features[f] = true
	}
	for _, p := range expect.Providers {
		providers[p.Name] = true
	}
	check := func(kind string, known map[string]bool, names []string) {
		for _, name := range names {
			if !known[name] {
				t.Errorf("there is no %s %q", kind, name)
			}
		}
	}
	for _, d := range expect.Dialects {
		check("feature", features, d.Lacks)
	}
	for _, r := range expect.Refused {
		check("dialect", dialects, r.Dialects)
		check("feature", features, r.Features)
		check("provider", providers, r.Providers)
		if r.Status < 400 || r.Says == "" || r.Reason == "" {
			t.Errorf("a refusal says too little: %+v", r)
		}
	}
	if expect.Dialect("no such").Name != "" || !dialects["openai"] {
		t.Errorf("dialects: %v", dialects)
	}
}
