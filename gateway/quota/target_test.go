// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package quota

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

const start = int64(time.Hour)

func requestsOf(count, burst int64, per time.Duration) config.Quota {
	return config.Quota{Requests: []config.RequestLimit{{Count: count, Burst: burst, Per: config.Duration(per)}}}
}

func tokensOf(count int64, per time.Duration) config.Quota {
	return config.Quota{Tokens: []config.TokenLimit{{Count: count, Per: config.Duration(per)}}}
}

// step is one call after a while: a Take, or a Settle of an earlier step's grant where settle is its number from 1.
type step struct {
	after  time.Duration
	tokens int64
	settle int
	use    *config.Quota
	share  int           // how many pods there are from now on
	wait   time.Duration // what a refusal tells
	no     bool
}

func run(t *testing.T, p *Provider, steps []step) {
	t.Helper()
	target, now := p.Target(), start
	grants := make([]Grant, len(steps)+1)
	for i, s := range steps {
		now += int64(s.after)
		switch {
		case s.use != nil:
			p.Use(*s.use)
			continue
		case s.share != 0:
			p.Share(now, s.share)
			continue
		case s.settle > 0:
			grants[s.settle].Settle(now, s.tokens)
			continue
		}
		if got := target.Allows(now, s.tokens); got == s.no {
			t.Errorf("step %d: Allows says %v", i+1, got)
		}
		grant, wait, ok := target.Take(now, s.tokens, nil)
		grants[i+1] = grant
		if ok == s.no || wait != s.wait {
			t.Errorf("step %d: granted %v, wait %s, want %v and %s", i+1, ok, wait, !s.no, s.wait)
		}
		if !s.no {
			continue
		}
		if _, again, _ := target.Take(now, s.tokens, nil); again != wait {
			t.Errorf("step %d: a refusal changed the wait from %s to %s", i+1, wait, again)
		}
		if s.wait > 0 && (target.Allows(now+int64(s.wait)-1, s.tokens) || !target.Allows(now+int64(s.wait), s.tokens)) {
			t.Errorf("step %d: a wait of %s is not exactly long enough", i+1, s.wait)
		}
	}
}

