// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package prices

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

func TestDollarsAreExact(t *testing.T) {
	for text, want := range map[string]string{
		"2.5e-06": "2.5", "0.0000025": "2.5", "1e-05": "10", "6e-7": "0.6", "7.5e-08": "0.075", "0": "0", "0.0": "0", "1E-6": "1", "1.23456e-6": "1.23456",
		"3e-12": "0.000003", "0.009999999999": "9999.999999",
		// What cannot be held is rounded, and said.
		"1e-13": "0 rounded", "7.90000005e-07": "0.79 rounded", "1.0000005e-6": "1.000001 rounded",
		// What is no price is none.
		"0.01": "error", "1": "error", "-1e-6": "error", "1e-999": "error", "1e999999999": "error", `"2.5e-06"`: "error", "true": "error", "[]": "error",
	} {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		amount, exact, err := dollars(value, million)
		got := string(amount)
		switch {
		case err != nil:
			got = "error"
		case !exact:
			got += " rounded"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func list(t *testing.T, text string) *List {
	t.Helper()
	l, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestPlan(t *testing.T) {
	const c = `"input_cost_per_token":1e-6,"output_cost_per_token":2e-6,"mode":"chat"`
	l := list(t, `{
		"m": {"litellm_provider":"openai",`+c+`},
		"azure/m": {"litellm_provider":"azure","input_cost_per_token":3e-6,"output_cost_per_token":4e-6},
		"gemini-x": {"litellm_provider":"vertex_ai-language-models",`+c+`},
		"gemini/gemini-x": {"litellm_provider":"gemini","input_cost_per_token":5e-6,"output_cost_per_token":5e-6},
		"anthropic.s": {"litellm_provider":"bedrock",`+c+`},
		"eu.anthropic.t": {"litellm_provider":"bedrock_converse",`+c+`},
		"e": {"litellm_provider":"openai","input_cost_per_token":1e-6,"mode":"embedding"},
		"half": {"litellm_provider":"openai","input_cost_per_token":1e-6,"mode":"chat"},
		"none": {"litellm_provider":"openai","mode":"chat"},
		"odd": {"litellm_provider":"openai","input_cost_per_token":"free","output_cost_per_token":1},
		"null": {"litellm_provider":"openai","input_cost_per_token":1e-6,"output_cost_per_token":1e-6,"cache_read_input_token_cost":null},
		"rank": {"litellm_provider":"cohere","input_cost_per_query":0.002,"mode":"rerank"}
	}`)
	for name, tt := range map[string]struct {
		kind  v1alpha1.ProviderType
		keys  []string
		model v1alpha1.ProviderModel
		want  string
	}{
		"by its name":                   {v1alpha1.ProviderOpenAI, nil, v1alpha1.ProviderModel{Name: "m"}, "new, $1 in and $2 out a million tokens"},
		"by what the provider calls it": {v1alpha1.ProviderOpenAI, nil, v1alpha1.ProviderModel{Name: "fast", Upstream: "m"}, "new, $1 in and $2 out a million tokens, as m"},
		"a deployment by its name":      {v1alpha1.ProviderAzureOpenAI, nil, v1alpha1.ProviderModel{Name: "m", Upstream: "our-deployment"}, "new, $3 in and $4 out a million tokens, as azure/m"},
		"of a kind of provider":         {v1alpha1.ProviderVertexAI, nil, v1alpha1.ProviderModel{Name: "gemini-x"}, "new, $1 in and $2 out a million tokens"},
		"with its provider before":      {v1alpha1.ProviderGemini, nil, v1alpha1.ProviderModel{Name: "gemini-x"}, "new, $5 in and $5 out a million tokens, as gemini/gemini-x"},
		"of any region":                 {v1alpha1.ProviderBedrock, nil, v1alpha1.ProviderModel{Name: "s", Upstream: "us.anthropic.s"}, "new, $1 in and $2 out a million tokens, as anthropic.s"},
		"of its own region":             {v1alpha1.ProviderBedrock, nil, v1alpha1.ProviderModel{Name: "eu.anthropic.t"}, "new, $1 in and $2 out a million tokens"},
		"another's model":               {v1alpha1.ProviderAnthropic, nil, v1alpha1.ProviderModel{Name: "m"}, "no price; the list has no such model of anthropic"},
		"of nobody knows whom":          {v1alpha1.ProviderOpenAICompatible, nil, v1alpha1.ProviderModel{Name: "m"}, "no price; whose prices? Say it with --provider p=KEY"},
		"of whom was said":              {v1alpha1.ProviderOpenAICompatible, []string{"openai"}, v1alpha1.ProviderModel{Name: "m"}, "new, $1 in and $2 out a million tokens"},
		"without tokens of an answer":   {v1alpha1.ProviderOpenAI, nil, v1alpha1.ProviderModel{Name: "e"}, "new, $1 in and $0 out a million tokens"},
		"half of a price":               {v1alpha1.ProviderOpenAI, nil, v1alpha1.ProviderModel{Name: "half"}, "no price; in the list it has no price of what is answered"},
		"no price":                      {v1alpha1.ProviderOpenAI, nil, v1alpha1.ProviderModel{Name: "none"}, "no price; in the list it has no price by the token"},
		"what is no price":              {v1alpha1.ProviderOpenAI, nil, v1alpha1.ProviderModel{Name: "odd"}, "no price; in the list it has input_cost_per_token, which is no price"},
		"a null":                        {v1alpha1.ProviderOpenAI, nil, v1alpha1.ProviderModel{Name: "null"}, "new, $1 in and $1 out a million tokens"},
		"by the search":                 {v1alpha1.ProviderCohere, nil, v1alpha1.ProviderModel{Name: "rank"}, "new, $0 in and $0 out a million tokens, $0.002 a request"},
		"the same, written otherwise":   {v1alpha1.ProviderOpenAI, nil, v1alpha1.ProviderModel{Name: "m", Price: &v1alpha1.ModelPrice{InputPerMillion: "1.00", OutputPerMillion: "2.0"}}, "same, $1 in and $2 out a million tokens"},
		"what the list does not say":    {v1alpha1.ProviderOpenAI, nil, v1alpha1.ProviderModel{Name: "m", Price: &v1alpha1.ModelPrice{InputPerMillion: "9", OutputPerMillion: "2", PerRequest: "0.1"}}, "changed, $1 in and $2 out a million tokens, $0.1 a request (was $9 in and $2 out a million tokens, $0.1 a request)"},
		"what stays":                    {v1alpha1.ProviderOpenAI, nil, v1alpha1.ProviderModel{Name: "x", Price: &v1alpha1.ModelPrice{InputPerMillion: "9", OutputPerMillion: "2"}}, "no price, stays $9 in and $2 out a million tokens; the list has no such model of openai or text-completion-openai"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &v1alpha1.ProviderPolicy{}
			p.Namespace, p.Name, p.Spec.Models = "team", "p", []v1alpha1.ProviderModel{tt.model}
			if tt.keys == nil {
				tt.keys = Keys(tt.kind)
			}
			got := l.Plan(p, tt.keys)
			want := "team/p " + tt.model.Name + ": " + tt.want
			if diff := cmp.Diff(want, got[0].String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDocuments(t *testing.T) {
	for name, content := range map[string]string{
		"nothing":              "",
		"comments":             "# nothing\n---\n---\n",
		"other kinds":          "kind: Secret\ndata: {a: b}\n",
		"what is no map":       "[1, 2]\n",
		"a list that is empty": "kind: List\nitems: []\n",
	} {
		d := &Documents{}
		if err := d.Read([]byte(content)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if policies, err := d.Policies(); err != nil || len(policies) != 0 {
			t.Errorf("%s: %v, %v", name, policies, err)
		}
	}
	d := &Documents{}
	if err := d.Read([]byte("kind: ProviderPolicy\nspec: {type: OpenAI}\n")); err != nil {
		t.Fatal(err)
	}
	price := &v1alpha1.ModelPrice{InputPerMillion: "1", OutputPerMillion: "2"}
	if err := d.Set(0, []Finding{{State: New, New: price}}); err == nil {
		t.Error("a price was set where there is no model")
	}
	if err := d.Set(0, []Finding{{State: Same, New: price}, {State: Unknown}}); err != nil {
		t.Error(err)
	}
}

func TestSetKeepsWhatElseIsWritten(t *testing.T) {
	const head = "kind: ProviderPolicy\nmetadata: {name: p}\nspec:\n  models:\n"
	price := &v1alpha1.ModelPrice{InputPerMillion: "1", OutputPerMillion: "2", CachedInputPerMillion: "0.5", CacheWritePerMillion: "1.25", PerRequest: "0.1"}
	const block = "    price:\n      inputPerMillion: \"1\"\n      outputPerMillion: \"2\"\n      cachedInputPerMillion: \"0.5\"\n      cacheWritePerMillion: \"1.25\"\n      perRequest: \"0.1\"\n"
	for name, tt := range map[string]struct{ models, want string }{
		"a model without a price": {"  # ours\n  - name: m # the one\n", "  # ours\n  - name: m # the one\n" + block},
		"a price of null":         {"  - name: m\n    price:\n", "  - name: m\n" + block},
		"comments within a price": {
			"  - name: m\n    price:\n      # by contract\n      inputPerMillion: \"9\" # last year\n      outputPerMillion: 8\n",
			"  - name: m\n    price:\n      # by contract\n      inputPerMillion: \"1\" # last year\n      outputPerMillion: \"2\"\n      cachedInputPerMillion: \"0.5\"\n" +
				"      cacheWritePerMillion: \"1.25\"\n      perRequest: \"0.1\"\n",
		},
		"on one line": {"  - {name: m}\n", "  - {name: m, price: {inputPerMillion: \"1\", outputPerMillion: \"2\", cachedInputPerMillion: \"0.5\", cacheWritePerMillion: \"1.25\", perRequest: \"0.1\"}}\n"},
		"fields that nobody knows": {"  - name: m\n    price: {inputPerMillion: \"1\", later: x}\n", "  - name: m\n    price: {inputPerMillion: \"1\", later: x, outputPerMillion: \"2\", " +
			"cachedInputPerMillion: \"0.5\", cacheWritePerMillion: \"1.25\", perRequest: \"0.1\"}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &Documents{}
			if err := d.Read([]byte(head + tt.models)); err != nil {
				t.Fatal(err)
			}
			if err := d.Set(0, []Finding{{State: New, New: price}}); err != nil {
				t.Fatal(err)
			}
			got, err := d.YAML()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(head+tt.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
