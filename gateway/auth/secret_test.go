// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestTheLifeOfAKey(t *testing.T) {
	at := now.UnixMilli()
	expires := config.Key{NotAfter: at + 1000}
	rotated := config.Key{Previous: &config.PreviousSecret{Digest: config.DigestKey("old"), NotAfter: at + 1000}}
	both := config.Key{NotAfter: at + 500, Previous: rotated.Previous}
	off := config.Key{Disabled: true, NotAfter: at - 1, Previous: rotated.Previous}
	tests := map[string]struct {
		key     config.Key
		show    string // "new" where empty
		after   time.Duration
		want    exchange.Reason
		wantMsg string
	}{
		"a key for ever":                              {after: 1e6 * time.Hour},
		"a key before it expires":                     {key: expires, after: 999 * time.Millisecond},
		"a key when it expires":                       {key: expires, after: time.Second, want: exchange.ReasonKeyExpired, wantMsg: "has expired"},
		"a key long after":                            {key: expires, after: time.Hour, want: exchange.ReasonKeyExpired},
		"the new secret in the overlap":               {key: rotated},
		"the old secret in the overlap":               {key: rotated, show: "old", after: 999 * time.Millisecond},
		"the old secret after it":                     {key: rotated, show: "old", after: time.Second, want: exchange.ReasonKeyExpired, wantMsg: "replaced"},
		"the new secret after it":                     {key: rotated, after: time.Hour},
		"the old secret of a key that expired":        {key: both, show: "old", after: 500 * time.Millisecond, want: exchange.ReasonKeyExpired, wantMsg: "has expired"},
		"the old secret of a key that does not yet":   {key: both, show: "old", after: 499 * time.Millisecond},
		"a disabled key, which may have expired too":  {key: off, want: exchange.ReasonKeyDisabled},
		"the old secret of a disabled key":            {key: off, show: "old", want: exchange.ReasonKeyDisabled},
		"what was never a secret of a disabled key":   {key: off, show: "older", want: exchange.ReasonInvalidKey},
		"the old secret of a key without a rotation":  {show: "old", want: exchange.ReasonInvalidKey},
		"a secret of another key does not open this":  {key: expires, show: "another", after: time.Hour},
		"a key that expired before the clock started": {key: config.Key{NotAfter: 1}, want: exchange.ReasonKeyExpired},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tc.key.ID, tc.key.Digest = "ns/k", config.DigestKey("new")
			other := config.Key{ID: "ns/other", Digest: config.DigestKey("another")}
			show := "new"
			if tc.show != "" {
				show = tc.show
			}
			p, err := NewTable([]config.Key{other, tc.key}, nil).Lookup([]byte(show), now.Add(tc.after))
			if tc.want != "" {
				if err == nil || err.Reason != tc.want || err.Status != 401 || !strings.Contains(err.Message, tc.wantMsg) {
					t.Fatalf("got %+v and %v, want %s", p, err, tc.want)
				}
				return
			}
			wantID := map[bool]string{true: "ns/other", false: "ns/k"}[show == "another"]
			if err != nil || p.ID != wantID {
				t.Errorf("got %+v and %v", p, err)
			}
		})
	}
}

