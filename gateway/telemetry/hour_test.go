// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// ended is one request: when it ended, how long it took, and until it began to answer, 0 for all at once. It is a stream but for whole.
type ended struct {
	at, took, began time.Duration
	whole           bool
	as              exchange.Operation
	outcome         exchange.Outcome
	cache           exchange.CacheResult
	use             exchange.Use
}

// hourEpoch is a full minute.
var hourEpoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func (e ended) add(h *Hour) {
	end := hourEpoch.Add(e.at)
	ex := exchange.Exchange{Start: end.Add(-e.took), Stream: !e.whole, Operation: e.as}
	ex.Outcome, ex.Caching.Result = e.outcome, e.cache
	if e.began > 0 {
		ex.FirstToken = ex.Start.Add(e.began)
	}
	h.Add(end.UnixNano(), end, &ex, e.use)
}

func minuteAt(at time.Duration, of config.TrafficMinute) config.TrafficMinute {
	of.At = hourEpoch.Add(at)
	return of
}

func TestAnHourCountsByTheMinute(t *testing.T) {
	const ms = time.Millisecond
	for name, test := range map[string]struct {
		ended      []ended
		since, now time.Duration
		want       []config.TrafficMinute
	}{
		"nothing":                  {want: []config.TrafficMinute{minuteAt(0, config.TrafficMinute{})}},
		"every minute stands once": {now: 2*time.Minute + 59*time.Second, want: []config.TrafficMinute{minuteAt(0, config.TrafficMinute{}), minuteAt(time.Minute, config.TrafficMinute{}), minuteAt(2*time.Minute, config.TrafficMinute{})}},
		"an answer": {
			ended: []ended{{took: 2 * ms, use: exchange.Use{Tokens: 7, Cost: config.Dollar / 4}}},
			want:  []config.TrafficMinute{minuteAt(0, config.TrafficMinute{Requests: 1, Tokens: 7, Cost: 0.25, Duration: []int64{0, 0, 0, 0, 1}, FirstToken: []int64{0, 0, 0, 0, 1}})},
		},
		"an answer that began before it ended": {
			ended: []ended{{took: 2 * ms, began: ms}},
			want:  []config.TrafficMinute{minuteAt(0, config.TrafficMinute{Requests: 1, Duration: []int64{0, 0, 0, 0, 1}, FirstToken: []int64{1}})},
		},
		"an answer in one piece has no first token": {
			ended: []ended{{took: 2 * ms, began: ms, whole: true}},
			want:  []config.TrafficMinute{minuteAt(0, config.TrafficMinute{Requests: 1, Duration: []int64{0, 0, 0, 0, 1}})},
		},
		"a session lasts for as long as its client likes": {
			ended: []ended{{took: time.Hour, began: ms, as: exchange.Realtime, use: exchange.Use{Tokens: 7}}, {took: time.Hour, as: exchange.Realtime, outcome: exchange.ProviderBroken}},
			want:  []config.TrafficMinute{minuteAt(0, config.TrafficMinute{Requests: 2, Failed: 1, Tokens: 7})},
		},
		"a failure has no duration, and may have cost something": {
			ended: []ended{{took: ms, outcome: exchange.ProviderBroken, use: exchange.Use{Tokens: 3}}},
			want:  []config.TrafficMinute{minuteAt(0, config.TrafficMinute{Requests: 1, Failed: 1, Tokens: 3})},
		},
		"a refusal":          {ended: []ended{{took: ms, outcome: exchange.Limited}}, want: []config.TrafficMinute{minuteAt(0, config.TrafficMinute{Requests: 1, Refused: 1})}},
		"a client that left": {ended: []ended{{took: ms, outcome: exchange.ClientGone}}, want: []config.TrafficMinute{minuteAt(0, config.TrafficMinute{Requests: 1})}},
		"lookups": {
			ended: []ended{{cache: exchange.CacheHit}, {cache: exchange.CacheMiss}, {cache: exchange.CacheBypass}, {}},
			want:  []config.TrafficMinute{minuteAt(0, config.TrafficMinute{Requests: 4, Lookups: 2, Hits: 1, Duration: []int64{4}, FirstToken: []int64{4}})},
		},
		"minutes are apart": {
			ended: []ended{{at: time.Minute - 1}, {at: time.Minute}}, now: time.Minute,
			want: []config.TrafficMinute{minuteAt(0, config.TrafficMinute{Requests: 1, Duration: []int64{1}, FirstToken: []int64{1}}), minuteAt(time.Minute, config.TrafficMinute{Requests: 1, Duration: []int64{1}, FirstToken: []int64{1}})},
		},
		"what is over an hour ago is forgotten": {
			ended: []ended{
				{outcome: exchange.Internal}, {took: time.Second, began: time.Second / 2, cache: exchange.CacheHit, use: exchange.Use{Tokens: 1, Cost: 1}},
				{outcome: exchange.Limited, cache: exchange.CacheMiss}, {outcome: exchange.ClientGone}, {at: time.Hour},
			},
			since: 59 * time.Minute, now: time.Hour,
			want: []config.TrafficMinute{minuteAt(59*time.Minute, config.TrafficMinute{}), minuteAt(time.Hour, config.TrafficMinute{Requests: 1, Duration: []int64{1}, FirstToken: []int64{1}})},
		},
		"a look back does not show what came later": {ended: []ended{{at: time.Hour}}, want: []config.TrafficMinute{minuteAt(0, config.TrafficMinute{})}},
	} {
		t.Run(name, func(t *testing.T) {
			h := &Hour{}
			for _, e := range test.ended {
				e.add(h)
			}
			got := h.Look(hourEpoch.Add(test.since).UnixNano(), hourEpoch.Add(test.now).UnixNano())
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnHourHasSixtyMinutes(t *testing.T) {
	h := &Hour{}
	got := h.Look(hourEpoch.UnixNano(), hourEpoch.Add(100*time.Minute).UnixNano())
	if len(got) != 60 || !got[0].At.Equal(hourEpoch.Add(41*time.Minute)) || !got[59].At.Equal(hourEpoch.Add(100*time.Minute)) {
		t.Errorf("%d minutes, from %s to %s", len(got), got[0].At, got[len(got)-1].At)
	}
}

// Whose fault it is has to be decided for every outcome.
func TestEveryOutcomeIsOfAClass(t *testing.T) {
	want := map[exchange.Outcome]class{
		exchange.OK: answered, exchange.ClientGone: left, exchange.Overtaken: left,
		exchange.Unauthenticated: refused, exchange.Limited: refused, exchange.Refused: refused, exchange.ProviderRefused: refused,
		exchange.Blocked: refused, exchange.ProviderFailed: failed, exchange.ProviderUnreachable: failed, exchange.ProviderTimeout: failed,
		exchange.ProviderBroken: failed, exchange.Drained: failed, exchange.Internal: failed, exchange.Unavailable: failed,
	}
	for o := range exchange.Outcomes {
		is, decided := want[o]
		if got := classOf(&exchange.Exchange{Attempt: exchange.Attempt{Outcome: o, Status: 200}}); got != is || !decided {
			t.Errorf("%s: %d, want %d, %t", o, got, is, decided)
		}
	}
	for name, test := range map[string]struct {
		status int
		reason exchange.Reason
		want   class
	}{
		"a limit":                         {429, exchange.ReasonTokenLimit, refused},
		"a limit that nobody could ask":   {503, exchange.ReasonStoreDown, failed},
		"no answer in the cache, as said": {504, exchange.ReasonNotCached, refused},
	} {
		ex := &exchange.Exchange{Attempt: exchange.Attempt{Outcome: exchange.Limited, Status: test.status, Reason: test.reason}}
		if got := classOf(ex); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

// The hour is what a list of all requests says of its minutes.
func TestAnHourCountsAsAListDoes(t *testing.T) {
	for seed := range uint64(5) {
		random := rand.New(rand.NewPCG(seed, 3))
		h := &Hour{}
		var list []ended
		var now time.Duration
		for range 400 {
			now += time.Duration(random.Int64N(int64(40 * time.Second)))
			e := ended{
				at: now, took: time.Duration(random.Int64N(int64(time.Minute))), outcome: exchange.Outcome(random.IntN(int(exchange.Outcomes))),
				cache: exchange.CacheResult(random.IntN(int(exchange.CacheResults))), use: exchange.Use{Tokens: random.Int64N(100)},
			}
			e.add(h)
			list = append(list, e)
		}
		want := map[time.Time][4]int64{}
		for _, e := range list {
			minute := hourEpoch.Add(e.at).Truncate(time.Minute)
			n := want[minute]
			n[0]++
			n[1] += e.use.Tokens
			if classOf(&exchange.Exchange{Attempt: exchange.Attempt{Outcome: e.outcome}}) == failed {
				n[2]++
			}
			if e.cache == exchange.CacheHit {
				n[3]++
			}
			want[minute] = n
		}
		minutes := h.Look(hourEpoch.UnixNano(), hourEpoch.Add(now).UnixNano())
		for _, m := range minutes {
			if got := [4]int64{m.Requests, m.Tokens, m.Failed, m.Hits}; got != want[m.At] {
				t.Errorf("seed %d, %s: %v, want %v", seed, m.At, got, want[m.At])
			}
		}
		if len(minutes) != hourMinutes {
			t.Errorf("%d minutes", len(minutes))
		}
	}
}

func TestAnHourLosesNothingWhenManyCount(t *testing.T) {
	h := &Hour{}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for n := range 1000 {
				ended{at: time.Duration(n/250) * time.Minute, use: exchange.Use{Tokens: 1}}.add(h)
				if n%100 == 0 {
					h.Look(0, hourEpoch.UnixNano())
				}
			}
		})
	}
	wait.Wait()
	for _, m := range h.Look(hourEpoch.UnixNano(), hourEpoch.Add(3*time.Minute).UnixNano()) {
		if m.Requests != 2000 || m.Tokens != 2000 {
			t.Errorf("%s: %d requests, %d tokens", m.At, m.Requests, m.Tokens)
		}
	}
}

func BenchmarkHour(b *testing.B) {
	h := &Hour{}
	ex := exchange.Exchange{Start: hourEpoch.Add(-800 * time.Millisecond)}
	ex.FirstToken = ex.Start.Add(200 * time.Millisecond)
	use := exchange.Use{Tokens: 500, Cost: config.Dollar / 1000}
	now := hourEpoch.UnixNano()
	b.ReportAllocs()
	for b.Loop() {
		h.Add(now, hourEpoch, &ex, use)
		now += int64(time.Millisecond)
	}
}
