// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/gateway/exchange"
)

const root = "../.."

// rule is one of a PrometheusRule: it records a series, or alerts.
type rule struct {
	Record      string            `json:"record,omitempty"`
	Alert       string            `json:"alert,omitempty"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type ruleGroup struct {
	Name     string `json:"name"`
	Interval string `json:"interval,omitempty"`
	Rules    []rule `json:"rules"`
}

// ruleFile is what Prometheus itself reads, and the spec of a PrometheusRule.
type ruleFile struct {
	Groups []ruleGroup `json:"groups"`
}

func readRules(t *testing.T) ruleFile {
	t.Helper()
	content, err := os.ReadFile(root + "/config/prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var resource struct {
		APIVersion string   `json:"apiVersion"`
		Kind       string   `json:"kind"`
		Metadata   any      `json:"metadata"`
		Spec       ruleFile `json:"spec"`
	}
	if err := yaml.UnmarshalStrict(content, &resource); err != nil {
		t.Fatal(err)
	}
	if resource.APIVersion != "monitoring.coreos.com/v1" || resource.Kind != "PrometheusRule" {
		t.Fatalf("%s %s", resource.APIVersion, resource.Kind)
	}
	return resource.Spec
}

// rules gives those that keep says to keep.
func (f ruleFile) rules(keep func(rule) bool) (all []rule) {
	for _, g := range f.Groups {
		for _, r := range g.Rules {
			if keep(r) {
				all = append(all, r)
			}
		}
	}
	return all
}

func alerting(r rule) bool  { return r.Alert != "" }
func recording(r rule) bool { return r.Record != "" }

// runbook is where the links of alerts lead to.
const runbook = "https://github.com/sparkgateway/spark/blob/main/docs/runbook.md#"

func TestEveryAlertSaysHowGraveItIsAndWhatToDo(t *testing.T) {
	anchors := readAnchors(t)
	names := map[string]bool{}
	for _, r := range readRules(t).rules(alerting) {
		if names[r.Alert] {
			t.Errorf("%s stands twice", r.Alert)
		}
		names[r.Alert] = true
		if s := r.Labels["severity"]; !slices.Contains([]string{"critical", "warning", "info"}, s) || len(r.Labels) != 1 {
			t.Errorf("%s has the labels %v", r.Alert, r.Labels)
		}
		for _, name := range []string{"summary", "description"} {
			if text := r.Annotations[name]; !strings.HasSuffix(text, ".") || len(text) > 300 {
				t.Errorf("%s has the %s %q", r.Alert, name, text)
			}
		}
		if strings.Contains(r.Annotations["summary"], "{{") {
			t.Errorf("the summary of %s is not the same for all: %s", r.Alert, r.Annotations["summary"])
		}
		if anchor, ok := strings.CutPrefix(r.Annotations["runbook_url"], runbook); !ok || !slices.Contains(anchors, anchor) {
			t.Errorf("%s leads to %s, which is no heading of docs/runbook.md", r.Alert, r.Annotations["runbook_url"])
		}
	}
	if len(names) < 20 {
		t.Errorf("only %d alerts", len(names))
	}
}

var heading = regexp.MustCompile(`(?m)^#{2,} (.*)$`)

// readAnchors gives the anchors that GitHub makes of the runbook's headings.
func readAnchors(t *testing.T) (anchors []string) {
	t.Helper()
	page, err := os.ReadFile(root + "/docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range heading.FindAllStringSubmatch(string(page), -1) {
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
				return r
			}
			return -1
		}, strings.ToLower(match[1]))
		anchors = append(anchors, anchor)
	}
	return anchors
}

// given are the labels that whoever scrapes adds.
var given = []string{"namespace", "gateway", "pod", "job", "instance"}

func TestRulesReadWhatIsThere(t *testing.T) {
	known := readMetrics(t)
	file := readRules(t)
	for _, r := range file.rules(recording) {
		known[r.Record] = metric{labels: read(r.Expr).grouped}
	}
	for _, r := range file.rules(func(rule) bool { return true }) {
		for _, wrong := range known.misread(r.Expr) {
			t.Errorf("%s%s: %s", r.Record, r.Alert, wrong)
		}
	}
}

// judged and failed are the outcomes that the rules take for a gateway's, or a provider's, own.
func TestWhatIsAFailureIsSaidOfEveryOutcome(t *testing.T) {
	wantFailed := map[exchange.Outcome]bool{
		exchange.OK: false, exchange.ProviderFailed: true, exchange.ProviderUnreachable: true, exchange.ProviderTimeout: true,
		exchange.ProviderBroken: true, exchange.Drained: true, exchange.Internal: true, exchange.Unavailable: true,
	}
	var wantJudgedWords, wantFailedWords []string
	for o := range exchange.Outcomes {
		if failed, judged := wantFailed[o]; judged {
			wantJudgedWords = append(wantJudgedWords, o.String())
			if failed {
				wantFailedWords = append(wantFailedWords, o.String())
			}
		}
	}
	for name, want := range map[string][]string{
		"spark:requests_judged:rate5m": wantJudgedWords, "spark:requests_failed:rate5m": wantFailedWords,
	} {
		for _, r := range readRules(t).rules(func(r rule) bool { return r.Record == name }) {
			if got := strings.Split(strings.Trim(quoted.FindString(r.Expr), `"`), "|"); cmp.Diff(want, sortedLike(want, got)) != "" {
				t.Errorf("%s is of %q, want %q", name, got, want)
			}
		}
	}
}

// sortedLike puts what both have into the order of the first; what only got has comes last.
func sortedLike(want, got []string) []string {
	got = slices.Clone(got)
	slices.SortFunc(got, func(a, b string) int {
		return place(want, a) - place(want, b)
	})
	return got
}

func place(in []string, word string) int {
	if i := slices.Index(in, word); i >= 0 {
		return i
	}
	return len(in)
}
