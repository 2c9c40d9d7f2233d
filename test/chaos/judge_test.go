// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

const ms = time.Millisecond

// testPace has a fault from second 1 to 3 and a request each 100 ms.
var testPace = pace{rate: 10, steady: time.Second, fault: 2 * time.Second, recovery: 2 * time.Second, openFor: 500 * ms, retryAfter: time.Second, grace: 250 * ms}

// seen are facts of a scenario in which the primary fails at second 1, and nothing else is wrong.
func seen(change func(*facts)) *facts {
	f := &facts{
		pace: testPace, scenario: scenario{name: "a test", broken: []int{primary}, share: 1}, watched: watched{told: true},
		begun: time.Unix(0, 0), broke: time.Second, mended: 3 * time.Second,
		log: func([]string) []string { return nil },
	}
	f.breakers[primary] = history{
		{1480 * ms, 1500 * ms, stateOpen}, {1980 * ms, 2 * time.Second, stateHalfOpen}, {2080 * ms, 2100 * ms, stateOpen},
		{3180 * ms, 3200 * ms, stateHalfOpen}, {3380 * ms, 3400 * ms, stateClosed},
	}
	for n := range testPace.requests() {
		f.answers = append(f.answers, answer{due: testPace.due(n), latency: 10 * ms, status: 200})
	}
	if change != nil {
		change(f)
	}
	return f
}

func refusedAt(at time.Duration, status int, retryAfter string) answer {
	return answer{due: at, latency: ms, verdict: refused, status: status, retryAfter: retryAfter, detail: "told"}
}

// asked gives records of requests at these times, each answered after a millisecond.
func asked(status int, at ...time.Duration) []fakeprovider.Record {
	var list []fakeprovider.Record
	for _, t := range at {
		list = append(list, fakeprovider.Record{
			StartedAt: time.Unix(0, 0).Add(t), EndedAt: time.Unix(0, 0).Add(t + ms), Status: status,
		})
	}
	return list
}

func TestWhatIsNotAsPromisedIsTold(t *testing.T) {
	dark := func(f *facts) { f.scenario.dark, f.scenario.also = true, toldInTheDark }
	for name, tc := range map[string]struct {
		change func(*facts)
		want   []string // each begins one of the judgements, in order
	}{
		"nothing is wrong": {},
		"a refusal beside a healthy provider": {
			func(f *facts) { f.answers[12] = refusedAt(1200*ms, 502, "") },
			[]string{"1 requests failed before an answer began while a provider was healthy, such as\n  at 1.2s"},
		},
		"an answer that is no answer": {
			func(f *facts) { f.answers[12].verdict = dishonest },
			[]string{"1 requests ended in neither"},
		},
		"more broken streams than were under way": {
			func(f *facts) {
				f.scenario.cuts = 1
				f.answers[12].verdict, f.answers[13].verdict = cut, cut
			},
			[]string{"2 streams broke, more than 1"},
		},
		"as many broken streams as were under way": {
			change: func(f *facts) { f.scenario.cuts, f.answers[12].verdict = 1, cut },
		},
		"a fault that makes answers late": {
			func(f *facts) { f.answers[12].latency = time.Second },
			[]string{"the 99th percentile rose by 990ms, more than 250ms"},
		},
		"no metric of breakers": {
			func(f *facts) { f.told = false },
			[]string{"the gateway's metrics have no"},
		},
		"a breaker that never opens": {
			func(f *facts) { f.breakers[primary] = nil },
			[]string{"the breaker of primary never opened"},
		},
		"a breaker that opens before the fault": {
			func(f *facts) { f.breakers[primary][0].at = 900 * ms },
			[]string{"the breaker of primary opened before"},
		},
		"a breaker that opens late": {
			func(f *facts) { f.breakers[primary][0].at = 1800 * ms },
			[]string{"the breaker of primary opened after 800ms, bound 750ms"},
		},
		"a breaker that closes late": {
			func(f *facts) { f.breakers[primary][4].at = 4100 * ms },
			[]string{"the breaker of primary closed after 1.1s, bound 1.05s"},
		},
		"a breaker that does not close": {
			func(f *facts) { f.breakers[primary] = f.breakers[primary][:4] },
			[]string{"the breaker of primary did not close"},
		},
		"a breaker of the healthy provider": {
			func(f *facts) {
				f.breakers[secondary] = history{{at: 2 * time.Second, to: stateOpen}, {at: 3 * time.Second, to: stateClosed}}
			},
			[]string{"the breaker of secondary, which is healthy, opened at 2s"},
		},
		"requests behind an open breaker": {
			func(f *facts) { f.records[primary] = asked(503, 1510*ms, 1700*ms, 1985*ms, 2010*ms, 2500*ms) },
			[]string{"primary was asked 2 times while its breaker was open"},
		},
		"refusals in the dark that say when to come back": {
			change: func(f *facts) {
				dark(f)
				for n := 10; n < 30; n++ {
					f.answers[n] = refusedAt(testPace.due(n), 503, "1")
				}
			},
		},
		"a refusal once there must be light": {
			func(f *facts) {
				dark(f)
				f.answers[20], f.answers[45] = refusedAt(2*time.Second, 503, "1"), refusedAt(4500*ms, 503, "1")
			},
			[]string{"1 requests failed before an answer began while a provider was healthy, such as\n  at 4.5s"},
		},
		"refusals in the dark of another status": {
			func(f *facts) {
				dark(f)
				for n := 16; n < 30; n++ {
					f.answers[n] = refusedAt(testPace.due(n), 502, "")
				}
			},
			[]string{"no request was told 503", "14 requests, more than 12, were told something else"},
		},
		"refusals in the dark that take their time": {
			func(f *facts) {
				dark(f)
				for n := 16; n < 30; n++ {
					f.answers[n] = refusedAt(testPace.due(n), 503, "1")
					if n < 20 {
						f.answers[n].latency = 60 * ms
					}
				}
			},
			[]string{"4 requests, more than one in a hundred"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(seen(tc.change)).wrong
			if len(got) != len(tc.want) {
				t.Fatalf("got %q, want %q", got, tc.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tc.want[i]) {
					t.Errorf("got %q, want %q", got[i], tc.want[i])
				}
			}
		})
	}
}

