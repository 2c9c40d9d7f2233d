// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// streamed is a stream of a conversation that ended well: the first token after half a second, and ten more within a second.
func streamed() *exchange.Exchange {
	return &exchange.Exchange{
		Start: at, Operation: exchange.Chat, Stream: true,
		Attempt: exchange.Attempt{
			Began: at.Add(100 * time.Millisecond), FirstToken: at.Add(500 * time.Millisecond), Ended: at.Add(1500 * time.Millisecond),
			Usage: exchange.Usage{Prompt: 100, Completion: 11, Total: 111, Source: exchange.UsageReported},
		},
	}
}

func TestWhatTheConventionsForGenerativeAICount(t *testing.T) {
	tests := map[string]struct {
		change func(*exchange.Exchange)
		want   []string // sums in seconds or tokens; labels in the order of their names
	}{
		"a stream that ended well": {func(*exchange.Exchange) {}, []string{
			"client_operation_duration_seconds{m,ok,p} 1.4", "client_token_usage{input,m,p} 100", "client_token_usage{output,m,p} 11",
			"server_request_duration_seconds{chat,m,ok,p} 2", "server_time_per_output_token_seconds{chat,m,p} 0.1",
			"server_time_to_first_token_seconds{chat,m,p} 0.5",
		}},
		"an answer in one piece has no time per token, and no first one": {func(ex *exchange.Exchange) { ex.Stream = false }, []string{
			"client_operation_duration_seconds{m,ok,p} 1.4", "client_token_usage{input,m,p} 100", "client_token_usage{output,m,p} 11",
			"server_request_duration_seconds{chat,m,ok,p} 2",
		}},
		"an error of the provider is no token": {func(ex *exchange.Exchange) {
			ex.Attempt = exchange.Attempt{
				Began: ex.Began, FirstToken: ex.FirstToken, Ended: ex.Ended, UpstreamStatus: 500, Outcome: exchange.ProviderFailed,
			}
		}, []string{"client_operation_duration_seconds{m,provider_failed,p} 1.4", "server_request_duration_seconds{chat,m,provider_failed,p} 2"}},
		"a session lasts for as long as its client likes": {func(ex *exchange.Exchange) { ex.Operation = exchange.Realtime }, []string{
			"client_operation_duration_seconds{m,ok,p} 1.4", "client_token_usage{input,m,p} 100", "client_token_usage{output,m,p} 11",
		}},
		"a stream that broke off has none": {func(ex *exchange.Exchange) { ex.Outcome = exchange.ProviderBroken }, []string{
			"client_operation_duration_seconds{m,provider_broken,p} 1.4", "client_token_usage{input,m,p} 100", "client_token_usage{output,m,p} 11",
			"server_request_duration_seconds{chat,m,provider_broken,p} 2", "server_time_to_first_token_seconds{chat,m,p} 0.5",
		}},
		"a stream of one token has none": {func(ex *exchange.Exchange) { ex.Usage.Completion = 1 }, []string{
			"client_operation_duration_seconds{m,ok,p} 1.4", "client_token_usage{input,m,p} 100", "client_token_usage{output,m,p} 1",
			"server_request_duration_seconds{chat,m,ok,p} 2", "server_time_to_first_token_seconds{chat,m,p} 0.5",
		}},
		"an attempt that was never sent took no time": {func(ex *exchange.Exchange) {
			ex.Attempt = exchange.Attempt{Outcome: exchange.Unavailable}
		}, []string{"server_request_duration_seconds{chat,m,unavailable,p} 2"}},
		"vectors have a prompt only": {func(ex *exchange.Exchange) {
			ex.Operation, ex.Stream, ex.Usage.Completion = exchange.Embeddings, false, 0
		}, []string{
			"client_operation_duration_seconds{m,ok,p} 1.4", "client_token_usage{input,m,p} 100",
			"server_request_duration_seconds{embeddings,m,ok,p} 2",
		}},
		"older completions have the conventions' name": {func(ex *exchange.Exchange) {
			ex.Operation, ex.Attempt = exchange.Completions, exchange.Attempt{}
		}, []string{"server_request_duration_seconds{text_completion,m,ok,p} 2"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			s, ex := NewMetrics(reg).Series("p", "m"), streamed()
			tc.change(ex)
			s.SettleAttempt(&ex.Attempt)
			s.Settle(ex, at.Add(2*time.Second))
			if diff := cmp.Diff(tc.want, sums(t, reg)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// sums gives the sums of all gen_ai histograms.
func sums(t *testing.T, reg *prometheus.Registry) (all []string) {
	t.Helper()
	for _, family := range gathered(t, reg) {
		name, is := strings.CutPrefix(family.GetName(), "gen_ai_")
		if !is {
			continue
		}
		for _, metric := range family.Metric {
			var labels []string
			for _, l := range metric.Label {
				labels = append(labels, l.GetValue())
			}
			all = append(all, fmt.Sprintf("%s{%s} %.4g", name, strings.Join(labels, ","), metric.GetHistogram().GetSampleSum()))
		}
	}
	return all
}

func TestHistogramsHaveNativeBucketsBesideOthers(t *testing.T) {
	reg := prometheus.NewRegistry()
	s, ex := NewMetrics(reg).Series("p", "m"), streamed()
	for i := range 100_000 {
		ex.Ended = ex.Began.Add(time.Duration(float64(time.Millisecond) * math.Pow(1.0002, float64(i))))
		s.SettleAttempt(&ex.Attempt)
	}
	s.Settle(ex, at.Add(time.Second))
	seen := 0
	for _, family := range gathered(t, reg) {
		for _, metric := range family.Metric {
			h := metric.GetHistogram()
			if h == nil {
				continue
			}
			seen++
			if len(h.Bucket) < 10 || h.Schema == nil || h.GetSchema() > 3 {
				t.Errorf("%s has %d buckets and schema %v", family.GetName(), len(h.Bucket), h.Schema)
			}
			if n := len(h.PositiveDelta); n == 0 || n > nativeBuckets {
				t.Errorf("%s has %d native buckets", family.GetName(), n)
			}
		}
	}
	if seen != 6 {
		t.Errorf("%d histograms", seen)
	}
}

// Only a trace that the collector gets can be looked up.
func TestWhatIsSampledIsAnExemplar(t *testing.T) {
	for sampled, want := range map[bool][]string{true: {"0102" + strings.Repeat("0", 28)}, false: nil} {
		reg := prometheus.NewRegistry()
		s, ex := NewMetrics(reg).Series("p", "m"), streamed()
		ex.Trace = exchange.Trace{ID: exchange.TraceID{1, 2}, Span: exchange.SpanID{1}, Sampled: sampled}
		s.SettleAttempt(&ex.Attempt)
		s.Settle(ex, at.Add(time.Second))
		got := map[string][]string{}
		for _, family := range gathered(t, reg) {
			for _, bucket := range family.Metric[0].GetHistogram().GetBucket() {
				for _, label := range bucket.GetExemplar().GetLabel() {
					got[family.GetName()] = append(got[family.GetName()], label.GetValue())
				}
			}
		}
		wants := map[string][]string{}
		for _, name := range []string{"request_duration", "time_to_first_token", "time_per_output_token"} {
			if want != nil {
				wants["gen_ai_server_"+name+"_seconds"] = want
			}
		}
		if diff := cmp.Diff(wants, got); diff != "" {
			t.Errorf("sampled %t (-want +got):\n%s", sampled, diff)
		}
	}
}

func TestSpendIsInDollars(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := NewMetrics(reg).Series("p", "m")
	s.SettleAttempt(&exchange.Attempt{Cost: config.Dollar / 4, Priced: true})
	s.SettleAttempt(&exchange.Attempt{Cost: config.Dollar / 2, Priced: true})
	s.SettleAttempt(&exchange.Attempt{Priced: true})
	want := []string{"attempts_total{first,m,ok,p} 3", "spend_cost_dollars_total{m,p} 0.75"}
	if diff := cmp.Diff(want, shown(t, reg)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func gathered(t *testing.T, reg *prometheus.Registry) []*dto.MetricFamily {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}