func TestThePrincipalOfAKey(t *testing.T) {
	key := config.Key{
		ID: "ns/k", Digest: config.DigestKey("k"), User: "u", Master: true,
		Labels: map[string]string{"team": "search", "tier": "gold"}, Allow: &config.Allow{Models: []string{"m*"}},
	}
	got, err := NewTable([]config.Key{{ID: "ns/first"}, key}, nil).Lookup([]byte("k"), now)
	want := &exchange.Principal{
		ID: "ns/k", User: "u", Team: "search", Master: true, Allow: &exchange.Allowed{Models: []string{"m*"}}, Index: 1,
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// A mistyped key is told from an unknown one, and not looked up even where it is a key.
func TestAGeneratedKeyWithAWrongChecksum(t *testing.T) {
	good, other := config.NewAPIKey(rand.Reader), config.NewAPIKey(rand.Reader)
	bad := good[:54] + string("01"[map[bool]int{true: 1}[good[54] == '0']])
	brought := "spark-" + strings.Repeat("my-own-", 7)
	short := "spark-" + strings.Repeat("a", 48)
	keys := table(good, bad, brought, short)
	for _, tc := range []struct{ name, show, wantMsg string }{
		{"a good one", good, ""},
		{"one with a typing error", bad, "checksum"},
		{"a good one of another gateway", other, "not valid for this gateway"},
		{"one that was brought and only begins alike", brought, ""},
		{"one that was brought and is shorter", short, ""},
	} {
		p, err := keys.Lookup([]byte(tc.show), now)
		if tc.wantMsg == "" {
			if err != nil || p.ID != "ns/"+tc.show {
				t.Errorf("%s: %+v, %v", tc.name, p, err)
			}
		} else if err == nil || err.Reason != exchange.ReasonInvalidKey || !strings.Contains(err.Message, tc.wantMsg) {
			t.Errorf("%s: %+v, %+v", tc.name, p, err)
		}
	}
}

func manyKeys(n int) []config.Key {
	keys := make([]config.Key, n)
	shared := &config.Allow{Models: []string{"gpt-4*"}, Endpoints: []config.Endpoint{config.EndpointChat}}
	for i := range keys {
		keys[i] = config.Key{ID: fmt.Sprintf("team-%d/key-%d", i%100, i), Digest: config.DigestKey(strconv.Itoa(i)), User: "u"}
		if i%2 == 0 {
			copied := *shared
			keys[i].Allow = &copied
		}
		if i%10 == 0 {
			keys[i].Previous = &config.PreviousSecret{Digest: config.DigestKey("old " + strconv.Itoa(i)), NotAfter: 1 << 60}
		}
	}
	return keys
}

func TestEachOfManyKeysIsFoundAndNoOther(t *testing.T) {
	keys := manyKeys(5000)
	table := NewTable(keys, nil)
	found := 0
	for i := range keys {
		for _, show := range []string{strconv.Itoa(i), "old " + strconv.Itoa(i)} {
			p, err := table.Lookup([]byte(show), now)
			if strings.HasPrefix(show, "old") && i%10 != 0 {
				if err == nil {
					t.Errorf("%q opens %+v", show, p)
				}
				continue
			}
			if err != nil || p.Index != i || p.ID != keys[i].ID {
				t.Fatalf("%q: %+v, %v", show, p, err)
			}
			found++
		}
	}
	if found != 5500 {
		t.Errorf("found %d", found)
	}
	if a, b := table.principals[0].Allow, table.principals[2].Allow; a == nil || a != b {
		t.Error("what many have alike is held more than once")
	}
}

// A change that leaves secrets alone shares the index, and one that does not is seen.
func TestATableMadeAfterAnother(t *testing.T) {
	keys := manyKeys(100)
	first := NewTable(keys, nil)
	changed := append([]config.Key(nil), keys...)
	changed[7].User, changed[7].Disabled = "another", true
	second := NewTable(changed, first)
	if &second.index.places[0] != &first.index.places[0] {
		t.Error("the index was made again")
	}
	if _, err := second.Lookup([]byte("7"), now); err == nil || err.Reason != exchange.ReasonKeyDisabled {
		t.Errorf("the change was not seen: %v", err)
	}
	if _, err := first.Lookup([]byte("7"), now); err != nil {
		t.Errorf("the change was seen by the table before: %v", err)
	}
	changed = append([]config.Key(nil), keys[1:]...)
	changed[0].Digest = config.DigestKey("new")
	third := NewTable(changed, second)
	for show, want := range map[string]int{"new": 0, "2": 1, "0": -1, "1": -1} {
		p, err := third.Lookup([]byte(show), now)
		if (err == nil) != (want >= 0) || err == nil && p.Index != want {
			t.Errorf("%q: %+v, %v", show, p, err)
		}
	}
}

// Were two keys to have one secret, which validation refuses, the first would have it, and a key's own before a replaced one.
func TestOneSecretOfSeveralKeys(t *testing.T) {
	keys := []config.Key{
		{ID: "a", Digest: config.DigestKey("a"), Previous: &config.PreviousSecret{Digest: config.DigestKey("x"), NotAfter: 1 << 60}},
		{ID: "b", Digest: config.DigestKey("x")},
		{ID: "c", Digest: config.DigestKey("x")},
	}
	if p, err := NewTable(keys, nil).Lookup([]byte("x"), now); err != nil || p.ID != "b" {
		t.Errorf("%+v, %v", p, err)
	}
}

// What compares secrets is a review's question, and this is its reminder: no line of this package compares keys or
// digests with == or bytes.Equal, but where both sides are of the configuration.
func TestSecretsAreComparedByDigestInConstantTime(t *testing.T) {
	comparison := regexp.MustCompile(`(?i)(key|digest|secret|token)\S* (==|!=) |bytes\.(Equal|Compare)|(==|!=) (key|digest|secret)\b`)
	allowed := map[string]bool{
		"return slices.EqualFunc(a, b, func(x, y secret) bool { return x.digest == y.digest })": true,
		"case s.keyNotAfter != 0 && now >= s.keyNotAfter:":                                      true,
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	compares := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		compares += strings.Count(string(text), "subtle.ConstantTimeCompare")
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			harmless := allowed[line] || strings.Contains(line, "len(") || strings.Contains(line, "subtle.")
			if comparison.MatchString(line) && !harmless {
				t.Errorf("%s: %s", file, line)
			}
		}
	}
	if compares != 1 {
		t.Errorf("%d comparisons in constant time", compares)
	}
}

// What 100,000 keys take: bytes a key beside the document's own, and milliseconds from nothing and after a small change.
func BenchmarkNewTable(b *testing.B) {
	keys := manyKeys(100_000)
	var table *Table
	b.Run("from nothing", func(b *testing.B) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		table = NewTable(keys, nil)
		runtime.GC()
		runtime.ReadMemStats(&after)
		held := float64(after.HeapAlloc-before.HeapAlloc) / float64(len(keys))
		b.ReportAllocs()
		for b.Loop() {
			table = NewTable(keys, nil)
		}
		b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/table")
		b.ReportMetric(held, "bytes/key")
	})
	b.Run("after a change of labels", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			NewTable(keys, table)
		}
		b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/table")
	})
}
