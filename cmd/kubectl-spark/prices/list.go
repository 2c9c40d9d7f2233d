// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package prices reads a public list of what models cost, in the format of LiteLLM's model_prices_and_context_window.json, and
// says what it means for ProviderPolicies. It changes nothing itself.
package prices

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// List is what models cost.
type List struct{ entries map[string]entry }

// entry is one model of a list. Numbers are as they stand, so that none is less exact for having been read.
type entry map[string]any

// Parse reads a list. Entries that are no objects are passed over.
func Parse(content []byte) (*List, error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	var all map[string]any
	if err := decoder.Decode(&all); err != nil {
		return nil, errors.New("not a list of prices: it is a JSON object whose fields are models")
	}
	l := &List{entries: map[string]entry{}}
	for name, value := range all {
		if e, ok := value.(map[string]any); ok && e["litellm_provider"] != nil {
			l.entries[name] = e
		}
	}
	if len(l.entries) == 0 {
		return nil, errors.New("not a list of prices: no model in it has a litellm_provider")
	}
	return l, nil
}

// providerKeys are what lists call the providers of a type.
var providerKeys = map[v1alpha1.ProviderType][]string{
	v1alpha1.ProviderOpenAI: {"openai", "text-completion-openai"}, v1alpha1.ProviderAzureOpenAI: {"azure", "azure_ai", "azure_text"},
	v1alpha1.ProviderAnthropic: {"anthropic"}, v1alpha1.ProviderGemini: {"gemini"}, v1alpha1.ProviderVertexAI: {"vertex_ai"},
	v1alpha1.ProviderBedrock: {"bedrock", "bedrock_converse"}, v1alpha1.ProviderMistral: {"mistral"},
	v1alpha1.ProviderCohere: {"cohere", "cohere_chat"}, v1alpha1.ProviderOllama: {"ollama", "ollama_chat"},
}

// Keys gives what lists call a provider of a type; nil where nobody can know.
func Keys(t v1alpha1.ProviderType) []string { return providerKeys[t] }

// region is what an inference profile of Bedrock begins with.
var region = regexp.MustCompile(`^(us|eu|apac|jp|au|ca|sa|us-gov|global)\.`)

// find gives the entry of a model of a provider, and its name.
func (l *List) find(keys []string, names ...string) (string, entry) {
	for _, name := range names {
		for _, n := range []string{name, region.ReplaceAllString(name, "")} {
			candidates := []string{n}
			for _, key := range keys {
				candidates = append(candidates, key+"/"+n)
			}
			for _, c := range candidates {
				if e := l.entries[c]; e != nil && e.of(keys) {
					return c, e
				}
			}
		}
	}
	return "", nil
}

// of says whether an entry is of one of the providers; lists part some by kind, as "vertex_ai-language-models".
func (e entry) of(keys []string) bool {
	provider, _ := e["litellm_provider"].(string)
	return slices.ContainsFunc(keys, func(key string) bool {
		return provider == key || strings.HasPrefix(provider, key+"-")
	})
}

// The fields of an entry that are prices.
const (
	inputField      = "input_cost_per_token"
	outputField     = "output_cost_per_token"
	cachedField     = "cache_read_input_token_cost"
	cacheWriteField = "cache_creation_input_token_cost"
	queryField      = "input_cost_per_query"
)

var (
	million = big.NewRat(1_000_000, 1)
	one     = big.NewRat(1, 1)
)

// price gives what an entry says, in dollars per million tokens; what it does not say is empty. notes tell what it could not
// take over as it stands.
func (e entry) price() (p v1alpha1.ModelPrice, notes []string, err error) {
	_, byQuery := e[queryField]
	if _, ok := e[inputField]; !ok && !byQuery {
		return p, nil, errors.New("has no price by the token")
	}
	mode, _ := e["mode"].(string)
	if _, ok := e[outputField]; !ok && slices.Contains([]string{"", "chat", "completion", "responses"}, mode) {
		return p, nil, errors.New("has no price of what is answered")
	}
	for _, f := range []struct {
		name  string
		scale *big.Rat
		into  *v1alpha1.USDollars
		zero  bool
	}{
		{inputField, million, &p.InputPerMillion, true}, {outputField, million, &p.OutputPerMillion, true},
		{cachedField, million, &p.CachedInputPerMillion, false}, {cacheWriteField, million, &p.CacheWritePerMillion, false},
		{queryField, one, &p.PerRequest, false},
	} {
		value, ok := e[f.name]
		if !ok || value == nil {
			if f.zero {
				*f.into = "0"
			}
			continue
		}
		text, exact, err := dollars(value, f.scale)
		if err != nil {
			return p, nil, fmt.Errorf("has %s, which %w", f.name, err)
		}
		*f.into = text
		if !exact {
			notes = append(notes, f.name+" was rounded to six decimals")
		}
	}
	for name := range e {
		if strings.Contains(name, "_above_") && strings.Contains(name, "cost") {
			notes = append(notes, "costs more for long prompts, which is not taken over")
			break
		}
	}
	return p, notes, nil
}

// number is what a price may look like, within bounds that keep arithmetic cheap.
var number = regexp.MustCompile(`^[0-9]{1,20}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?$`)

const decimals = 6

// dollars multiplies exactly, and says whether six decimals hold the product.
func dollars(value any, scale *big.Rat) (v1alpha1.USDollars, bool, error) {
	text, ok := value.(json.Number)
	if !ok || !number.MatchString(text.String()) {
		return "", false, errors.New("is no price")
	}
	rat, ok := new(big.Rat).SetString(text.String())
	if !ok {
		return "", false, errors.New("is no price")
	}
	rat.Mul(rat, scale)
	fixed := rat.FloatString(decimals)
	rounded, _ := new(big.Rat).SetString(fixed)
	if rounded.Cmp(big.NewRat(10_000, 1)) >= 0 {
		return "", false, errors.New("is 10,000 dollars or more")
	}
	return v1alpha1.USDollars(strings.TrimSuffix(strings.TrimRight(fixed, "0"), ".")), rounded.Cmp(rat) == 0, nil
}
