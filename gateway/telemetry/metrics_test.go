// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// shown gives the series of a registry as Prometheus reads them, without those that only tell of the process and without
// buckets, sorted.
func shown(t *testing.T, reg *prometheus.Registry) []string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, family := range families {
		for _, metric := range family.Metric {
			var labels []string
			for _, l := range metric.Label {
				labels = append(labels, l.GetValue())
			}
			if len(labels) == 0 {
				continue
			}
			value := metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			all = append(all, fmt.Sprintf("%s{%s} %v", strings.TrimPrefix(family.GetName(), "spark_"), strings.Join(labels, ","), value))
		}
	}
	slices.Sort(all)
	return all
}

func TestWhatIsCounted(t *testing.T) {
	attempt := full().Attempt
	tests := map[string]struct {
		act  func(*Metrics)
		want []string // labels in the order of their names
	}{
		"nothing shows before it happened": {act: func(m *Metrics) { m.Series("p", "m"); m.Route("r"); m.Provider("p") }},
		"a request, and not its tokens": {
			act: func(m *Metrics) {
				m.Series("p", "m").Settle(full(), at)
				ex := full()
				ex.Outcome, ex.FirstToken = exchange.OK, time.Time{}
				m.Series("p", "m").Settle(ex, at)
			},
			want: []string{
				"gen_ai_server_request_duration_seconds{,m,ok,p} 1", "gen_ai_server_request_duration_seconds{,m,provider_broken,p} 1",
				"gen_ai_server_time_to_first_token_seconds{,m,p} 1", "requests_total{m,ok,p} 1", "requests_total{m,provider_broken,p} 1",
			},
		},
		"an attempt and its tokens, by source": {
			act: func(m *Metrics) {
				m.Series("p", "m").SettleAttempt(&attempt)
				other := attempt
				other.Kind, other.Outcome = exchange.HedgeAttempt, exchange.Overtaken
				other.Usage = exchange.Usage{Prompt: 7, Total: 7, Source: exchange.UsageEstimated}
				m.Series("p", "m").SettleAttempt(&other)
				m.Series("p", "m").SettleAttempt(&other)
			},
			want: []string{
				"attempts_total{first,m,provider_broken,p} 1", "attempts_total{hedge,m,overtaken,p} 2",
				"gen_ai_client_operation_duration_seconds{m,overtaken,p} 2", "gen_ai_client_operation_duration_seconds{m,provider_broken,p} 1",
				"gen_ai_client_token_usage{input,m,p} 3", "gen_ai_client_token_usage{output,m,p} 1",
				"tokens_total{m,p,estimated,prompt} 14", "tokens_total{m,p,reported,cached} 1", "tokens_total{m,p,reported,completion} 2",
				"tokens_total{m,p,reported,prompt} 1", "tokens_total{m,p,reported,reasoning} 2",
			},
		},
		"an attempt of which no usage is known": {
			act: func(m *Metrics) {
				m.Series("p", "m").SettleAttempt(&exchange.Attempt{Usage: exchange.Usage{Prompt: 3}})
			},
			want: []string{"attempts_total{first,m,ok,p} 1"},
		},
		"a breaker that opens, tries, and opens again": {
			act: func(m *Metrics) {
				for _, to := range []string{config.BreakerOpen, config.BreakerHalfOpen, config.BreakerOpen} {
					m.Series("p", "m").BreakerTurned(to)
				}
			},
			want: []string{"breaker_transitions_total{m,p,half_open} 1", "breaker_transitions_total{m,p,open} 2"},
		},
		"a breaker by the names of its target, with series and without": {
			act: func(m *Metrics) {
				m.Series("p", "m")
				m.BreakerTurned("p", "m", config.BreakerOpen)
				m.BreakerTurned("p", "other", config.BreakerOpen)
			},
			want: []string{"breaker_transitions_total{m,p,open} 1"},
		},
		"a breaker that closes": {
			act: func(m *Metrics) {
				m.Series("p", "m").BreakerTurned(config.BreakerOpen)
				m.Series("p", "m").BreakerTurned(config.BreakerClosed)
			},
			want: []string{"breaker_transitions_total{m,p,closed} 1", "breaker_transitions_total{m,p,open} 1"},
		},
		"hedges and mirrors of a route": {
			act: func(m *Metrics) {
				r := m.Route("ns/r")
				r.Hedged(HedgeWon)
				r.Hedged(HedgeLost)
				r.Hedged(HedgeLost)
				r.Hedged(HedgeRefused)
				r.Mirrored(MirrorSent)
				r.Mirrored(MirrorSkipped)
			},
			want: []string{
				"hedges_total{lost,ns/r} 2", "hedges_total{refused,ns/r} 1", "hedges_total{won,ns/r} 1",
				"mirrors_total{sent,ns/r} 1", "mirrors_total{skipped,ns/r} 1",
			},
		},
		"waits and limits": {
			act: func(m *Metrics) {
				m.Waited(WaitServed).Add(3)
				m.Waited(WaitTimedOut).Inc()
				m.Waited(WaitFull)
				m.Limited(exchange.ScopeIP, exchange.Requests)
			},
			want: []string{"limit_refusals_total{requests,ip} 1", "quota_waits_total{full} 0", "quota_waits_total{served} 3", "quota_waits_total{timeout} 1"},
		},
		"the health of providers": {
			act: func(m *Metrics) {
				m.Provider("a").Healthy(true)
				m.Provider("b").Healthy(true)
				m.Provider("b").Healthy(false)
			},
			want: []string{"provider_healthy{a} 1", "provider_healthy{b} 0"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			tc.act(NewMetrics(reg))
			if diff := cmp.Diff(tc.want, shown(t, reg)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// useAll uses every series of an owner of each kind.
func useAll(s *Series, r *RouteSeries, p *ProviderSeries) {
	s.Settle(full(), at)
	s.SettleAttempt(&full().Attempt)
	s.BreakerTurned(config.BreakerOpen)
	r.Hedged(HedgeWon)
	r.Mirrored(MirrorSent)
	p.Healthy(true)
}

func TestBreakersAreShownAsTheyAreWhenSomebodyLooks(t *testing.T) {
	reg := prometheus.NewRegistry()
	state := config.BreakerOpen
	reg.MustRegister(NewBreakers(func(tell func(provider, model, state string)) {
		tell("p", "m", state)
		tell("p", "n", config.BreakerClosed)
	}))
	for _, tc := range []struct{ state, want string }{
		{config.BreakerOpen, "2"}, {config.BreakerHalfOpen, "1"}, {config.BreakerClosed, "0"},
	} {
		state = tc.state
		if diff := cmp.Diff([]string{"breaker_state{m,p} " + tc.want, "breaker_state{n,p} 0"}, shown(t, reg)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.state, diff)
		}
	}
}

func TestSeriesOfWhatLeftTheConfigurationGo(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg)
	build := func(names ...string) (s []*Series, r []*RouteSeries, p []*ProviderSeries) {
		for _, name := range names {
			s, r, p = append(s, m.Series("ns/"+name, name)), append(r, m.Route(name)), append(p, m.Provider(name))
		}
		m.Sweep()
		return s, r, p
	}
	s, r, p := build("stays", "goes")
	for i := range s {
		useAll(s[i], r[i], p[i])
	}
	both := shown(t, reg)
	s2, r2, p2 := build("stays")
	if s2[0] != s[0] || r2[0] != r[0] || p2[0] != p[0] {
		t.Error("what stays is not the same")
	}
	var stays []string
	for _, line := range both {
		if strings.Contains(line, "stays") {
			stays = append(stays, line)
		}
	}
	if len(stays) != len(both)/2 {
		t.Fatalf("%d of %d series are of what stays", len(stays), len(both))
	}
	if diff := cmp.Diff(stays, shown(t, reg)); diff != "" {
		t.Errorf("after the sweep (-want +got):\n%s", diff)
	}
	// A request that began before goes on with what it has.
	useAll(s[1], r[1], p[1])
	s[1].BreakerTurned(config.BreakerHalfOpen)
	r[1].Hedged(HedgeLost)
	if diff := cmp.Diff(stays, shown(t, reg)); diff != "" {
		t.Errorf("after a late use (-want +got):\n%s", diff)
	}
	m.BreakerTurned("ns/goes", "goes", config.BreakerHalfOpen)
	if diff := cmp.Diff(stays, shown(t, reg)); diff != "" {
		t.Errorf("after a late transition (-want +got):\n%s", diff)
	}
	// Who comes back begins anew, and who is gone does not disturb that.
	s3, r3, p3 := build("stays", "goes")
	useAll(s[1], r[1], p[1])
	r[1].Hedged(HedgeLost)
	useAll(s3[1], r3[1], p3[1])
	if diff := cmp.Diff(both, shown(t, reg)); diff != "" {
		t.Errorf("after the return (-want +got):\n%s", diff)
	}
}

func TestSweepsAndUsesGoTogether(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg)
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			for n := range 200 {
				name := fmt.Sprint((i + n) % 5)
				useAll(m.Series(name, name), m.Route(name), m.Provider(name))
				if i == 0 {
					m.Sweep()
				}
			}
		})
	}
	wait.Wait()
	m.Sweep()
	m.Sweep()
	if left := shown(t, reg); left != nil {
		t.Errorf("left after all were swept: %q", left)
	}
}

