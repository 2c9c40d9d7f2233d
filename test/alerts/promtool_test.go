// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"cmp"
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// requirePromtool is the environment variable that has the tests run promtool, install it where it is missing, and fail without it.
const requirePromtool = "SPARK_REQUIRE_PROMTOOL"

// promtool is of Debian's package prometheus.
func promtool(t *testing.T) string {
	t.Helper()
	if os.Getenv(requirePromtool) == "" {
		t.Skip("promtool takes a minute: make test-alerts has it do so")
	}
	if program, err := exec.LookPath("promtool"); err == nil {
		return program
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for _, args := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", "prometheus"}} {
		install := exec.CommandContext(ctx, "apt-get", append([]string{"-q"}, args...)...)
		install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1") // do not start the service
		if output, err := install.CombinedOutput(); err != nil {
			t.Fatalf("promtool cannot be installed: apt-get %s: %v\n%s", args[0], err, output)
		}
	}
	program, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// The form of promtool's tests.
type (
	unitTests struct {
		RuleFiles          []string   `json:"rule_files"`
		EvaluationInterval string     `json:"evaluation_interval"`
		GroupOrder         []string   `json:"group_eval_order"`
		Tests              []unitTest `json:"tests"`
	}
	unitTest struct {
		Name      string      `json:"name"`
		Interval  string      `json:"interval"`
		Series    []series    `json:"input_series"`
		AlertTest []alertTest `json:"alert_rule_test,omitempty"`
		ExprTest  []exprTest  `json:"promql_expr_test,omitempty"`
	}
	exprTest struct {
		Expr   string   `json:"expr"`
		At     string   `json:"eval_time"`
		Expect []sample `json:"exp_samples"`
	}
	sample struct {
		Labels string  `json:"labels"`
		Value  float64 `json:"value"`
	}
	series struct {
		Series string `json:"series"`
		Values string `json:"values"`
	}
	alertTest struct {
		At     string          `json:"eval_time"`
		Alert  string          `json:"alertname"`
		Expect []expectedAlert `json:"exp_alerts"`
	}
	expectedAlert struct {
		Labels      map[string]string `json:"exp_labels"`
		Annotations map[string]string `json:"exp_annotations"`
	}
)

// unit makes promtool's test of a case: what the rule says itself, it is not asked for again.
func unit(of rule, name string, c alertCase, fires bool) unitTest {
	expect := []expectedAlert{}
	if fires {
		labels, annotations := maps.Clone(of.Labels), maps.Clone(of.Annotations)
		maps.Copy(labels, c.wantLabels)
		annotations["description"] = c.want
		expect = append(expect, expectedAlert{labels, annotations})
	}
	var input []series
	for _, name := range slices.Sorted(maps.Keys(c.series)) {
		input = append(input, series{name, c.series[name]})
	}
	return unitTest{
		Name: name, Interval: "30s", Series: input,
		AlertTest: []alertTest{{At: c.at, Alert: of.Alert, Expect: expect}},
	}
}

func TestEveryAlertFiresWhenItShouldAndElseNot(t *testing.T) {
	alerts := map[string]rule{}
	for _, r := range readRules(t).rules(alerting) {
		alerts[r.Alert] = r
	}
	units := map[string][]unitTest{}
	fires, rests := map[string]bool{}, map[string]bool{}
	for name, c := range alertCases {
		of, ok := alerts[c.alert]
		if !ok {
			t.Errorf("%q is of %s, which is no alert", name, c.alert)
			continue
		}
		if c.want != "" {
			fires[c.alert] = true
		} else {
			rests[c.alert] = true
		}
		every := cmp.Or(c.every, "30s")
		units[every] = append(units[every], unit(of, name, c, c.want != ""))
	}
	for name := range alerts {
		if !fires[name] || !rests[name] {
			t.Errorf("%s: a case in which it fires: %t; one in which it does not: %t", name, fires[name], rests[name])
		}
	}
	units["30s"] = append(units["30s"], recorded...)
	runPromtool(t, units)
}

// recorded is what rules make of series that alerts are silent about.
var recorded = []unitTest{{
	Name: "a gateway none of whose requests ever failed", Interval: "30s", Series: []series{{of("spark_requests_total", `outcome="ok"`), "0+10x200"}},
	ExprTest: []exprTest{{"spark:request_failures:ratio_rate1h", "70m", []sample{{`spark:request_failures:ratio_rate1h{namespace="team",gateway="main"}`, 0}}}},
}, {
	Name: "a gateway that nobody asks", Interval: "30s", Series: []series{{of("spark_build_info", ""), "1x200"}},
	ExprTest: []exprTest{{"spark:request_failures:ratio_rate1h", "70m", []sample{}}},
}}

// runPromtool checks the rules, and runs the units on them, which are by how often the rules are evaluated.
func runPromtool(t *testing.T, units map[string][]unitTest) {
	t.Helper()
	program, dir := promtool(t), t.TempDir()
	run := func(args ...string) {
		command := exec.CommandContext(t.Context(), program, args...)
		command.Dir = dir
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", args, err, out)
		}
	}
	rules := readRules(t)
	write(t, filepath.Join(dir, "rules.yaml"), rules)
	var order []string
	for _, g := range rules.Groups {
		order = append(order, g.Name)
	}
	run("check", "rules", "--lint-fatal", "rules.yaml")
	for every, some := range units {
		file := every + "_test.yaml"
		write(t, filepath.Join(dir, file), unitTests{RuleFiles: []string{"rules.yaml"}, EvaluationInterval: every, GroupOrder: order, Tests: some})
		run("test", "rules", file)
		t.Logf("promtool ran %d cases with rules evaluated each %s", len(some), every)
	}
}

func write(t *testing.T, path string, content any) {
	t.Helper()
	encoded, err := yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
}
