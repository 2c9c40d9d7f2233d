// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// plot is a panel of the dashboard.
type plot struct {
	Title   string
	Targets []struct{ Expr, LegendFormat string }
}

// readDashboard gives the panels, and the queries of the variables.
func readDashboard(t *testing.T) (plots []plot, variables []string) {
	t.Helper()
	content, err := os.ReadFile(root + "/config/grafana/spark.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels     []plot
		Templating struct {
			List []struct{ Definition string }
		}
	}
	if err := json.Unmarshal(content, &d); err != nil {
		t.Fatal(err)
	}
	for _, v := range d.Templating.List {
		if v.Definition != "" {
			variables = append(variables, v.Definition)
		}
	}
	return d.Panels, variables
}

var (
	legendLabel = regexp.MustCompile(`\{\{([a-z_]+)\}\}`)
	labelValues = regexp.MustCompile(`^label_values\((.*), ([a-z_]+)\)$`)
)

func TestTheDashboardReadsWhatIsThere(t *testing.T) {
	known := readMetrics(t)
	for _, r := range readRules(t).rules(recording) {
		known[r.Record] = metric{labels: read(r.Expr).grouped}
	}
	plots, variables := readDashboard(t)
	n := 0
	for _, p := range plots {
		for _, q := range p.Targets {
			n++
			for _, wrong := range known.misread(q.Expr) {
				t.Errorf("%q: %s", p.Title, wrong)
			}
			for _, label := range legendLabel.FindAllStringSubmatch(q.LegendFormat, -1) {
				if !slices.Contains(read(q.Expr).grouped, label[1]) && !strings.HasPrefix(q.Expr, "spark:") {
					t.Errorf("%q: the legend %q has no such label in %s", p.Title, q.LegendFormat, q.Expr)
				}
			}
		}
	}
	for _, v := range variables {
		m := labelValues.FindStringSubmatch(v)
		if m == nil {
			t.Errorf("what does %q ask?", v)
			continue
		}
		n++
		for _, wrong := range known.misread(fmt.Sprintf("count by (%s) (%s)", m[2], m[1])) {
			t.Errorf("%s: %s", v, wrong)
		}
	}
	if n < 70 {
		t.Errorf("only %d queries", n)
	}
}

func TestEveryMetricOfTheGatewayStandsOnTheDashboard(t *testing.T) {
	plots, _ := readDashboard(t)
	var shown strings.Builder
	for _, p := range plots {
		for _, q := range p.Targets {
			shown.WriteString(q.Expr + "\n")
		}
	}
	// What only serves to look closer, or stands there as another metric of the same.
	wantLeftOut := []string{
		"spark_cache_entries", "spark_cache_followers_total", "spark_cache_purged_total", "spark_cache_saved_tokens_total",
		"spark_cache_shared_evicted_total", "spark_cache_stored_total", "spark_config_applied_timestamp_seconds", "spark_config_sequence",
		"spark_error_groups_forgotten_total", "spark_error_hook_dropped_total", "spark_key_requests_total", "spark_key_tokens_total",
	}
	known := readMetrics(t)
	for name := range known {
		if _, not := foreign[name]; not {
			continue
		}
		if shows, leftOut := strings.Contains(shown.String(), name), slices.Contains(wantLeftOut, name); shows == leftOut {
			t.Errorf("%s: on the dashboard %t, left out %t", name, shows, leftOut)
		}
	}
	for _, name := range wantLeftOut {
		if _, ok := known[name]; !ok {
			t.Errorf("%s is no metric any more", name)
		}
	}
}

// A query that Prometheus cannot read shows as an error in Grafana only.
func TestPrometheusReadsTheQueriesOfTheDashboard(t *testing.T) {
	group := ruleGroup{Name: "dashboard"}
	plots, _ := readDashboard(t)
	for _, p := range plots {
		for _, q := range p.Targets {
			group.Rules = append(group.Rules, rule{
				Record: fmt.Sprintf("q:%d", len(group.Rules)), Expr: strings.ReplaceAll(q.Expr, "$__rate_interval", "5m"),
			})
		}
	}
	file := filepath.Join(t.TempDir(), "dashboard.yaml")
	write(t, file, ruleFile{Groups: []ruleGroup{group}})
	if out, err := exec.CommandContext(t.Context(), promtool(t), "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