func TestTheMetricsAreNamedAsPrometheusWants(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg)
	useAll(m.Series("p", "m"), m.Route("r"), m.Provider("p"))
	reg.MustRegister(NewBreakers(func(tell func(provider, model, state string)) { tell("p", "m", config.BreakerOpen) }))
	m.Limited(exchange.ScopeKey, exchange.Requests)
	m.Waited(WaitFull).Inc()
	m.Cached(&full().Caching)
	m.Found(config.DirectionRequest, &full().Findings, exchange.FindingKinds)
	m.Guarded("webhook", "allow", time.Second)
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	s, r, p, ex := m.Series("p", "m"), m.Route("r"), m.Provider("p"), full()
	all := func() {
		s.Settle(ex, at)
		s.SettleAttempt(&ex.Attempt)
		s.BreakerTurned(config.BreakerOpen)
		r.Hedged(HedgeWon)
		r.Mirrored(MirrorSent)
		p.Healthy(true)
	}
	all()
	if n := testing.AllocsPerRun(100, all); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSettle(b *testing.B) {
	s := NewMetrics(prometheus.NewRegistry()).Series("p", "m")
	ex, buf := full(), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		s.Settle(ex, at)
		s.SettleAttempt(&ex.Attempt)
		buf = AppendLine(buf[:0], ex, at)
	}
}
