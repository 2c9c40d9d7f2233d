// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package rates

import (
	"bytes"
	"fmt"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// The counters that models are read from.
const (
	requestsTotal = "spark_requests_total"
	tokensTotal   = "spark_tokens_total"
	costTotal     = "spark_spend_cost_dollars_total"
)

// Counts reads the counters of models from metrics in Prometheus's text format. failed says which outcomes are failures.
func Counts(text []byte, failed func(outcome string) bool) (map[string]Count, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("the metrics cannot be read: %w", err)
	}
	counts := map[string]Count{}
	for _, family := range []string{requestsTotal, tokensTotal, costTotal} {
		for _, m := range families[family].GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			name := labels["model"]
			if name == "" {
				continue
			}
			counts[name] = counts[name].plus(family, labels, m.GetCounter().GetValue(), failed)
		}
	}
	return counts, nil
}

func (c Count) plus(family string, labels map[string]string, n float64, failed func(outcome string) bool) Count {
	switch family {
	case requestsTotal:
		c.Requests += n
		if failed(labels["outcome"]) {
			c.Failed += n
		}
	case tokensTotal:
		// The other types are parts of these.
		if labels["type"] == "prompt" || labels["type"] == "completion" {
			c.Tokens += n
		}
	case costTotal:
		c.Cost += n
	}
	return c
}
