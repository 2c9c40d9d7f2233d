// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// to is a target of these tests.
func to(provider string) v1alpha1.TargetReference {
	return v1alpha1.TargetReference{ProviderRef: v1alpha1.ProviderReference{Name: provider}, Model: "of-" + provider}
}

func target(provider string, tier int32, weight ...int32) v1alpha1.RouteTarget {
	t := v1alpha1.RouteTarget{TargetReference: to(provider), Tier: tier}
	if len(weight) > 0 {
		t.Weight = &weight[0]
	}
	return t
}

func headers(list ...v1alpha1.HeaderMatch) *v1alpha1.RouteMatch {
	return &v1alpha1.RouteMatch{Headers: list}
}

// routeEdit is a change of a route.
type routeEdit struct {
	what string
	do   func(*v1alpha1.ModelRouteSpec)
}

// routeEdits are made one after the other. After each of them the route still takes the load's requests: those for the
// model smart with the headers x-tier: gold and x-session: one.
func routeEdits(namespace string) []routeEdit {
	type spec = v1alpha1.ModelRouteSpec
	percent := func(n int32) *int32 { return &n }
	there := func(ref v1alpha1.TargetReference) v1alpha1.TargetReference {
		ref.ProviderRef.Namespace = namespace
		return ref
	}
	return []routeEdit{
		{"a name is added", func(s *spec) { s.Models = []v1alpha1.ModelName{"smart", "clever-*"} }},
		{"a pattern takes the names over", func(s *spec) { s.Models = []v1alpha1.ModelName{"sma*"} }},
		{"the name stands by itself again", func(s *spec) { s.Models = []v1alpha1.ModelName{"smart"} }},
		{"a header is asked for", func(s *spec) { s.Match = headers(v1alpha1.HeaderMatch{Name: "x-tier", Value: "gold"}) }},
		{"another header is asked for", func(s *spec) { s.Match = headers(v1alpha1.HeaderMatch{Name: "X-Session", Value: "one"}) }},
		{"no header is asked for", func(s *spec) { s.Match = nil }},
		{"the strategy is LeastInFlight", func(s *spec) { s.Strategy = v1alpha1.StrategyLeastInFlight }},
		{"the strategy is LowestLatency", func(s *spec) { s.Strategy = v1alpha1.StrategyLowestLatency }},
		{"the strategy is LowestCost", func(s *spec) { s.Strategy = v1alpha1.StrategyLowestCost }},
		{"the strategy is Weighted", func(s *spec) { s.Strategy = v1alpha1.StrategyWeighted }},
		{"a target is added that does not answer", func(s *spec) { s.Targets = append(s.Targets, target(nobody, 0)) }},
		{"targets have weights", func(s *spec) {
			s.Targets = []v1alpha1.RouteTarget{target(primary, 0, 70), target(nobody, 0, 20), target(backup, 0, 10)}
		}},
		{"a weight is 0", func(s *spec) { s.Targets[2].Weight = percent(0) }},
		{"the target that does not answer is alone in its tier", func(s *spec) {
			s.Targets = []v1alpha1.RouteTarget{target(nobody, 0), target(primary, 3), target(backup, 3)}
		}},
		{"a target is removed", func(s *spec) { s.Targets = s.Targets[:2] }},
		{"a target has another model and its namespace", func(s *spec) {
			s.Targets[1].TargetReference = there(to(primary))
			s.Targets[1].Model = "also-of-" + primary
		}},
		{"targets are as they were", func(s *spec) { s.Targets = []v1alpha1.RouteTarget{target(primary, 0), target(backup, 0)} }},
		{"requests are hedged", func(s *spec) { s.Hedge = &v1alpha1.Hedge{After: "2ms", MaxExtraPercent: percent(100)} }},
		{"fewer requests are hedged, and later", func(s *spec) { s.Hedge = &v1alpha1.Hedge{After: "5ms"} }},
		{"no request is hedged", func(s *spec) { s.Hedge = nil }},
		{"requests are mirrored", func(s *spec) { s.Mirror = &v1alpha1.Mirror{Target: to(backup)} }},
		{"some are mirrored elsewhere", func(s *spec) {
			s.Mirror = &v1alpha1.Mirror{Target: there(to(primary)), Percent: percent(50)}
		}},
		{"they are mirrored where nobody answers", func(s *spec) { s.Mirror = &v1alpha1.Mirror{Target: to(nobody)} }},
		{"no request is mirrored", func(s *spec) { s.Mirror = nil }},
		{"a user stays at a target", func(s *spec) { s.Affinity = "User" }},
		{"a key stays at a target", func(s *spec) { s.Affinity = "Key" }},
		{"a session stays at a target", func(s *spec) { s.Affinity = "Header:x-session" }},
		{"nobody stays at a target", func(s *spec) { s.Affinity = "None" }},
		{"tight limits are in shadow", func(s *spec) {
			s.Limits = &v1alpha1.Limits{
				Mode: v1alpha1.LimitShadow, Concurrency: percent(1),
				Requests: []v1alpha1.RequestLimit{{Count: 1, Per: "1h"}},
				Tokens:   []v1alpha1.TokenLimit{{Count: 1, Per: "1h"}},
				Cost:     []v1alpha1.CostLimit{{Amount: "0.000001", Per: "1h"}},
			}
		}},
		{"wide limits are enforced", func(s *spec) {
			burst := int64(900_000)
			s.Limits = &v1alpha1.Limits{
				Concurrency: percent(10_000),
				Requests:    []v1alpha1.RequestLimit{{Count: 1_000_000, Per: "1m", Burst: &burst}},
				Tokens:      []v1alpha1.TokenLimit{{Count: 1_000_000_000, Per: "1m"}},
			}
		}},
		{"nothing is limited", func(s *spec) { s.Limits = nil }},
		{"answers are kept", func(s *spec) {
			yes, no := true, false
			s.Cache = &v1alpha1.RouteCache{
				Exact:    &v1alpha1.RouteExactCache{Enabled: &yes, TTL: "1m", Scope: v1alpha1.CacheScopeUser, AnyTemperature: &yes},
				Semantic: &v1alpha1.RouteSemanticCache{Enabled: &no},
			}
		}},
		{"no answer is kept", func(s *spec) { s.Cache = nil }},
		{"words are looked at", func(s *spec) {
			s.Sanitizer = &v1alpha1.RouteSanitizer{ContentRules: v1alpha1.ContentRules{
				PromptInjection: &v1alpha1.PromptInjection{Mode: "Flag", Sensitivity: "Low", Scopes: []v1alpha1.TextScope{"User"}},
				PII: &v1alpha1.PII{
					Mode: "Redact", Kinds: []v1alpha1.PIIKind{"Email"}, Directions: []v1alpha1.Direction{"Request", "Response"},
					Scopes: []v1alpha1.TextScope{"User", "Tool"},
				},
				DenyPatterns: []v1alpha1.DenyPattern{{
					Name: "hosts", Regex: "corp[.]example", Mode: "Block", Directions: []v1alpha1.Direction{"Request"},
					Scopes: []v1alpha1.TextScope{"User"},
				}},
				ControlCharacters: &v1alpha1.ControlCharacters{Mode: "Flag", Scopes: []v1alpha1.TextScope{"User"}},
				SystemPromptLeak:  &v1alpha1.SystemPromptLeak{Mode: "Redact"},
				ImageLinks:        &v1alpha1.ImageLinks{Mode: "Redact", AllowedHosts: []string{"cdn.example.com"}},
			}}
		}},
		{"nobody looks at words", func(s *spec) { s.Sanitizer = nil }},
	}
}

