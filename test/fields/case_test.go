// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fieldCase shows that a field has an effect: two configurations that differ in it, and what is seen of each.
type fieldCase struct {
	// with is edited in both, also only in the second, where the field's value asks for it.
	with, also edits
	// from and to are the field's value, as YAML; an empty one is that it is not set. With a value of an enum, an empty to
	// is that value.
	from, to string
	// see looks at a gateway.
	see func(*bed) any
	// was and is are what it sees with from, and with to.
	was, is any
}

type cases map[string]fieldCase

// all are the cases, by the field's path as walk has it. Behind a space, a name may tell which effect it shows.
func all() cases {
	found := cases{}
	for _, some := range []cases{
		podCases, listenerCases(), limitCases(), attachedCases,
		typeCases(), credentialCases(), tlsCases, headerCases(), modelCases(), timeoutCases, breakerCases, retryCases(), quotaCases(), healthCases,
		routeCases, strategyCases, targetCases, affinityCases, keyCases, spendCases(), priceCases(), accessCases(), storeCases(), ledgerCases(),
		cacheCases(), contentCases(), guardCases(), protectCases(), tracingCases(), metricsCases(),
	} {
		maps.Copy(found, some)
	}
	return found
}

// TestMain lets more cases run at once than there are processors, as most of them wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestEveryFieldHasACase(t *testing.T) {
	lacking, idle := judge(walked(t), slices.Collect(maps.Keys(all())))
	for _, path := range lacking {
		t.Errorf("%s: no case shows that it changes anything", path)
	}
	for _, name := range idle {
		t.Errorf("%s: there is no such field", name)
	}
}

func TestEveryFieldHasAnEffect(t *testing.T) {
	theStores = &stores{t: t, started: map[string]string{}}
	for name, c := range all() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if cmp.Equal(c.was, c.is) {
				t.Fatalf("the case shows nothing: %v", c.was)
			}
			before, after := c.configured(t, name)
			for _, look := range []struct {
				when    string
				objects objects
				want    any
			}{{"before", before, c.was}, {"after", after, c.is}} {
				t.Run(look.when, func(t *testing.T) {
					b := newBed(t, look.objects)
					if diff := cmp.Diff(look.want, c.see(b)); diff != "" {
						t.Errorf("%s (-want +got):\n%s\n%s", name, diff, b.told())
					}
				})
			}
		})
	}
}

// configured gives both configurations, and checks that the field is what the name says.
func (c *fieldCase) configured(t *testing.T, name string) (before, after objects) {
	t.Helper()
	named, _, _ := strings.Cut(name, " ")
	path, value, isEnum := strings.Cut(named, "=")
	to := c.to
	if isEnum && to == "" {
		to = value
	}
	before, after = manifests(t), manifests(t)
	before.edit(t, c.with)
	after.edit(t, c.with)
	before.edit(t, edits{path: c.from})
	after.edit(t, edits{path: to})
	if cmp.Equal(before, after) {
		t.Fatal("the field does not change")
	}
	if isEnum && (isOf(before.get(t, path), value) || !isOf(after.get(t, path), value)) {
		t.Fatalf("the case is not about %s: from %v to %v", value, before.get(t, path), after.get(t, path))
	}
	after.edit(t, c.also)
	return before, after
}

// isOf says whether a field is, or has, a word.
func isOf(field any, word string) bool {
	if list, ok := field.([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool { return fmt.Sprint(one) == word })
	}
	return fmt.Sprint(field) == word
}

func TestEditsOfManifests(t *testing.T) {
	tests := map[string]struct {
		changes edits
		path    string
		want    any
	}{
		"a field":                          {edits{"SparkGateway.spec.image": "x"}, "SparkGateway.spec.image", "x"},
		"a field within":                   {edits{"SparkGateway.spec.a.b": "{c: d}"}, "SparkGateway.spec.a.b.c", "d"},
		"a child after its parent":         {edits{"SparkGateway.spec.a.b": "x", "SparkGateway.spec.a": "{c: d}"}, "SparkGateway.spec.a.b", "x"},
		"a field is taken away":            {edits{"ModelRoute.spec.models": ""}, "ModelRoute.spec.models", nil},
		"what is not there is taken away":  {edits{"SparkGateway.spec.a.b": ""}, "SparkGateway.spec.a", nil},
		"the first of a list":              {edits{"ModelRoute.spec.targets[].tier": "3"}, "ModelRoute.spec.targets[0].tier", float64(3)},
		"the second of a list":             {edits{"ModelRoute.spec.targets[1].tier": "3"}, "ModelRoute.spec.targets[1].tier", float64(3)},
		"a list that is not there":         {edits{"SparkGateway.spec.a[].b": "x"}, "SparkGateway.spec.a[].b", "x"},
		"a field of another of that kind":  {edits{"ProviderPolicy/two.spec.type": "x"}, "ProviderPolicy/two.spec.type", "x"},
		"other objects stay as they are":   {edits{"ProviderPolicy/two.spec.type": "x"}, "ProviderPolicy.spec.type", "OpenAI"},
		"a list's element that is not set": {edits{}, "ModelRoute.spec.targets[7].tier", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := manifests(t)
			o.edit(t, test.changes)
			if diff := cmp.Diff(test.want, o.get(t, test.path)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.path, diff)
			}
		})
	}
}
