// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package quota

import (
	"fmt"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fields is an answer's header.
type fields map[string]string

func (f fields) get(name []byte) []byte {
	if value, ok := f[string(name)]; ok {
		return []byte(value)
	}
	return nil
}

// openai tells of one of the two dimensions; an empty limit or reset is not told.
func openai(of, limit, remaining, reset string) fields {
	f := fields{"X-Ratelimit-Remaining-" + of: remaining}
	if limit != "" {
		f["X-Ratelimit-Limit-"+of] = limit
	}
	if reset != "" {
		f["X-Ratelimit-Reset-"+of] = reset
	}
	return f
}

func claude(of, limit, remaining string, reset time.Time) fields {
	prefix := "Anthropic-Ratelimit-" + of
	return fields{prefix + "-Limit": limit, prefix + "-Remaining": remaining, prefix + "-Reset": reset.Format(time.RFC3339)}
}

func TestLearn(t *testing.T) {
	tests := map[string]struct {
		header fields
		tokens int64
		want   time.Duration // until a request passes; 0 for at once
	}{
		"nothing told":    {fields{}, 1, 0},
		"requests remain": {openai("Requests", "60", "1", "1s"), 1, 0},
		"a request is back after its part of the reset":      {openai("Requests", "60", "0", "1s"), 1, 16666667},
		"a reset in minutes and seconds":                     {openai("Requests", "1", "0", "6m0s"), 1, 6 * time.Minute},
		"a reset in milliseconds":                            {openai("Requests", "1", "0", "120ms"), 1, 120 * time.Millisecond},
		"a reset in seconds without a unit":                  {openai("Requests", "", "0", "55"), 1, 55 * time.Second},
		"a reset in decimal seconds":                         {openai("Requests", "", "0", "7.66"), 1, 7660 * time.Millisecond},
		"a reset in an hour":                                 {openai("Requests", "", "0", "1h0m0s"), 1, time.Hour},
		"a reset in more than an hour is ignored":            {openai("Requests", "", "0", "1h0m0.001s"), 1, 0},
		"a reset as seconds since 1970 is ignored":           {openai("Requests", "", "0", "1772366400"), 1, 0},
		"no reset is ignored":                                {openai("Requests", "60", "0", ""), 1, 0},
		"a reset that is now is ignored":                     {openai("Requests", "60", "0", "0s"), 1, 0},
		"a reset in the past is ignored":                     {openai("Requests", "60", "0", "-5s"), 1, 0},
		"a reset that is no time is ignored":                 {openai("Requests", "60", "0", "soon"), 1, 0},
		"a number below zero is ignored":                     {openai("Tokens", "-1", "-1", "60"), 1, 0},
		"a number that is none is ignored":                   {openai("Tokens", "9", "many", "60"), 1, 0},
		"a number too long is ignored":                       {openai("Tokens", "9", "0000000000000000000", "60"), 1, 0},
		"tokens remain for the request":                      {openai("Tokens", "1000", "100", "10s"), 100, 0},
		"what is missing of the estimate comes back evenly":  {openai("Tokens", "1000", "100", "9s"), 400, 3 * time.Second},
		"all of the limit waits for the reset":               {openai("Tokens", "1000", "100", "9s"), 1000, 9 * time.Second},
		"an estimate above the limit is not the provider's":  {openai("Tokens", "1000", "0", "10s"), 1001, 0},
		"an estimate above what is told waits for the reset": {openai("Tokens", "", "999", "10s"), 5000, 10 * time.Second},
		"a time of day":                                      {claude("Requests", "50", "0", noon.Add(10*time.Second)), 1, 200 * time.Millisecond},
		"a time of day elsewhere":                            {claude("Requests", "50", "0", noon.Add(10*time.Second).In(time.FixedZone("", 7200))), 1, 200 * time.Millisecond},
		"a time of day in the past is ignored":               {claude("Requests", "50", "0", noon.Add(-time.Second)), 1, 0},
		"a time of day tomorrow is ignored":                  {claude("Requests", "50", "0", noon.AddDate(0, 0, 1)), 1, 0},
		"all tokens":                                         {claude("Tokens", "1000", "100", noon.Add(time.Minute)), 1000, time.Minute},
		"input tokens that remain are enough":                {claude("Input-Tokens", "1000", "1", noon.Add(time.Minute)), 101, 0},
		"no input tokens":                                    {claude("Input-Tokens", "1000", "0", noon.Add(time.Minute)), 1, 60 * time.Millisecond},
		"no output tokens":                                   {claude("Output-Tokens", "1000", "0", noon.Add(time.Minute)), 1, 60 * time.Millisecond},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := New(config.Quota{})
			target, other := p.Target(), p.Target()
			target.learn(start, noon, tc.header.get)
			if got := target.Allows(start, tc.tokens); got != (tc.want == 0) {
				t.Errorf("Allows says %v", got)
			}
			if tc.want > 0 && target.Allows(start+int64(tc.want)-1, tc.tokens) || !target.Allows(start+int64(tc.want), tc.tokens) {
				t.Error("the wait is not exactly long enough")
			}
			_, wait, ok := target.Take(start, tc.tokens, nil)
			if ok != (tc.want == 0) || wait != tc.want {
				t.Errorf("granted %v, wait %s, want %s", ok, wait, tc.want)
			}
			if _, _, ok := other.Take(start, tc.tokens, nil); !ok {
				t.Error("another model is refused")
			}
		})
	}
}