// unedited are the fields that no edit changes, and why.
var unedited = map[string]string{
	"gatewayRefs[].name":       "the route would leave the gateway, and its requests with it",
	"gatewayRefs[].namespace":  "the route would leave the gateway, and its requests with it",
	"cache.semantic.threshold": "the gateway names no embeddings, so that the route would be refused",
}

// everyFieldIsEdited checks that a new field has an edit, or a reason to have none.
func everyFieldIsEdited(t *testing.T) {
	t.Helper()
	spec := v1alpha1.ModelRouteSpec{
		GatewayRefs: []v1alpha1.GatewayReference{{Name: "main"}}, Models: []v1alpha1.ModelName{"smart"},
		Targets: []v1alpha1.RouteTarget{target(primary, 0), target(backup, 1)},
	}
	changed := map[string]bool{}
	for _, edit := range routeEdits("here") {
		before, next := leavesOf(t, spec), *spec.DeepCopy()
		edit.do(&next)
		after := leavesOf(t, next)
		something := false
		for _, values := range []map[string][]string{before, after} {
			for path := range values {
				if !slices.Equal(before[path], after[path]) {
					changed[path], something = true, true
				}
			}
		}
		if !something {
			t.Errorf("an edit changes nothing: %s", edit.what)
		}
		spec = next
	}
	known := fieldsOf("", reflect.TypeFor[v1alpha1.ModelRouteSpec]())
	for _, path := range known {
		if why, left := unedited[path]; changed[path] == left {
			t.Errorf("spec.%s: an edit changes it: %t; a reason that none does: %q", path, changed[path], why)
		}
	}
	for path := range unedited {
		if !slices.Contains(known, path) {
			t.Errorf("spec.%s is unedited and is no field", path)
		}
	}
}

// fieldsOf gives the paths of what a type holds that is not made of other fields, such as targets[].weight.
func fieldsOf(path string, t reflect.Type) []string {
	switch t.Kind() {
	case reflect.Pointer:
		return fieldsOf(path, t.Elem())
	case reflect.Slice:
		return fieldsOf(path+"[]", t.Elem())
	case reflect.Struct:
		var all []string
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			if name == "" { // inline
				all = append(all, fieldsOf(path, t.Field(i).Type)...)
				continue
			}
			all = append(all, fieldsOf(strings.TrimPrefix(path+"."+name, "."), t.Field(i).Type)...)
		}
		return all
	}
	return []string{path}
}

// leavesOf gives the values of a spec by such a path.
func leavesOf(t *testing.T, spec v1alpha1.ModelRouteSpec) map[string][]string {
	t.Helper()
	encoded, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	var decoded any
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatal(err)
	}
	leaves := map[string][]string{}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(value)) {
				walk(strings.TrimPrefix(path+"."+name, "."), value[name])
			}
		case []any:
			for _, element := range value {
				walk(path+"[]", element)
			}
		default:
			leaves[path] = append(leaves[path], fmt.Sprint(value))
		}
	}
	walk("", decoded)
	return leaves
}
