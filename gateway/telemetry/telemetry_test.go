// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC)

// full is an exchange with something in every field.
func full() *exchange.Exchange {
	var found exchange.Findings
	found.Add(exchange.FoundPromptInjection, false)
	found.Add(exchange.FoundPII, true)
	found.Add(exchange.FoundDenyPattern, true)
	found.Count(2, 5)
	ex := &exchange.Exchange{
		Start: at.Add(-1500 * time.Millisecond), ClientIP: netip.MustParseAddr("2001:db8::1"),
		Principal: &exchange.Principal{ID: "ns/alice", User: "alice"},
		Method:    []byte("POST"), Path: []byte("/v1/chat/completions"), Model: []byte("smart"), Stream: true,
		Route: "ns/smart", BytesIn: 10, BytesOut: 20,
		Caching: exchange.Caching{
			Result: exchange.CacheHit, Tier: exchange.TierSemantic, Similarity: 0.93756, Saved: exchange.Usage{Total: 40}, SavedCost: 7,
		},
		Findings: found,
		Attempt: exchange.Attempt{
			Provider: "ns/openai", UpstreamModel: "gpt-4o", Target: "gpt", UpstreamStatus: 200, UpstreamID: []byte("req_1"),
			Began: at.Add(-1400 * time.Millisecond), FirstToken: at.Add(-time.Second), Ended: at.Add(-time.Millisecond),
			Status: 200, Outcome: exchange.ProviderBroken, Reason: exchange.ReasonTruncated, Cause: errors.New("unexpected EOF"),
			Usage: exchange.Usage{Prompt: 1, Completion: 2, Total: 3, Cached: 1, Reasoning: 2, Source: exchange.UsageReported},
		},
	}
	copy(ex.ID[:], strings.Repeat("a", exchange.IDLen))
	return ex
}