func TestTake(t *testing.T) {
	both := config.Quota{Requests: requestsOf(60, 1, time.Minute).Requests, Tokens: tokensOf(1000, time.Second).Tokens}
	two := config.Quota{Concurrency: 2}
	full := config.Quota{Requests: requestsOf(60, 60, time.Minute).Requests, Concurrency: 1}
	tests := map[string]struct {
		quota config.Quota
		steps []step
	}{
		"no limits let everything through": {config.Quota{}, []step{{}, {tokens: math.MaxInt64}, {tokens: -1}, {settle: 1, tokens: 1 << 62}, {}}},
		"a burst of requests, then one at the rate": {requestsOf(60, 2, time.Minute), []step{
			{}, {}, {no: true, wait: time.Second}, {after: 400 * time.Millisecond, no: true, wait: 600 * time.Millisecond},
			{after: 600 * time.Millisecond}, {no: true, wait: time.Second},
		}},
		"a request that is over was a request": {requestsOf(60, 1, time.Minute), []step{{}, {settle: 1, tokens: 0}, {no: true, wait: time.Second}}},
		"a burst too large to count":           {requestsOf(1, 1<<62, 24*time.Hour), []step{{}, {}, {}}},
		"a rate finer than a nanosecond":       {requestsOf(1<<40, 1<<20, time.Second), []step{{}, {}, {}}},
		"all tokens may come at once, then they come back": {tokensOf(1000, time.Second), []step{
			{tokens: 600}, {tokens: 400}, {tokens: 1, no: true, wait: time.Millisecond},
			{after: 10 * time.Millisecond, tokens: 20, no: true, wait: 10 * time.Millisecond}, {after: 10 * time.Millisecond, tokens: 20},
		}},
		"a bucket holds no more than its count": {tokensOf(1000, time.Second), []step{
			{tokens: 1}, {after: time.Hour, tokens: 1000}, {tokens: 1, no: true, wait: time.Millisecond},
		}},
		"no estimate counts as one token": {tokensOf(2, time.Second), []step{{}, {tokens: -5}, {no: true, wait: 500 * time.Millisecond}}},
		"a request larger than the limit passes when it is full": {tokensOf(1000, time.Second), []step{
			{tokens: 1}, {tokens: 5000, no: true, wait: time.Millisecond}, {after: time.Millisecond, tokens: 5000}, {tokens: 1, no: true, wait: time.Millisecond},
		}},
		"what was not used comes back at once":                 {tokensOf(1000, time.Second), []step{{tokens: 1000}, {settle: 1, tokens: 300}, {tokens: 700}, {tokens: 1, no: true, wait: time.Millisecond}}},
		"nothing used comes back whole":                        {tokensOf(1000, time.Second), []step{{tokens: 1000}, {settle: 1}, {tokens: 1000}}},
		"what is not known stays at the estimate":              {tokensOf(1000, time.Second), []step{{tokens: 1000}, {settle: 1, tokens: -1}, {tokens: 1, no: true, wait: time.Millisecond}}},
		"what comes back does not overfill":                    {tokensOf(1000, time.Second), []step{{tokens: 1000}, {after: time.Hour, settle: 1}, {tokens: 1000}, {tokens: 1, no: true, wait: time.Millisecond}}},
		"more than estimated is a debt":                        {tokensOf(1000, time.Second), []step{{tokens: 100}, {settle: 1, tokens: 1500}, {tokens: 1, no: true, wait: 501 * time.Millisecond}}},
		"a debt is a period's at most":                         {tokensOf(1000, time.Second), []step{{tokens: 100}, {settle: 1, tokens: math.MaxInt64}, {tokens: 1, no: true, wait: 1001 * time.Millisecond}}},
		"debts of many requests are a period's at most":        {tokensOf(1000, time.Second), []step{{tokens: 1}, {tokens: 1}, {settle: 1, tokens: 1900}, {settle: 2, tokens: 1900}, {tokens: 1, no: true, wait: 1001 * time.Millisecond}}},
		"what a request larger than the limit took comes back": {tokensOf(1000, time.Second), []step{{tokens: 5000}, {settle: 1, tokens: 200}, {tokens: 800}, {tokens: 1, no: true, wait: time.Millisecond}}},
		"all limits or none": {both, []step{
			{tokens: 10}, {tokens: 990, no: true, wait: time.Second}, {after: time.Second, tokens: 1000}, {tokens: 1, no: true, wait: time.Second},
		}},
		"the longest wait is told":                        {both, []step{{tokens: 1000}, {after: 500 * time.Millisecond, tokens: 1000, no: true, wait: 500 * time.Millisecond}}},
		"slots wait for another's end, not for the clock": {two, []step{{}, {}, {no: true}, {after: time.Hour, no: true}, {settle: 1}, {}, {no: true}}},
		"a slot that is missing matters more than a time": {full, []step{{}, {no: true}, {settle: 1}, {}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { run(t, New(tc.quota), tc.steps) })
	}
}

func TestUse(t *testing.T) {
	use := func(q config.Quota) *config.Quota { return &q }
	tests := map[string]struct {
		quota config.Quota
		steps []step
	}{
		"the same limits change nothing": {tokensOf(1000, time.Second), []step{{tokens: 900}, {use: use(tokensOf(1000, time.Second))}, {tokens: 101, no: true, wait: time.Millisecond}, {tokens: 100}}},
		"what was taken of a wider limit stays taken": {tokensOf(1000, time.Second), []step{
			{tokens: 900}, {use: use(tokensOf(2000, time.Second))}, {tokens: 1101, no: true, wait: 500 * time.Microsecond}, {tokens: 1100},
		}},
		"what was taken of a narrower limit is the whole of it at most": {tokensOf(1000, time.Second), []step{
			{tokens: 900}, {use: use(tokensOf(100, time.Second))}, {tokens: 1, no: true, wait: 10 * time.Millisecond},
		}},
		"what was taken of a limit that is much wider stays in bounds": {tokensOf(1, 24*time.Hour), []step{
			{tokens: 1}, {use: use(tokensOf(1<<60, 24*time.Hour))}, {tokens: 1 << 20},
		}},
		"what was taken of a limit that is much narrower stays in bounds": {tokensOf(1<<60, 24*time.Hour), []step{
			{tokens: 1 << 40}, {use: use(tokensOf(1, 24*time.Hour))}, {tokens: 1, no: true, wait: 24 * time.Hour},
		}},
		"requests taken stay taken":             {requestsOf(60, 10, time.Minute), []step{{}, {}, {use: use(requestsOf(60, 2, time.Minute))}, {no: true, wait: time.Second}}},
		"a limit of another period begins full": {tokensOf(1000, time.Second), []step{{tokens: 1000}, {use: use(tokensOf(1000, time.Minute))}, {tokens: 1000}}},
		"what a new limit did not grant does not come back to it, but counts": {config.Quota{}, []step{
			{tokens: 500}, {use: use(tokensOf(1000, time.Second))}, {tokens: 1000}, {settle: 1, tokens: 100},
			{tokens: 1, no: true, wait: 101 * time.Millisecond},
		}},
		"an estimate that a changed limit took over comes back": {tokensOf(1000, time.Second), []step{
			{tokens: 800}, {use: use(tokensOf(2000, time.Second))}, {settle: 1}, {tokens: 2000},
		}},
		"slots in use stay in use":     {config.Quota{}, []step{{}, {}, {use: use(config.Quota{Concurrency: 2})}, {no: true}, {settle: 1}, {}, {no: true}}},
		"limits that go away are gone": {config.Quota{Concurrency: 1}, []step{{}, {no: true}, {use: &config.Quota{}}, {}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { run(t, New(tc.quota), tc.steps) })
	}
}

func TestAClockThatIsReadLateDoesNoHarm(t *testing.T) {
	target := New(tokensOf(1000, time.Second)).Target()
	target.Take(start, 1000, nil)
	if _, wait, ok := target.Take(start-int64(time.Second), 1, nil); ok || wait != 1001*time.Millisecond {
		t.Errorf("granted %v, wait %s", ok, wait)
	}
	if !target.Allows(start+int64(time.Millisecond), 1) {
		t.Error("an earlier clock took something back")
	}
}

func TestTimesMayBeginAtZero(t *testing.T) {
	target := New(tokensOf(1000, time.Second)).Target()
	if _, _, ok := target.Take(0, 1000, nil); !ok {
		t.Error("a full bucket is refused")
	}
	later := int64(time.Second)
	target.learn(later, noon, openai("Requests", "", "0", "1s").get)
	if target.Out(later) != 2*later || target.Out(2*later) != 0 {
		t.Errorf("out until %d, then %d", target.Out(later), target.Out(2*later))
	}
}

func TestTheZeroGrantIsHarmless(t *testing.T) {
	var g Grant
	g.Settle(start, 5)
	if diff := cmp.Diff(Sight{}, New(config.Quota{}).Sight(start)); diff != "" {
		t.Error(diff)
	}
}

func TestSight(t *testing.T) {
	p := New(config.Quota{Concurrency: 2, QueueLength: 5, QueueTimeout: config.Duration(3 * time.Second)})
	one, other := p.Target(), p.Target()
	g, _, _ := one.Take(start, 1, nil)
	other.Take(start, 1, nil)
	p.Join(NewWaiter())
	later := start + int64(time.Second)
	one.learn(start, time.Time{}, fields{"X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Requests": "1s"}.get)
	if diff := cmp.Diff(Sight{InFlight: 2, Waiting: 1, Out: later}, p.Sight(start)); diff != "" {
		t.Error(diff)
	}
	if one.Out(start) != later || other.Out(start) != 0 {
		t.Errorf("out until %d and %d", one.Out(start), other.Out(start))
	}
	g.Settle(start, -1)
	if diff := cmp.Diff(Sight{InFlight: 1, Waiting: 1}, p.Sight(later)); diff != "" {
		t.Error(diff)
	}
	if p.QueueTimeout() != 3*time.Second {
		t.Error(p.QueueTimeout())
	}
}

func benchmarkTake(b *testing.B, q config.Quota, learn bool) {
	target, now := New(q).Target(), start
	if learn {
		target.learn(now, time.Time{}, fields{"X-Ratelimit-Remaining-Requests": "99999999999", "X-Ratelimit-Reset-Requests": "1h"}.get)
	}
	b.ReportAllocs()
	for b.Loop() {
		now++
		g, _, ok := target.Take(now, 100, nil)
		if !ok {
			b.Fatal("refused")
		}
		g.Settle(now, 90)
	}
}

var wide = config.Quota{
	Requests: requestsOf(1<<40, 1<<40, time.Second).Requests, Tokens: tokensOf(1<<50, time.Second).Tokens, Concurrency: 100, QueueLength: 100,
}

func BenchmarkTakeWithoutLimits(b *testing.B) {
	benchmarkTake(b, config.Quota{QueueLength: 100}, false)
}
func BenchmarkTakeWithAllLimits(b *testing.B)     { benchmarkTake(b, wide, false) }
func BenchmarkTakeWithLimitsAndWord(b *testing.B) { benchmarkTake(b, wide, true) }

func TestTakeDoesNotAllocate(t *testing.T) {
	target := New(wide).Target()
	if n := testing.AllocsPerRun(100, func() {
		g, _, _ := target.Take(start, 5, nil)
		g.Settle(start, 3)
		target.Allows(start, 5)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
