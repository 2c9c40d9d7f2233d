// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/test/metrics"
)

var metricName = regexp.MustCompile(`^((?:spark|gen_ai_server|gen_ai_client)_[a-z0-9_]+)(?:\{[^}]*\})?$`)

func TestEveryMetricThatAPageNamesIsThere(t *testing.T) {
	known := metrics.Page(t, root+"/docs/metrics.md")
	n := 0
	for _, p := range pages(t) {
		for _, span := range p.spans() {
			m := metricName.FindStringSubmatch(span)
			if m == nil {
				continue
			}
			n++
			if _, ok := known[m[1]]; !ok {
				t.Errorf("%s names the metric %s, which there is not", p.path, span)
			}
		}
	}
	if n < 80 {
		t.Errorf("only %d metrics are named", n)
	}
}

// alerts gives the section of the runbook that each alert leads to, by its name.
func alerts(t *testing.T) map[string]string {
	t.Helper()
	content, err := os.ReadFile(root + "/config/prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var resource struct {
		Spec struct {
			Groups []struct {
				Rules []struct {
					Alert       string
					Annotations map[string]string
				}
			}
		}
	}
	if err := yaml.Unmarshal(content, &resource); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, g := range resource.Spec.Groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				_, anchor, _ := strings.Cut(r.Annotations["runbook_url"], "#")
				all[r.Alert] = anchor
			}
		}
	}
	return all
}

var tableRow = regexp.MustCompile(`(?m)^\| (Spark[^|]+) \| \[[^\]]+\]\(#([a-z-]+)\) \|$`)

// Whoever is woken looks for the alert's name, and the link of the alert leads to where the table does.
func TestTheRunbookListsEveryAlert(t *testing.T) {
	content, err := os.ReadFile(root + "/docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	listed, want := map[string]string{}, alerts(t)
	for _, row := range tableRow.FindAllStringSubmatch(string(content), -1) {
		for _, name := range strings.Split(row[1], ", ") {
			listed[name] = row[2]
		}
	}
	for name, section := range want {
		if listed[name] != section {
			t.Errorf("%s leads to %q, and the table to %q", name, section, listed[name])
		}
	}
	for name := range listed {
		if _, ok := want[name]; !ok {
			t.Errorf("the table lists %s, which is no alert", name)
		}
	}
}

// elsewhere are words of Kubernetes and of its tools that pages use.
var elsewhere = []string{
	"OOMKilled", "SparkErrorsBurn…", "SparkFirstTokenBurn…", "SparkLatencyBurn…", "Duplicate…",
}

var (
	status  = regexp.MustCompile(`^([A-Z][a-z]+(?:[A-Z][a-z]+)*)(?:=(?:True|False|Unknown))?(?:/([A-Z][A-Za-z]+))?$`)
	literal = regexp.MustCompile(`"([A-Z][A-Za-z]+)"|enum=([A-Za-z;]+)|Enum=([A-Za-z;]+)`)
)

// words gives the CamelCase words that the API and the operator say: kinds, conditions, reasons, Events, values of fields.
func words(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{"BudgetNearlySpent": true, "BudgetSpent": true} // controllers/events.go puts them together
	for _, dir := range []string{"/api", "/controllers"} {
		err := filepath.WalkDir(root+dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path) //nolint:gosec // The paths are the repository's own.
			if err != nil {
				return err
			}
			for _, m := range literal.FindAllStringSubmatch(string(source), -1) {
				for word := range strings.SplitSeq(m[1]+m[2]+m[3], ";") {
					all[word] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestEveryWordOfAStatusInTheRunbookIsSaid(t *testing.T) {
	known := words(t)
	for name := range alerts(t) {
		known[name] = true
	}
	n := 0
	for _, p := range pages(t) {
		if p.path != "docs/runbook.md" && p.path != "README.md" {
			continue
		}
		for _, span := range p.spans() {
			m := status.FindStringSubmatch(span)
			if m == nil || slices.Contains(elsewhere, span) {
				continue
			}
			n++
			for _, word := range m[1:] {
				if word != "" && !known[word] {
					t.Errorf("%s: nobody says %q", p.path, word)
				}
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d words", n)
	}
}

// fields gives the paths of all fields of all kinds, from spec or status on, without the brackets of lists and maps.
func fields(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(root + "/config/crd/sparkgateway.dev_*.yaml")
	if err != nil || len(files) != 5 {
		t.Fatalf("%v, %v", files, err)
	}
	var all []string
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // The paths are the repository's own.
		if err != nil {
			t.Fatal(err)
		}
		var crd struct {
			Spec struct {
				Versions []struct {
					Schema struct{ OpenAPIV3Schema schema }
				}
			}
		}
		if err := yaml.Unmarshal(content, &crd); err != nil {
			t.Fatal(err)
		}
		crd.Spec.Versions[0].Schema.OpenAPIV3Schema.walk("", func(path string) { all = append(all, path) })
	}
	return all
}

// schema is as much of a CRD's as names fields.
type schema struct {
	Properties           map[string]schema
	Items                *schema
	AdditionalProperties *schema
}

func (s schema) walk(path string, visit func(string)) {
	visit(path)
	for name, field := range s.Properties {
		field.walk(strings.TrimPrefix(path+"."+name, "."), visit)
	}
	for _, element := range []*schema{s.Items, s.AdditionalProperties} {
		if element != nil {
			element.walk(path, visit)
		}
	}
}

var fieldPath = regexp.MustCompile(`^(?:(SparkGateway|ProviderPolicy|ModelRoute|APIKey|UsagePolicy)\.)?([a-z][A-Za-z]*(?:\.[a-z][A-Za-z]*)+)(?:: .*)?$`)

// A path may begin within the resource; its first member then is a field of some kind.
func TestEveryFieldThatAPageNamesIsThere(t *testing.T) {
	known := fields(t)
	n := 0
	for _, p := range pages(t) {
		if p.path == "docs/api.md" || strings.HasPrefix(p.path, "docs/design/") {
			continue
		}
		for _, span := range p.spans() {
			m := fieldPath.FindStringSubmatch(span)
			if m == nil || notFields.MatchString(m[2]) {
				continue
			}
			n++
			if !slices.ContainsFunc(known, func(path string) bool { return path == m[2] || strings.HasSuffix(path, "."+m[2]) }) {
				t.Errorf("%s: no resource has the field %s", p.path, span)
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d fields are named", n)
	}
}

// notFields are names with dots that are none of a resource: files, and attributes of OpenTelemetry.
var notFields = regexp.MustCompile(`\.(?:crt|key|yaml|txt|json|rdb|md|go)$|^(?:http|error|server|service|spark|gcp)\.`)