func TestAProviderThatAskedForAPauseMustBeLeftAloneExactlySoLong(t *testing.T) {
	for name, tc := range map[string]struct {
		asked []time.Duration
		want  string
	}{
		"left alone, and tried again":           {asked: []time.Duration{1000 * ms, 1002 * ms, 2004 * ms, 3010 * ms}},
		"asked too soon":                        {[]time.Duration{1000 * ms, 1900 * ms}, "the primary was asked at 1.9s, and had asked to be left alone until 2s"},
		"asked too late":                        {[]time.Duration{1000 * ms, 2400 * ms}, "the primary was asked at 2.4s only"},
		"never asked again":                     {[]time.Duration{1000 * ms, 1001 * ms}, "the primary was tried again 0 times"},
		"asked at once, by what was on its way": {asked: []time.Duration{1000 * ms, 1020 * ms, 2021 * ms}},
	} {
		t.Run(name, func(t *testing.T) {
			got := leftAlone(seen(func(f *facts) { f.records[primary] = asked(429, tc.asked...) }))
			if tc.want == "" && got != nil || tc.want != "" && (len(got) == 0 || !strings.HasPrefix(got[0], tc.want)) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestSharesAreJudged(t *testing.T) {
	steady := func(primaries, secondaries int) *facts {
		return seen(func(f *facts) {
			for n := range primaries {
				f.records[primary] = append(f.records[primary], asked(200, time.Duration(n)*ms)...)
			}
			for n := range secondaries {
				f.records[secondary] = append(f.records[secondary], asked(200, time.Duration(n)*ms)...)
			}
		})
	}
	for name, tc := range map[string]struct {
		primaries, secondaries int
		good                   bool
	}{
		"as asked for":       {80, 20, true},
		"as chance may have": {90, 10, true},
		"too many":           {99, 1, false},
		"too few":            {50, 50, false},
		"none at all":        {0, 0, false},
	} {
		if got := sharedByWeight(steady(tc.primaries, tc.secondaries)); (got == nil) != tc.good {
			t.Errorf("%s: %q", name, got)
		}
	}
	during := func(which int) *facts {
		return seen(func(f *facts) { f.records[which] = asked(200, 1500*ms, 2*time.Second) })
	}
	if got := avoided(during(primary)); len(got) != 1 {
		t.Errorf("a late provider that is used goes unnoticed: %q", got)
	}
	if got := avoided(during(secondary)); got != nil {
		t.Errorf("a late provider that is not used: %q", got)
	}
}

func TestWhatIsMeasured(t *testing.T) {
	got := judge(seen(func(f *facts) {
		f.answers[5].latency, f.answers[15].latency, f.answers[40].latency = 20*ms, 100*ms, time.Hour
		f.answers[20] = refusedAt(2*time.Second, 502, "")
		f.records[primary], f.records[secondary] = asked(200, 0, ms), asked(200, 2*ms)
	}))
	type measured struct {
		p50, p99, during, added, opened, closed time.Duration
		requests, refused, opens                int
		asked                                   [2]int
		status                                  string
	}
	want := measured{
		10 * ms, 20 * ms, 100 * ms, 80 * ms, 500 * ms, 400 * ms, 50, 1, 2, [2]int{2, 1}, "1 × 502",
	}
	if diff := cmp.Diff(want, measured{
		got.p50Before, got.p99Before, got.p99During, got.added, got.opened, got.closed,
		got.requests, got.refused, got.opens, got.byProvider, got.byStatus,
	}, cmp.AllowUnexported(measured{})); diff != "" {
		t.Error(diff)
	}
}

func TestRequestsThatWereNotHedgedAreCounted(t *testing.T) {
	for name, tc := range map[string]struct {
		helped int
		good   bool
	}{"every one was": {18, true}, "one was not": {17, true}, "two were not": {16, false}} {
		got := hedged(seen(func(f *facts) {
			for n := range tc.helped {
				f.records[secondary] = append(f.records[secondary], asked(200, time.Second+time.Duration(n)*100*ms)...)
			}
			f.records[secondary] = append(f.records[secondary], asked(200, 0, 4*time.Second)...)
		}))
		if (got == nil) != tc.good {
			t.Errorf("%s: %q", name, got)
		}
	}
}
