// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metrics checks what the programs export: names, labels, how many series there can be, and that docs/metrics.md says the
// same (UPDATE=1 writes it).
package metrics

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Stated is a metric as a row of the page has it.
type Stated struct {
	Type   string
	Labels []string
}

var line = regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| ([a-z]+) \\| [^|]+ \\| ([^|]+) \\|")

// Page gives the metrics that a page of the form of docs/metrics.md states, by name.
func Page(t testing.TB, path string) map[string]Stated {
	t.Helper()
	raw, err := os.ReadFile(path) //nolint:gosec // The path is a test's own.
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Stated{}
	for _, m := range line.FindAllStringSubmatch(string(raw), -1) {
		s := Stated{Type: m[2]}
		if m[3] != "–" {
			s.Labels = strings.Split(strings.ReplaceAll(m[3], "`", ""), ", ")
		}
		found[m[1]] = s
	}
	return found
}

// Check finds fault with a scrape in the text format: by Prometheus' rules of naming, by promtool where it is installed, and where
// a metric is not on the page, or is another there. It gives the names of the metrics. What libraries export is left out.
func Check(t testing.TB, scrape []byte, page string) (names []string) {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(scrape))
	if err != nil {
		t.Fatal(err)
	}
	var ours bytes.Buffer
	stated := Page(t, page)
	for name, family := range families {
		if !strings.HasPrefix(name, "spark_") && !strings.HasPrefix(name, "gen_ai_") {
			continue
		}
		names = append(names, name)
		if _, err := expfmt.MetricFamilyToText(&ours, family); err != nil {
			t.Fatal(err)
		}
		compare(t, name, family, stated)
	}
	slices.Sort(names)
	problems, err := promlint.New(bytes.NewReader(ours.Bytes())).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	if tool, err := exec.LookPath("promtool"); err == nil {
		check := exec.CommandContext(t.Context(), tool, "check", "metrics")
		check.Stdin = bytes.NewReader(ours.Bytes())
		if said, err := check.CombinedOutput(); err != nil || len(said) > 0 {
			t.Errorf("promtool check metrics: %v\n%s", err, said)
		}
	}
	return names
}

// compare says where a family is not as the page states.
func compare(t testing.TB, name string, family *dto.MetricFamily, stated map[string]Stated) {
	t.Helper()
	says, ok := stated[name]
	if !ok {
		t.Errorf("%s is not on the page", name)
		return
	}
	if is := strings.ToLower(family.GetType().String()); is != says.Type {
		t.Errorf("%s is a %s, and on the page a %s", name, is, says.Type)
	}
	for _, metric := range family.Metric {
		for _, label := range metric.Label {
			if !slices.Contains(says.Labels, label.GetName()) {
				t.Errorf("%s has a label %s that is not on the page", name, label.GetName())
			}
		}
		if len(metric.Label) != len(says.Labels) {
			t.Errorf("%s has %d labels, on the page %v", name, len(metric.Label), says.Labels)
		}
	}
}
