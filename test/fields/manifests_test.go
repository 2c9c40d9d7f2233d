// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/api/manifest"
)

// basis is a small set that works: a gateway in namespace team, two providers of one model each, a route over both, a key,
// a policy over all keys.
// Provider far is of another namespace, which the gateway does not admit, and all keys are one user's.
const basis = `
SparkGateway/main: {spec: {}}
ProviderPolicy/one: {spec: {gatewayRefs: [{name: main}], type: OpenAI, endpoint: $ONE,
  credentials: {secretRef: {name: provider}}, models: [{name: gpt, upstream: gpt-4o}]}}
ProviderPolicy/two: {spec: {gatewayRefs: [{name: main}], type: OpenAI, endpoint: $TWO,
  credentials: {secretRef: {name: provider}}, models: [{name: gpt, upstream: gpt-4o}]}}
ProviderPolicy/far: {metadata: {namespace: other}, spec: {gatewayRefs: [{name: main, namespace: team}], type: OpenAICompatible,
  endpoint: $TWO, models: [{name: gpt, upstream: gpt-far}]}}
ModelRoute/smart: {spec: {gatewayRefs: [{name: main}], models: [smart], targets: [
  {providerRef: {name: one}, model: gpt}, {providerRef: {name: two}, model: gpt}]}}
UsagePolicy/together: {spec: {gatewayRefs: [{name: main}], keySelector: {}, limits: {concurrency: 1000}}}
APIKey/alice: {metadata: {labels: {team: search}}, spec: {gatewayRefs: [{name: main}], user: alice, secretRef: {name: alice}}}
APIKey/alice-2: {spec: {gatewayRefs: [{name: main}], user: alice, secretRef: {name: alice-2}}}
APIKey/alice-3: {spec: {gatewayRefs: [{name: main}], user: alice, secretRef: {name: alice-3}}}
APIKey/zoe: {spec: {gatewayRefs: [{name: main}], user: alice, secretRef: {name: zoe}}}
Namespace/other: {metadata: {labels: {tier: gold}}}
`

// subjects are the objects that an edit of their kind means.
var subjects = map[string]string{"SparkGateway": "main", "ProviderPolicy": "one", "ModelRoute": "smart", "APIKey": "alice", "UsagePolicy": "together"}

// objects are manifests by "Kind/name".
type objects map[string]map[string]any

// manifests gives the basis with the Secrets.
func manifests(t *testing.T) objects {
	t.Helper()
	var all objects
	if err := yaml.UnmarshalStrict([]byte(basis), &all); err != nil {
		t.Fatal(err)
	}
	for name, values := range secretValues() {
		all["Secret/"+name] = map[string]any{"stringData": values}
	}
	for id, object := range all {
		kind, name, _ := strings.Cut(id, "/")
		object["kind"], object["apiVersion"] = kind, "sparkgateway.dev/v1alpha1"
		if kind == "Secret" || kind == "Namespace" {
			object["apiVersion"] = "v1"
		}
		metadata, _ := object["metadata"].(map[string]any)
		if metadata == nil {
			metadata = map[string]any{}
		}
		metadata["name"] = name
		if _, said := metadata["namespace"]; !said && kind != "Namespace" {
			metadata["namespace"] = "team"
		}
		object["metadata"] = metadata
	}
	return all
}

// edits are values, as YAML, by path: "Kind.spec.a[].b" or "Kind/name.spec.a[1].b", where [] is the first. An empty value
// takes the field away.
type edits map[string]string

// edit makes the changes, parents before children.
func (o objects) edit(t *testing.T, changes edits) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(changes)) {
		object, steps := o.find(t, path)
		var value any
		if err := yaml.Unmarshal([]byte(changes[path]), &value); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		put(object, steps, value)
	}
}

// get gives the value at a path; nil where there is none.
func (o objects) get(t *testing.T, path string) any {
	t.Helper()
	object, steps := o.find(t, path)
	var at any = object
	for _, step := range steps {
		if i, err := strconv.Atoi(step); err == nil {
			list, _ := at.([]any)
			if i >= len(list) {
				return nil
			}
			at = list[i]
			continue
		}
		in, _ := at.(map[string]any)
		at = in[step]
	}
	return at
}

func (o objects) find(t *testing.T, path string) (object map[string]any, steps []string) {
	t.Helper()
	id, rest, _ := strings.Cut(path, ".")
	if !strings.Contains(id, "/") {
		id += "/" + subjects[id]
	}
	if o[id] == nil {
		t.Fatalf("%s: there is no %s", path, id)
	}
	rest = strings.ReplaceAll(strings.ReplaceAll(rest, "[]", ".0"), "]", "")
	return o[id], strings.Split(strings.ReplaceAll(rest, "[", "."), ".")
}

// put sets a value, makes what it stands in, and takes it away where it is nil.
func put(at map[string]any, steps []string, value any) {
	name := steps[0]
	switch {
	case len(steps) == 1 && value == nil:
		delete(at, name)
	case len(steps) == 1:
		at[name] = value
	case isIndex(steps[1]):
		i, _ := strconv.Atoi(steps[1])
		list, _ := at[name].([]any)
		for len(list) <= i {
			list = append(list, map[string]any{})
		}
		at[name] = list
		if element, ok := list[i].(map[string]any); ok && len(steps) > 2 {
			put(element, steps[2:], value)
			return
		}
		list[i] = value
	default:
		in, ok := at[name].(map[string]any)
		if !ok && value == nil {
			return
		}
		if !ok {
			in = map[string]any{}
			at[name] = in
		}
		put(in, steps[1:], value)
	}
}

func isIndex(step string) bool {
	_, err := strconv.Atoi(step)
	return err == nil
}

// parse reads the objects as an API server does, with places in them filled in: $ONE and so on.
func (o objects) parse(t *testing.T, places *strings.Replacer) *manifest.Set {
	t.Helper()
	var text strings.Builder
	for _, id := range slices.Sorted(maps.Keys(o)) {
		encoded, err := json.Marshal(o[id])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "---\n%s\n", encoded)
	}
	set, problems := manifest.Parse([]manifest.File{{Name: "case", Content: []byte(places.Replace(text.String()))}})
	if len(problems) > 0 {
		t.Fatalf("the API server would refuse this: %v", problems)
	}
	return set
}
