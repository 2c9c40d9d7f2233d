// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// seen gives all that a collector shows, those without labels among it, sorted.
func seen(t *testing.T, c prometheus.Collector) []string {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, family := range families {
		for _, metric := range family.Metric {
			label := ""
			for _, l := range metric.Label {
				label += "{" + l.GetValue() + "}"
			}
			name := strings.TrimPrefix(family.GetName(), "spark_")
			all = append(all, fmt.Sprintf("%s%s %v", name, label, metric.GetCounter().GetValue()+metric.GetGauge().GetValue()))
		}
	}
	slices.Sort(all)
	return all
}

func TestCachesAreShownWhereThereAreAny(t *testing.T) {
	there := true
	c := NewCaches(func() (CacheSight, bool) {
		return CacheSight{
			Bytes: 1, Entries: 2, QuestionBytes: 3, Questions: 4, Evicted: 5, QuestionsEvicted: 6, Stored: 7, Purged: 8, Followers: 9,
			Corrupt: 10, SharedLost: 11, SharedEvicted: 12, SharedFailed: 13,
		}, there
	})
	want := []string{
		"cache_bytes{answers} 1", "cache_bytes{questions} 3", "cache_corrupt_total 10", "cache_entries{answers} 2", "cache_entries{questions} 4",
		"cache_evicted_total{answers} 5", "cache_evicted_total{questions} 6", "cache_followers_total 9", "cache_purged_total 8",
		"cache_shared_evicted_total 12", "cache_shared_failed_total 13", "cache_shared_lost_total 11", "cache_stored_total 7",
	}
	if diff := cmp.Diff(want, seen(t, c)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	there = false
	if got := seen(t, c); got != nil {
		t.Errorf("without a cache: %q", got)
	}
}

func TestErrorsAreShownAsTheyAre(t *testing.T) {
	sight := ErrorSight{}
	e := NewErrors(func() ErrorSight { return sight })
	want := []string{
		"error_groups 0", "error_groups_forgotten_total 0", "error_hook_dropped_total{sentry} 0", "error_hook_dropped_total{webhook} 0",
		"errors_total{error} 0", "errors_total{warning} 0",
	}
	if diff := cmp.Diff(want, seen(t, e)); diff != "" {
		t.Errorf("before any (-want +got):\n%s", diff)
	}
	sight = ErrorSight{Errors: 1, Warnings: 2, Groups: 3, Forgotten: 4, SentryDropped: 5, WebhookDropped: 6}
	want = []string{
		"error_groups 3", "error_groups_forgotten_total 4", "error_hook_dropped_total{sentry} 5", "error_hook_dropped_total{webhook} 6",
		"errors_total{error} 1", "errors_total{warning} 2",
	}
	if diff := cmp.Diff(want, seen(t, e)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
