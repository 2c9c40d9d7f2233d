// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

// metric is one of docs/metrics.md.
type metric struct {
	kind   string
	labels []string
}

// catalog is the metrics by their names.
type catalog map[string]metric

// foreign are metrics that Prometheus, Kubernetes' libraries or Go's own make.
var foreign = catalog{
	"up":                            {labels: given},
	"leader_election_master_status": {labels: []string{"name"}},
	"process_resident_memory_bytes": {},
	"process_cpu_seconds_total":     {},
}

var backticked = regexp.MustCompile("`([^`]+)`")

// readMetrics reads the tables of docs/metrics.md, whose first column names the metric in backticks; columns are found by their heads.
func readMetrics(t *testing.T) catalog {
	t.Helper()
	page, err := os.ReadFile(root + "/docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	all := catalog{}
	for name, m := range foreign {
		all[name] = m
	}
	documented := parseMetrics(string(page))
	if len(documented) < 30 {
		t.Fatalf("only %d metrics were found in docs/metrics.md", len(documented))
	}
	for name, m := range documented {
		all[name] = m
	}
	return all
}

func parseMetrics(page string) catalog {
	all := catalog{}
	var head []string
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") {
			head = nil
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if head == nil {
			head = cells
			continue
		}
		name := backticked.FindStringSubmatch(cells[0])
		if name == nil {
			continue
		}
		m := metric{}
		for i, cell := range cells {
			switch {
			case i >= len(head):
			case strings.EqualFold(head[i], "type"):
				m.kind = cell
			case strings.EqualFold(head[i], "labels"):
				for _, label := range backticked.FindAllStringSubmatch(cell, -1) {
					m.labels = append(m.labels, label[1])
				}
			}
		}
		all[name[1]] = m
	}
	return all
}

// misread says what an expression names that is not there.
func (c catalog) misread(expression string) (wrong []string) {
	q := read(expression)
	if len(q.selectors) == 0 {
		return []string{"it reads nothing: " + expression}
	}
	there := slices.Clone(given)
	for _, s := range q.selectors {
		m, ok := c.find(s.metric)
		if !ok {
			wrong = append(wrong, "no metric "+s.metric)
			continue
		}
		there = append(there, m.labels...)
		for _, label := range s.labels {
			if !slices.Contains(m.labels, label) && !slices.Contains(given, label) {
				wrong = append(wrong, fmt.Sprintf("%s has no label %s", s.metric, label))
			}
		}
	}
	for _, label := range q.grouped {
		if !slices.Contains(there, label) {
			wrong = append(wrong, fmt.Sprintf("no metric of it has a label %s", label))
		}
	}
	return wrong
}

// find knows the three series of a histogram by its name.
func (c catalog) find(name string) (metric, bool) {
	if m, ok := c[name]; ok {
		return m, m.kind != "histogram"
	}
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		base, ok := strings.CutSuffix(name, suffix)
		if m := c[base]; ok && m.kind == "histogram" {
			if suffix == "_bucket" {
				m.labels = append(slices.Clone(m.labels), "le")
			}
			return m, true
		}
	}
	return metric{}, false
}

func TestWhatIsMisreadIsFound(t *testing.T) {
	known := parseMetrics("| name | type | labels |\n|---|---|---|\n| `a` | counter | `x`, `y` |\n| `h` | histogram | none |\n\nText\n")
	if diff := cmp.Diff(catalog{"a": {"counter", []string{"x", "y"}}, "h": {kind: "histogram"}}, known, cmp.AllowUnexported(metric{})); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	tests := map[string]struct {
		expression string
		want       []string
	}{
		"all there":              {`sum by (x, pod) (rate(a{y="1", namespace="n"}[5m]))`, nil},
		"a histogram":            {`sum by (le) (rate(h_bucket{le="1"}[5m])) / sum(h_count)`, nil},
		"a histogram as such":    {"h", []string{"no metric h"}},
		"no such metric":         {"b", []string{"no metric b"}},
		"no such label":          {`a{z="1"}`, []string{"a has no label z"}},
		"no such label in by":    {"sum by (le) (a)", []string{"no metric of it has a label le"}},
		"no metric whatsoever":   {"1 > 0", []string{"it reads nothing: 1 > 0"}},
		"a count of no counting": {"a_count", []string{"no metric a_count"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, known.misread(tc.expression)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

var bound = regexp.MustCompile(`([a-z_]+)_bucket\{[^}]*le=~"([0-9]+)\|[0-9]+\[\.\]0"`)

// A bound that no bucket has would count every request as slow.
func TestTheBoundsOfObjectivesAreBuckets(t *testing.T) {
	there := buckets(t)
	n := 0
	for _, r := range readRules(t).rules(recording) {
		if m := bound.FindStringSubmatch(r.Expr); m != nil {
			n++
			if !slices.Contains(there[m[1]], m[2]) {
				t.Errorf("%s: no bucket of %s ends at %s, but at %v", r.Record, m[1], m[2], there[m[1]])
			}
		}
	}
	if n != 2 {
		t.Errorf("%d bounds, want 2", n)
	}
}

// buckets are the ends of those that a request's histograms have.
func buckets(t *testing.T) map[string][]string {
	t.Helper()
	reg := prometheus.NewRegistry()
	now := time.Now()
	ex := &exchange.Exchange{Start: now, Stream: true, Attempt: exchange.Attempt{FirstToken: now, Ended: now}}
	telemetry.NewMetrics(reg).Series("p", "m").Settle(ex, now)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, family := range families {
		for _, b := range family.Metric[0].GetHistogram().GetBucket() {
			all[family.GetName()] = append(all[family.GetName()], strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64))
		}
	}
	return all
}
