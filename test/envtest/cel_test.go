// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// change sets fields of a base object by path; nil removes one.
type change map[string]any

// rule is one constraint of a schema with a change that it accepts, at the bound where there is one, and one that
// breaks it.
type rule struct {
	constraint
	accept, reject change
}

// base objects are valid and hold what a constraint needs around it.
var base = map[string]string{
	"SparkGateway": `{"spec": {
		"limits": {"requests": [{"count": 10, "per": "1m"}], "perIP": {"requests": [{"count": 10, "per": "1m"}]}},
		"listener": {"tls": {"secretRef": {"name": "tls"}}}}}`,
	"ProviderPolicy": `{"spec": {"gatewayRefs": [{"name": "main"}], "type": "OpenAI",
		"credentials": {"secretRef": {"name": "openai"}}, "models": [{"name": "gpt"}],
		"limits": {"requests": [{"count": 10, "per": "1m"}], "tokens": [{"count": 10, "per": "1m"}]}}}`,
	"ModelRoute": `{"spec": {"gatewayRefs": [{"name": "main"}], "models": ["smart"],
		"targets": [{"providerRef": {"name": "p"}, "model": "m0"}]}}`,
	"UsagePolicy": `{"spec": {"gatewayRefs": [{"name": "main"}], "keySelector": {"matchLabels": {"team": "a"}},
		"limits": {"requests": [{"count": 10, "per": "1m"}]}}}`,
	"APIKey": `{"spec": {"gatewayRefs": [{"name": "main"}], "user": "alice",
		"limits": {"requests": [{"count": 10, "per": "1m"}]}}}`,
}

// object gives a base object as changed, as JSON, which is YAML too.
func object(t *testing.T, kind, namespace string, c change) string {
	t.Helper()
	var o any
	if err := json.Unmarshal([]byte(base[kind]), &o); err != nil {
		t.Fatal(err)
	}
	all := change{"apiVersion": "sparkgateway.dev/v1alpha1", "kind": kind, "metadata.name": "x", "metadata.namespace": namespace}
	maps.Copy(all, c)
	// In order, so that what is around a field comes before it.
	for _, path := range slices.Sorted(maps.Keys(all)) {
		o = set(o, strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }), own(t, all[path]))
	}
	encoded, err := json.MarshalIndent(o, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// own gives a value that no other case shares, as what is inside it may be changed.
func own(t *testing.T, value any) any {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var copied any
	if err := json.Unmarshal(encoded, &copied); err != nil {
		t.Fatal(err)
	}
	return copied
}

// set gives node with the value at the path; what is missing on the way is made.
func set(node any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	if i, err := strconv.Atoi(path[0]); err == nil {
		list, _ := node.([]any)
		for len(list) <= i {
			list = append(list, map[string]any{})
		}
		list[i] = set(list[i], path[1:], value)
		return list
	}
	fields, ok := node.(map[string]any)
	if !ok {
		fields = map[string]any{}
	}
	if len(path) == 1 && value == nil {
		delete(fields, path[0])
	} else {
		fields[path[0]] = set(fields[path[0]], path[1:], value)
	}
	return fields
}

// wording is what an API server says of a broken keyword.
var wording = map[string]string{
	"minimum": "should be greater than or equal to", "maximum": "should be less than or equal to",
	"minLength": "should be at least", "maxLength": "Too long",
	"pattern": "should match", "enum": "Unsupported value", "listType": "Duplicate value",
	"minItems": "should have at least", "maxItems": "Too many",
	"minProperties": "should have at least", "maxProperties": "Too many",
}

// breaks says whether a refusal is about the constraint.
func (c constraint) breaks(r refusal) bool {
	at, message := c.at, c.rule
	if name, ok := strings.CutPrefix(c.rule, "required "); ok {
		at, message = strings.TrimPrefix(at+"."+name, "."), "Required value"
	} else if words, ok := wording[c.rule]; ok {
		message = words
	}
	pattern := strings.ReplaceAll(regexp.QuoteMeta(at), `\.\*`, `(\.|\[).+`)
	if c.rule == "listType" {
		pattern += `\[1\]`
	}
	return regexp.MustCompile("^"+pattern+"$").MatchString(r.field) && strings.Contains(r.message, message)
}

func TestEveryConstraintOfTheSchemasAcceptsAndRejects(t *testing.T) {
	namespace := newNamespace(t)
	for _, r := range rules() {
		t.Run(r.kind+" "+r.at+" "+r.rule, func(t *testing.T) {
			server, offline := judgements(t, r.kind, namespace, object(t, r.kind, namespace, r.accept))
			if server != nil || offline != nil {
				t.Errorf("refused: the API server says %v, package manifest says %v", server, offline)
			}
			server, offline = judgements(t, r.kind, namespace, object(t, r.kind, namespace, r.reject))
			if !anyBreaks(r.constraint, server) {
				t.Errorf("want it refused for this, the API server says %v", server)
			}
			if diff := cmp.Diff(server.fields(), offline.fields()); diff != "" {
				t.Errorf("fields refused by the API server (-) and by package manifest (+):\n%s\n%v\n%v", diff, server, offline)
			}
		})
	}
}

func anyBreaks(c constraint, v verdict) bool {
	for _, r := range v {
		if c.breaks(r) {
			return true
		}
	}
	return false
}

func TestNoConstraintIsWithoutACase(t *testing.T) {
	tested := map[constraint]bool{}
	for _, r := range rules() {
		tested[r.constraint] = true
	}
	for _, c := range transitions {
		tested[c] = true
	}
	known := map[constraint]bool{}
	for _, c := range constraints(t) {
		known[c] = true
		if !tested[c] {
			t.Errorf("%s %s: %q has no case", c.kind, c.at, c.rule)
		}
	}
	for c := range tested {
		if !known[c] {
			t.Errorf("%s %s: %q has a case and is in no schema", c.kind, c.at, c.rule)
		}
	}
	t.Logf("%d constraints", len(known))
}