func TestDurationsAreReadAsGoReadsThem(t *testing.T) {
	for _, text := range []string{
		"1s", "6m0s", "120ms", "59.925s", "1h", "59m59.999999999s", "1.5m", "0.25h", "17us", "1.5µs", "3ns", "0s", "00012s", "1m1m",
	} {
		want, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := parseDuration([]byte(text)); !ok || got != want {
			t.Errorf("%s: %s, %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"-1s", "+1s", "s", ".", "1.2.3", "1 s", "1d", "1e3", "61m", "2h", "5\x00", "1s ", "9999999999999999999s"} {
		if got, ok := parseDuration([]byte(text)); ok {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

func TestTheLongestResetCounts(t *testing.T) {
	target := New(config.Quota{}).Target()
	header := openai("Requests", "1", "0", "1s")
	for name, value := range openai("Tokens", "1000", "999", "5s") {
		header[name] = value
	}
	target.learn(start, noon, header.get)
	if _, wait, ok := target.Take(start, 1000, nil); ok || wait != 5*time.Second {
		t.Errorf("granted %v, wait %s", ok, wait)
	}
}

func TestAnswersOutOfOrder(t *testing.T) {
	type told struct {
		after            time.Duration
		remaining, reset string
	}
	tests := map[string]struct {
		told []told
		want int // how many requests pass at the last time
	}{
		"one word":                               {[]told{{0, "5", "10s"}}, 5},
		"a newer word with less":                 {[]told{{0, "5", "10s"}, {0, "3", "10s"}}, 3},
		"an older word with more":                {[]told{{0, "3", "10s"}, {0, "5", "10s"}}, 3},
		"an older word with more, rounded":       {[]told{{0, "3", "10s"}, {900 * time.Millisecond, "5", "10s"}}, 3},
		"a newer word with less, rounded":        {[]told{{0, "3", "10s"}, {900 * time.Millisecond, "2", "10s"}}, 2},
		"a reset that moved on":                  {[]told{{0, "3", "10s"}, {2 * time.Second, "5", "10s"}}, 5},
		"a reset that moves on little by little": {[]told{{0, "3", "10s"}, {700 * time.Millisecond, "2", "10s"}, {700 * time.Millisecond, "5", "10s"}}, 5},
		"a word of the period before":            {[]told{{0, "5", "60s"}, {0, "0", "1s"}}, 5},
		"a word after the reset":                 {[]told{{0, "0", "10s"}, {10 * time.Second, "7", "60s"}}, 7},
		"a word soon after a short reset":        {[]told{{0, "0", "500ms"}, {500 * time.Millisecond, "7", "400ms"}}, 7},
		"a word that is over as it comes":        {[]told{{0, "3", "10s"}, {9500 * time.Millisecond, "0", "0s"}}, 3},
		"a later word that is nonsense":          {[]told{{0, "3", "10s"}, {0, "1", "never"}}, 3},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			target, now := New(config.Quota{}).Target(), start
			for _, w := range tc.told {
				now += int64(w.after)
				target.learn(now, noon, openai("Requests", "", w.remaining, w.reset).get)
			}
			got := 0
			for _, _, ok := target.Take(now, 1, nil); ok && got < 100; _, _, ok = target.Take(now, 1, nil) {
				got++
			}
			if got != tc.want {
				t.Errorf("%d requests passed, want %d", got, tc.want)
			}
		})
	}
}

func TestWhatIsTakenCountsUntilTheNextWord(t *testing.T) {
	target := New(config.Quota{}).Target()
	target.learn(start, noon, openai("Tokens", "1000", "1000", "10s").get)
	for i := range 3 {
		if _, _, ok := target.Take(start, 400, nil); ok != (i < 2) {
			t.Fatalf("take %d: %v", i+1, ok)
		}
	}
	target.learn(start, noon, openai("Tokens", "1000", "900", "10s").get)
	if _, _, ok := target.Take(start, 900, nil); !ok {
		t.Error("estimates from before the word still count")
	}
}

func TestAWordIsForgottenAtItsReset(t *testing.T) {
	p := New(config.Quota{})
	target := p.Target()
	for i := range 10 {
		now := start + int64(i)*int64(time.Second)
		target.learn(now, noon, openai("Requests", "", "0", "1s").get)
		if len(p.telling) != 1 {
			t.Fatalf("%d targets are remembered", len(p.telling))
		}
	}
	later := start + int64(time.Minute)
	if _, _, ok := target.Take(later, 1, nil); !ok || target.told.Load() || len(p.telling) != 0 {
		t.Errorf("granted %v, told %v, %d remembered", ok, target.told.Load(), len(p.telling))
	}
}

func TestTargetsThatNobodyUsesAreForgotten(t *testing.T) {
	p := New(config.Quota{})
	for i := range 100 {
		p.Target().learn(start+int64(i)*int64(time.Second), noon, openai("Requests", "", "0", "2s").get)
	}
	if len(p.telling) > 3 {
		t.Errorf("%d targets are remembered", len(p.telling))
	}
}

func clock() int64 { return start }

func TestLearnDoesNotAllocate(t *testing.T) {
	target := New(config.Quota{}).Target()
	values := map[string][]byte{}
	field := func(name []byte) []byte { return values[string(name)] }
	count := func() float64 { return testing.AllocsPerRun(100, func() { target.Learn(clock, time.Now, field) }) }
	if n := count(); n != 0 {
		t.Errorf("%v allocations without the headers", n)
	}
	for _, f := range []fields{openai("Requests", "60", "0", "6m0s"), openai("Tokens", "60", "0", "12"), claude("Tokens", "9", "8", noon.Add(time.Minute))} {
		for name, value := range f {
			values[name] = []byte(value)
		}
	}
	if n := count(); n != 0 {
		t.Errorf("%v allocations with them", n)
	}
}

func BenchmarkLearnNothing(b *testing.B) {
	target := New(config.Quota{}).Target()
	b.ReportAllocs()
	for b.Loop() {
		target.Learn(clock, time.Now, func([]byte) []byte { return nil })
	}
}

func BenchmarkLearn(b *testing.B) {
	target, now := New(config.Quota{}).Target(), start
	remaining, reset := []byte("59"), []byte("6m0s")
	b.ReportAllocs()
	for b.Loop() {
		now++
		target.learn(now, noon, func(name []byte) []byte {
			switch string(name) {
			case "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Remaining-Tokens":
				return remaining
			case "X-Ratelimit-Reset-Requests", "X-Ratelimit-Reset-Tokens":
				return reset
			}
			return nil
		})
	}
}

func FuzzLearn(f *testing.F) {
	f.Add("60", "0", "6m0s")
	f.Add("", "1", "1.5")
	f.Add("0", "0", "2026-03-01T12:00:09Z")
	f.Add("999999999999999999", "999999999999999999", "1h")
	f.Add("-1", "-1", "9223372036854775807")
	f.Add("1", "0", "0001-01-01T00:00:00Z")
	f.Fuzz(func(t *testing.T, limit, remaining, reset string) {
		p := New(config.Quota{})
		target := p.Target()
		header := fields{}
		for _, s := range sources {
			header[string(s.limit)], header[string(s.remaining)], header[string(s.reset)] = limit, remaining, reset
		}
		target.learn(start, noon, header.get)
		for _, n := range []int64{1, 1 << 62} {
			_, wait, ok := target.Take(start, n, nil)
			if wait < 0 || wait > time.Hour || ok != (wait == 0) {
				t.Fatal(fmt.Sprint("granted ", ok, ", wait ", wait))
			}
		}
		if !target.Allows(start+int64(time.Hour), 1<<62) {
			t.Fatal("out for more than an hour")
		}
		if out := p.Sight(start).Out; out != 0 && (out <= start || out > start+int64(time.Hour)) {
			t.Fatal("out until ", out)
		}
	})
}
