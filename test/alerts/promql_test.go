// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package alerts checks what Prometheus and Grafana are given in config/prometheus and config/grafana.
package alerts

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// selector is a metric that an expression reads, and the labels that it is narrowed by.
type selector struct {
	metric string
	labels []string
}

// query is what an expression of PromQL names.
type query struct {
	selectors []selector
	// grouped are the labels of by, on, without and the like, and those that label_replace reads and writes.
	grouped []string
}

var (
	quoted   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	grouping = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	spans    = regexp.MustCompile(`\[[^\]]*\]|\boffset\s+\S+`)
	word     = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)(\s*[({])?`)
	matcher  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)`)
	number   = regexp.MustCompile(`\b[0-9][0-9.]*(?:e[+-]?[0-9]+)?\b`)
	keywords = []string{"and", "or", "unless", "bool", "by", "without", "on", "ignoring", "group_left", "group_right", "inf", "nan"}
)

// read finds what an expression names. It knows the part of PromQL that stands in this repository: promtool and Grafana tell
// whether it is PromQL at all.
func read(expression string) (q query) {
	text := quoted.ReplaceAllString(expression, `""`)
	for _, group := range grouping.FindAllStringSubmatch(text, -1) {
		for name := range strings.SplitSeq(group[1], ",") {
			if name = strings.TrimSpace(name); name != "" && !slices.Contains(q.grouped, name) {
				q.grouped = append(q.grouped, name)
			}
		}
	}
	text = number.ReplaceAllString(spans.ReplaceAllString(grouping.ReplaceAllString(text, " "), " "), " ")
	for len(text) > 0 {
		at := word.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		name, next, rest := text[at[2]:at[3]], "", text[at[1]:]
		if at[4] >= 0 {
			next = strings.TrimSpace(text[at[4]:at[5]])
		}
		text = rest
		if next == "(" || slices.Contains(keywords, strings.ToLower(name)) {
			continue
		}
		s := selector{metric: name}
		if next == "{" {
			inside, after, _ := strings.Cut(rest, "}")
			for _, m := range matcher.FindAllStringSubmatch(inside, -1) {
				s.labels = append(s.labels, m[1])
			}
			text = after
		}
		q.selectors = append(q.selectors, s)
	}
	return q
}

func TestReadingAnExpression(t *testing.T) {
	tests := map[string]struct {
		expression string
		want       query
	}{
		"a metric": {"up", query{selectors: []selector{{metric: "up"}}}},
		"a metric, narrowed, within functions": {
			`sum(rate(spark_requests_total{outcome=~"ok|b{a}d", provider != ""}[5m])) by (namespace, gateway)`,
			query{selectors: []selector{{"spark_requests_total", []string{"outcome", "provider"}}}, grouped: []string{"namespace", "gateway"}},
		},
		"two of them": {
			"sum by (le) (rate(a_bucket[1h])) / on (le) group_left () count(b:c offset 1d) > 14.4 * 1e-3 and c",
			query{selectors: []selector{{metric: "a_bucket"}, {metric: "b:c"}, {metric: "c"}}, grouped: []string{"le"}},
		},
		"numbers only": {"5 / 3600 > bool 1", query{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, read(tc.expression), cmp.AllowUnexported(query{}, selector{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