func TestAppendLine(t *testing.T) {
	least := &exchange.Exchange{
		Start:   at,
		Attempt: exchange.Attempt{Status: 401, Outcome: exchange.Unauthenticated, Reason: exchange.ReasonMissingKey},
	}
	copy(least.ID[:], strings.Repeat("b", exchange.IDLen))
	tests := map[string]struct {
		ex   *exchange.Exchange
		want string
	}{
		"everything": {full(), `{"time":"2026-03-04T05:06:07.089Z","id":"` + strings.Repeat("a", 32) + `","key":"ns/alice","user":"alice",` +
			`"client":"2001:db8::1","method":"POST","path":"/v1/chat/completions","model":"smart","route":"ns/smart","provider":"ns/openai",` +
			`"upstreamModel":"gpt-4o","stream":true,"status":200,"outcome":"provider_broken","reason":"upstream_truncated",` +
			`"upstreamStatus":200,"upstreamId":"req_1","usage":{"source":"reported","prompt":1,"completion":2,"total":3,"cached":1,` +
			`"reasoning":2},"cache":"hit","cacheTier":"semantic","similarity":0.9376,"tokensSaved":40,` +
			`"findings":"prompt_injection, pii, deny_pattern","redacted":"pii, deny_pattern","bytesIn":10,"bytesOut":20,"durationMs":1500.000,"ttftMs":500.000,"error":"unexpected EOF"}` + "\n"},
		"the least": {least, `{"time":"2026-03-04T05:06:07.089Z","id":"` + strings.Repeat("b", 32) + `","status":401,` +
			`"outcome":"unauthenticated","reason":"missing_api_key","bytesIn":0,"bytesOut":0,"durationMs":0.000}` + "\n"},
	}
	protected := func(c exchange.Caching, f exchange.Findings, want string) struct {
		ex   *exchange.Exchange
		want string
	} {
		ex := *least
		ex.Caching, ex.Findings = c, f
		return struct {
			ex   *exchange.Exchange
			want string
		}{&ex, strings.Replace(tests["the least"].want, `,"bytesIn"`, want+`,"bytesIn"`, 1)}
	}
	var found exchange.Findings
	found.Add(exchange.FoundImageLink, false)
	tests["a cache that is passed by"] = protected(exchange.Caching{Result: exchange.CacheBypass, Why: "no-store"}, exchange.Findings{},
		`,"cache":"bypass","cacheWhy":"no-store"`)
	tests["a cache that has nothing"] = protected(exchange.Caching{Result: exchange.CacheMiss}, exchange.Findings{}, `,"cache":"miss"`)
	tests["a hit without tokens"] = protected(exchange.Caching{Result: exchange.CacheHit, Tier: exchange.TierMemory}, exchange.Findings{},
		`,"cache":"hit","cacheTier":"memory"`)
	tests["a finding that stays"] = protected(exchange.Caching{}, found, `,"findings":"image_link"`)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, string(AppendLine(nil, tc.ex, at))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestALineIsOneLineOfJSONWhateverClientsWrite(t *testing.T) {
	for _, s := range []string{
		"a\nb", `"},{"x":"`, `\`, "\x00\x1b[31m", "\xff\xfe", "é😀", strings.Repeat("x", 5000), strings.Repeat("é", 5000), "\x7f",
	} {
		ex := full()
		ex.Path, ex.Model, ex.Method, ex.UpstreamID = []byte(s), []byte(s), []byte(s), []byte(s)
		line := AppendLine(nil, ex, at)
		var got struct{ Path, Model string }
		if err := json.Unmarshal(line, &got); err != nil || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("%q: %v in %q", s, err, line)
		}
		if len(line) > 8000 {
			t.Errorf("a line of %d bytes", len(line))
		}
		if want := strings.ToValidUTF8(s[:min(len(s), maxText)], "\ufffd"); len(s) < 10 && got.Path != want && got.Path != string([]rune(s)) {
			t.Errorf("%q came out as %q", s, got.Path)
		}
	}
}

func FuzzAppendLine(f *testing.F) {
	f.Add([]byte("a\n\"\\\xff"), int64(5))
	f.Fuzz(func(t *testing.T, text []byte, us int64) {
		ex := full()
		ex.Path, ex.Model = text, text
		if line := AppendLine(nil, ex, ex.Start.Add(time.Duration(us)*time.Microsecond)); !json.Valid(line) {
			t.Errorf("%q", line)
		}
	})
}

func TestAppendLineDoesNotAllocate(t *testing.T) {
	ex, buf := full(), make([]byte, 0, 4096)
	ex.Cause = nil
	if n := testing.AllocsPerRun(100, func() { buf = AppendLine(buf[:0], ex, at) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// sink is a writer that can be slow.
type sink struct {
	mu     sync.Mutex
	writes []string
	block  chan struct{}
}

func (s *sink) Write(b []byte) (int, error) {
	if s.block != nil {
		<-s.block
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, string(b))
	return len(b), nil
}

func (s *sink) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

func noDrops(t *testing.T) func() { return func() { t.Error("a line was dropped") } }

func TestLinesAreWrittenTogetherAfterAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		l := NewLineWriter(out, noDrops(t))
		l.Line([]byte("a\n"))
		time.Sleep(FlushEvery / 2)
		l.Line([]byte("b\n"))
		synctest.Wait()
		if got := out.all(); got != nil {
			t.Errorf("written early: %q", got)
		}
		time.Sleep(FlushEvery / 2)
		synctest.Wait()
		if diff := cmp.Diff([]string{"a\nb\n"}, out.all()); diff != "" {
			t.Error(diff)
		}
		l.Line([]byte("c\n"))
		time.Sleep(FlushEvery)
		synctest.Wait()
		if diff := cmp.Diff([]string{"a\nb\n", "c\n"}, out.all()); diff != "" {
			t.Error(diff)
		}
		l.Close()
	})
}

func TestManyLinesAreWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		l := NewLineWriter(out, noDrops(t))
		line := []byte(strings.Repeat("x", 1023) + "\n")
		for range flushAt / len(line) {
			l.Line(line)
		}
		synctest.Wait()
		if got := out.all(); len(got) != 1 || len(got[0]) != flushAt {
			t.Errorf("%d writes before the moment was over", len(got))
		}
		l.Close()
	})
}

func TestCloseWritesWhatIsPendingAndDropsWhatComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, dropped := &sink{}, 0
		l := NewLineWriter(out, func() { dropped++ })
		l.Line([]byte("a\n"))
		l.Close()
		l.Line([]byte("b\n"))
		time.Sleep(time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"a\n"}, out.all()); diff != "" || dropped != 1 {
			t.Errorf("dropped %d, %s", dropped, diff)
		}
	})
}

func TestASlowWriterCostsLinesAndNeverARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, dropped := &sink{block: make(chan struct{})}, 0
		l := NewLineWriter(out, func() { dropped++ })
		line := []byte(strings.Repeat("x", 1023) + "\n")
		l.Line(line)
		time.Sleep(FlushEvery)
		synctest.Wait() // the writer hangs now
		for range 2 * maxPending / len(line) {
			l.Line(line)
		}
		if want := maxPending / len(line); dropped != want {
			t.Errorf("%d dropped, want %d", dropped, want)
		}
		close(out.block)
		l.Close()
		total := 0
		for _, w := range out.all() {
			total += len(w)
		}
		if total != maxPending+len(line) {
			t.Errorf("%d bytes written", total)
		}
	})
}

// disk is a writer that takes so many bytes and then errs, as one that is full does.
type disk int

func (d disk) Write(b []byte) (int, error) { return min(int(d), len(b)), io.ErrShortWrite }

func TestLinesThatCannotBeWrittenAreCounted(t *testing.T) {
	for name, test := range map[string]struct{ takes, want int }{
		"nothing is written":       {0, 3},
		"a line and a half":        {3, 2},
		"a line to its very end":   {2, 2},
		"all but the last newline": {5, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dropped := 0
				l := NewLineWriter(disk(test.takes), func() { dropped++ })
				for range 3 {
					l.Line([]byte("x\n"))
				}
				l.Close()
				if dropped != test.want {
					t.Errorf("%d lines were counted, want %d", dropped, test.want)
				}
			})
		})
	}
}

func TestBatchesKeepTheirOrder(t *testing.T) {
	var out bytes.Buffer
	l := NewLineWriter(&out, noDrops(t))
	for i := range 1000 {
		l.Line([]byte{byte('a' + i%26), '\n'})
		if i%100 == 0 {
			go l.Flush()
		}
	}
	l.Close()
	for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if line != string(rune('a'+i%26)) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
}

func TestIDsAreDistinctAndHexadecimal(t *testing.T) {
	seen := map[[exchange.IDLen]byte]bool{}
	for range 1000 {
		var id [exchange.IDLen]byte
		NewID(&id)
		if seen[id] || strings.Trim(string(id[:]), "0123456789abcdef") != "" {
			t.Fatalf("%q", id)
		}
		seen[id] = true
	}
}
