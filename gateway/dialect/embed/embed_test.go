// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package embed

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestVectorsAreRenderedAsTheProviderWroteTheirNumbers(t *testing.T) {
	for name, tc := range map[string]struct{ vector, want, wantBase64 string }{
		"numbers":        {`[1,-0.5,2e-3]`, `[1,-0.5,2e-3]`, `"AACAPwAAAL9vEgM7"`},
		"a pretty print": {" [\n  0.013168523,\n  1.0E2 ] ", `[0.013168523,1.0E2]`, `"ysBXPAAAyEI="`},
		"one":            {`[0]`, `[0]`, `"AAAAAA=="`},
		"out of range":   {`[1e300,-1e300]`, `[1e300,-1e300]`, `"AACAfwAAgP8="`},
	} {
		if got := string(AppendVector(nil, jsontext.Value(tc.vector))); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
		if got := string(AppendBase64(nil, jsontext.Value(tc.vector))); got != tc.wantBase64 {
			t.Errorf("%s in base64: %s, want %s", name, got, tc.wantBase64)
		}
	}
}

func TestAnAnswerHasOneVectorForEachInput(t *testing.T) {
	for name, tc := range map[string]struct {
		vectors []string
		inputs  int
		want    error
	}{
		"as many as asked for": {[]string{`[1]`, `[-1, 2]`}, 2, nil},
		"fewer":                {[]string{`[1]`}, 2, errCount},
		"more":                 {[]string{`[1]`, `[1]`}, 1, errCount},
		"none":                 {[]string{``}, 1, errVector},
		"null":                 {[]string{`null`}, 1, errVector},
		"an empty one":         {[]string{`[]`}, 1, errVector},
		"base64":               {[]string{`"AAAA"`}, 1, errVector},
		"texts":                {[]string{`["1"]`}, 1, errVector},
		"texts with commas":    {[]string{`[1,"1,2"]`}, 1, errVector},
		"lists":                {[]string{`[[1],[2]]`}, 1, errVector},
		"a list at the end":    {[]string{`[1,[2]]`}, 1, errVector},
		"null among numbers":   {[]string{`[1,null]`}, 1, errVector},
	} {
		a := Answer{}
		for _, v := range tc.vectors {
			a.Vectors = append(a.Vectors, jsontext.Value(v))
		}
		if got := a.Check(tc.inputs); got != tc.want { //nolint:errorlint // They are not wrapped.
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestAUsageIsReportedOrNot(t *testing.T) {
	for name, tc := range map[string]struct {
		told  string
		names []string
		want  int64 // -1: not reported
	}{
		"a count":              {`{"prompt_tokens":7}`, []string{"prompt_tokens"}, 7},
		"a fraction of none":   {`{"prompt_tokens":7.0}`, []string{"prompt_tokens"}, 7},
		"zero":                 {`{"prompt_tokens":0}`, []string{"prompt_tokens"}, 0},
		"further in":           {`{"billed_units":{"input_tokens":3}}`, []string{"billed_units", "input_tokens"}, 3},
		"a number by itself":   {`12`, nil, 12},
		"what is no number":    {`NaN`, nil, -1},
		"what never ends":      {`Inf`, nil, -1},
		"another member":       {`{"total_tokens":7}`, []string{"prompt_tokens"}, -1},
		"a word":               {`{"prompt_tokens":"many"}`, []string{"prompt_tokens"}, -1},
		"below zero":           {`{"prompt_tokens":-1}`, []string{"prompt_tokens"}, -1},
		"more than there are":  {`{"prompt_tokens":1e300}`, []string{"prompt_tokens"}, -1},
		"null":                 {`{"prompt_tokens":null}`, []string{"prompt_tokens"}, -1},
		"a list":               {`[]`, []string{"prompt_tokens"}, -1},
		"nothing":              {``, []string{"prompt_tokens"}, -1},
		"nothing on the way":   {`{}`, []string{"billed_units", "input_tokens"}, -1},
		"a list on the way":    {`{"billed_units":[]}`, []string{"billed_units", "input_tokens"}, -1},
		"null where a list is": {`null`, []string{"prompt_tokens"}, -1},
	} {
		want := exchange.Usage{}
		if tc.want >= 0 {
			want = exchange.Usage{Prompt: tc.want, Total: tc.want, Source: exchange.UsageReported}
		}
		if diff := cmp.Diff(want, Reported(jsontext.Value(tc.told), tc.names...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// asking is a request that asks for everything.
func asking() *Request {
	yes, many := true, int64(64)
	return &Request{
		Inputs:     []Input{{Text: "a", At: "in[0]"}, {Text: "b", Task: Query, Title: "t", At: "in[1]"}},
		Dimensions: &many, Truncate: &yes, User: "u",
		Names: func(f Field, input int) string {
			return [...]string{"inputs", "task", "title", "dimensions", "truncate"}[f] + strings.Repeat("'", input)
		},
	}
}

func TestWhatATargetLacksIsRefusedByName(t *testing.T) {
	for f, want := range map[Field]string{
		FieldInputs: "inputs", FieldTask: "task'", FieldTitle: "title'", FieldDimensions: "dimensions",
		FieldTruncate: "truncate",
	} {
		err := asking().Lacking("Elsewhere", f)
		if err == nil || err.Param != want || err.Status != 400 || err.Reason != exchange.ReasonUntranslatable ||
			!strings.Contains(err.Message, "Elsewhere") {
			t.Errorf("%s: %+v", want, err)
		}
		if err := (&Request{Inputs: []Input{{Text: "a"}}}).Lacking("Elsewhere", f); err != nil {
			t.Errorf("%s was not asked for, but %v", want, err)
		}
	}
	if err := asking().Lacking("Elsewhere"); err != nil {
		t.Errorf("nothing is lacking, but %v", err)
	}
}

func TestInputsThatAreNoTextAreRefusedByTheirPlace(t *testing.T) {
	r := asking()
	texts, err := r.Texts("Elsewhere")
	if diff := cmp.Diff([]string{"a", "b"}, texts); diff != "" || err != nil {
		t.Errorf("texts: %v %s", err, diff)
	}
	for name, in := range map[string]Input{
		"tokens":  {Tokens: []int64{1}, At: "in[1]"},
		"content": {Content: jsontext.Value(`{}`), At: "in[1]"},
	} {
		r.Inputs[1] = in
		if _, err := r.Texts("Elsewhere"); err == nil || err.Param != "in[1]" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOneTaskIsForAll(t *testing.T) {
	r := asking()
	if _, err := r.OneTask("Elsewhere"); err == nil || err.Param != "task'" {
		t.Errorf("two tasks: %v", err)
	}
	r.Inputs[0].Task = Query
	if task, err := r.OneTask("Elsewhere"); err != nil || task != Query {
		t.Errorf("one task: %q, %v", task, err)
	}
}

func FuzzVectors(f *testing.F) {
	f.Add([]byte(`[1,2.5,-3e-5]`))
	f.Add([]byte(` [ 1 , "a,b" ] `))
	f.Fuzz(func(t *testing.T, b []byte) {
		v := jsontext.Value(b)
		a := Answer{Vectors: []jsontext.Value{v}}
		if !v.IsValid() || a.Check(1) != nil {
			return
		}
		if out := jsontext.Value(AppendVector(nil, v)); !out.IsValid() || out.Kind() != '[' {
			t.Errorf("%q became %q", b, out)
		}
		if out := jsontext.Value(AppendBase64(nil, v)); !out.IsValid() || out.Kind() != '"' {
			t.Errorf("%q became %q", b, out)
		}
	})
}
