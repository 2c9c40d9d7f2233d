// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var began = time.Date(2026, 3, 1, 23, 59, 59, 120e6, time.UTC)

// example has a value in each field.
func example() Record {
	return Record{
		ID: "0123456789abcdef0123456789abcdef", Time: began, Key: "team/alice", Principal: "key/team/alice", User: "alice",
		Team: "search", Policies: []string{"team/all", "team/search"}, Route: "team/smart", Provider: "team/openai", Model: "smart",
		UpstreamModel: "gpt-4o", Operation: "chat", Dialect: "anthropic", Stream: true, TokensIn: 1200, TokensOut: 34, TokensCached: 1000,
		TokensCacheWrite: 100, TokensReasoning: 12, Cost: 4_215_000, Priced: true, Source: "reported", Outcome: "provider_failed",
		Reason: "upstream_reset", Status: 502, Attempts: 2, LatencyMs: 881, FirstTokenMs: 95, Cache: "miss", TokensSaved: 55,
		CostSaved: 1_500_000, Findings: "prompt_injection, pii",
		Shadowed: "policy team/search budget", BytesIn: 4096, BytesOut: 512,
	}
}

const exampleLine = `{"id":"0123456789abcdef0123456789abcdef","time":"2026-03-01T23:59:59.120Z","key":"team/alice",` +
	`"principal":"key/team/alice","user":"alice","team":"search","policies":["team/all","team/search"],"route":"team/smart",` +
	`"provider":"team/openai","model":"smart","upstreamModel":"gpt-4o","operation":"chat","dialect":"anthropic","stream":true,` +
	`"tokensIn":1200,"tokensOut":34,"tokensCached":1000,"tokensCacheWrite":100,"tokensReasoning":12,"cost":"0.004215",` +
	`"priced":true,"source":"reported","outcome":"provider_failed","reason":"upstream_reset","status":502,"attempts":2,` +
	`"latencyMs":881,"firstTokenMs":95,"cache":"miss","tokensSaved":55,"costSaved":"0.0015","findings":"prompt_injection, pii",` +
	`"shadowed":"policy team/search budget","bytesIn":4096,"bytesOut":512}` + "\n"

func TestAppendJSON(t *testing.T) {
	full := example()
	for name, tt := range map[string]struct {
		record Record
		want   string
	}{
		"each field":                    {full, exampleLine},
		"texts that say nothing":        {Record{ID: "a", Time: began}, `{"id":"a","time":"2026-03-01T23:59:59.120Z","stream":false,"tokensIn":0,"tokensOut":0,"tokensCached":0,"tokensCacheWrite":0,"tokensReasoning":0,"cost":"0.00","priced":false,"status":0,"attempts":0,"latencyMs":0,"firstTokenMs":0,"tokensSaved":0,"costSaved":"0.00","bytesIn":0,"bytesOut":0}` + "\n"},
		"another zone, finer than ms":   {Record{Time: began.Add(999 * time.Microsecond).In(time.FixedZone("", 3600))}, strings.Replace(`{"id":"","time":"2026-03-01T23:59:59.120Z",…`, "…", `"stream":false,"tokensIn":0,"tokensOut":0,"tokensCached":0,"tokensCacheWrite":0,"tokensReasoning":0,"cost":"0.00","priced":false,"status":0,"attempts":0,"latencyMs":0,"firstTokenMs":0,"tokensSaved":0,"costSaved":"0.00","bytesIn":0,"bytesOut":0}`, 1) + "\n"},
		"what a terminal might obey":    {Record{User: "\x1b[2J\u009b\u2028\"\\"}, `{"id":"","time":"0001-01-01T00:00:00.000Z","user":"\u001b[2J\u009b\u2028\"\\","stream":false,"tokensIn":0,"tokensOut":0,"tokensCached":0,"tokensCacheWrite":0,"tokensReasoning":0,"cost":"0.00","priced":false,"status":0,"attempts":0,"latencyMs":0,"firstTokenMs":0,"tokensSaved":0,"costSaved":"0.00","bytesIn":0,"bytesOut":0}` + "\n"},
		"a long name between its runes": {Record{Model: strings.Repeat("a", MaxText-1) + "é…"}, `{"id":"","time":"0001-01-01T00:00:00.000Z","model":"` + strings.Repeat("a", MaxText-1) + `","stream":false,"tokensIn":0,"tokensOut":0,"tokensCached":0,"tokensCacheWrite":0,"tokensReasoning":0,"cost":"0.00","priced":false,"status":0,"attempts":0,"latencyMs":0,"firstTokenMs":0,"tokensSaved":0,"costSaved":"0.00","bytesIn":0,"bytesOut":0}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, string(AppendJSON(nil, &tt.record))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The fields' order and names are those of the structure, so that the standard library agrees with what is written by hand.
func TestTheStandardLibraryWritesTheSame(t *testing.T) {
	full := example()
	got, err := json.Marshal(&full)
	if err != nil {
		t.Fatal(err)
	}
	// It writes times with as many decimals as needed.
	want := strings.Replace(strings.TrimSuffix(exampleLine, "\n"), ".120Z", ".12Z", 1)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	v := reflect.ValueOf(full)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the example has no %s, which is not tested then", v.Type().Field(i).Name)
		}
	}
	columns := strings.Split(strings.TrimSpace(CSVHeader), ",")
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if i >= len(columns) || columns[i] != name {
			t.Errorf("column %d is not %s", i, name)
		}
	}
}

func TestAnyRecordIsALineAndARow(t *testing.T) {
	largest := Record{Cost: math.MinInt64, TokensIn: math.MinInt64, Time: began}
	v := reflect.ValueOf(&largest).Elem()
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.String {
			v.Field(i).SetString(strings.Repeat("\x01", 10*MaxText))
		}
	}
	for range 10 * MaxPolicies {
		largest.Policies = append(largest.Policies, strings.Repeat("\x01", 10*MaxText))
	}
	line := AppendJSON(nil, &largest)
	if len(line) > MaxLine {
		t.Errorf("%d bytes, of at most %d", len(line), MaxLine)
	}
	got, err := Parse(line)
	if err != nil || len(got.Policies) != MaxPolicies || got.Cost != math.MinInt64 {
		t.Error(err, len(got.Policies), got.Cost)
	}
}

// settled is a record as it comes back: bounded, valid, in milliseconds.
func settled(r Record) Record {
	text := func(s *string) {
		*s = strings.ToValidUTF8(strings.Map(func(r rune) rune { return r }, bounded(*s)), "\ufffd")
	}
	for _, s := range []*string{
		&r.ID, &r.Key, &r.Principal, &r.User, &r.Team, &r.Route, &r.Provider, &r.Model, &r.UpstreamModel, &r.Operation, &r.Dialect,
		&r.Source, &r.Outcome, &r.Reason, &r.Cache, &r.Findings, &r.Shadowed,
	} {
		text(s)
	}
	for i := range r.Policies {
		text(&r.Policies[i])
	}
	r.Time = r.Time.UTC().Truncate(time.Millisecond)
	return r
}

func FuzzRecord(f *testing.F) {
	f.Add("smart", "alice", "team/a", int64(1), int64(-5), int64(1772409599120), true)
	f.Add("\xff\"\\\n,=1+1", "'@SUM(A1)\r", "\u2028\x7f", int64(math.MaxInt64), int64(math.MinInt64), int64(0), false)
	f.Add(`","time":"1999-01-01T00:00:00.000Z`, `,"latencyMs":5,`, strings.Repeat("\xe4\xb8\xad", 200), int64(7), int64(8), int64(9), true)
	f.Fuzz(func(t *testing.T, model, user, policy string, tokens, cost, at int64, stream bool) {
		at = max(min(at, 253402300799999), 0)
		r := Record{
			ID: "0123456789abcdef0123456789abcdef", Time: time.UnixMilli(at).UTC(), Principal: "key/" + user, User: user, Policies: []string{policy, "b"},
			Model: model, UpstreamModel: policy, Stream: stream, TokensIn: tokens, Cost: Dollars(cost), LatencyMs: tokens % 1e6,
		}
		line := AppendJSON([]byte("before"), &r)
		line = line[len("before"):]
		if !utf8.Valid(line) || !json.Valid(line) || strings.Count(string(line), "\n") != 1 {
			t.Fatalf("no line of JSON: %q", line)
		}
		got, err := Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(settled(r), got); diff != "" {
			t.Fatal(diff)
		}
		line = line[:len(line)-1]
		if ended, ok := Ended(line); !ok || !ended.Equal(got.Ended()) {
			t.Fatalf("%v, %t, want %v", ended, ok, got.Ended())
		}
		for _, other := range []string{user, model, policy, "x"} {
			if want := settled(Record{User: other}).User == got.User && other != ""; user != "" && ByUser(other).Match(line) != want {
				t.Fatalf("user %q, asked for %q: want %t", user, other, want)
			}
		}
		rows, err := csv.NewReader(strings.NewReader(CSVHeader + string(AppendCSV(nil, &r)))).ReadAll()
		if err != nil || len(rows) != 2 || len(rows[0]) != len(rows[1]) {
			t.Fatal(err, rows)
		}
		for i, cell := range rows[1] {
			if _, err := strconv.ParseFloat(cell, 64); err != nil && cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Fatalf("column %s is a formula: %q", rows[0][i], cell)
			}
		}
	})
}

func TestAppendCSV(t *testing.T) {
	full := example()
	const row = "0123456789abcdef0123456789abcdef,2026-03-01T23:59:59.120Z,team/alice,key/team/alice,alice,search,team/all team/search," +
		"team/smart,team/openai,smart,gpt-4o,chat,anthropic,true,1200,34,1000,100,12,0.004215,true,reported,provider_failed," +
		"upstream_reset,502,2,881,95,miss,55,0.0015,\"prompt_injection, pii\",policy team/search budget,4096,512\r\n"
	if diff := cmp.Diff(row, string(AppendCSV(nil, &full))); diff != "" {
		t.Error(diff)
	}
	for name, tt := range map[string]struct{ value, want string }{
		"plain":                        {"gpt-4o", "gpt-4o"},
		"a comma":                      {"a,b", `"a,b"`},
		"a quotation mark":             {`a"b`, `"a""b"`},
		"an end of line":               {"a\r\nb", "\"a\r\nb\""},
		"a formula":                    {"=1+1", `"'=1+1"`},
		"a sum":                        {"+1", `"'+1"`},
		"a difference":                 {"-1", `"'-1"`},
		"a function of old":            {"@SUM(A1)", `"'@SUM(A1)"`},
		"a tab before a formula":       {"\t=1", "\"'\t=1\""},
		"an end of line before it":     {"\r=1", "\"'\r=1\""},
		"a formula with quotes":        {`="a"`, `"'=""a"""`},
		"a sign that is not the first": {"a=1", "a=1"},
	} {
		if got := string(appendCell(nil, tt.value)); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestDollars(t *testing.T) {
	for text, want := range map[string]Dollars{
		"0.00": 0, "0.000000001": 1, "1.00": Dollars(config.Dollar), "-1.50": -1_500_000_000, "9223372036.854775807": math.MaxInt64,
	} {
		var got Dollars
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want || want.String() != text || config.Money(want).String() != text {
			t.Errorf("%s: %d, %v; %s; %s", text, got, err, want, config.Money(want))
		}
	}
	for _, text := range []string{"", "-", ".", "1.", ".5", "1..2", "1,5", "+1", "0.0000000001", "9223372036.854775808", "99999999999", "1e3"} {
		var got Dollars
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %s", text, got)
		}
	}
}

func TestOf(t *testing.T) {
	attempt := func(began time.Duration, u exchange.Usage, cost config.Money, priced bool) exchange.Attempt {
		return exchange.Attempt{Began: time.Unix(0, 0).Add(began), Usage: u, Cost: cost, Priced: priced}
	}
	reported := exchange.Usage{Prompt: 10, Completion: 5, Cached: 4, CacheWritten: 3, Reasoning: 2, Source: exchange.UsageReported}
	estimated := exchange.Usage{Prompt: 1, Completion: 1, Source: exchange.UsageEstimated}
	kept := exchange.Caching{Result: exchange.CacheHit, Tier: exchange.TierMemory, Saved: exchange.Usage{Prompt: 10, Completion: 5, Total: 15}, SavedCost: 7}
	meant := kept
	meant.Tier = exchange.TierSemantic
	var found exchange.Findings
	found.Add(exchange.FoundPII, true)
	found.Add(exchange.FoundImageLink, false)
	key := &exchange.Principal{Kind: exchange.ByKey, ID: "team/a", User: "u", Team: "t"}
	for name, tt := range map[string]struct {
		ex   exchange.Exchange
		want Record
	}{
		"refused before anybody was known": {
			exchange.Exchange{Attempt: exchange.Attempt{Status: 401, Outcome: exchange.Unauthenticated, Reason: exchange.ReasonMissingKey}},
			Record{Priced: true, Status: 401, Outcome: "unauthenticated", Reason: "missing_api_key"},
		},
		"one attempt, by a token": {
			exchange.Exchange{Principal: &exchange.Principal{Kind: exchange.ByToken, ID: "d"}, Attempt: attempt(1, reported, 7, true)},
			Record{Principal: "token/d", TokensIn: 10, TokensOut: 5, TokensCached: 4, TokensCacheWrite: 3, TokensReasoning: 2, Cost: 7, Priced: true, Source: "reported", Outcome: "ok", Attempts: 1},
		},
		"all attempts count, and the least certain says how": {
			exchange.Exchange{Principal: key, Attempt: attempt(2, reported, 7, true), Tried: []exchange.Attempt{attempt(1, estimated, 1, true), attempt(1, exchange.Usage{}, 0, true)}},
			Record{Key: "team/a", Principal: "key/team/a", User: "u", Team: "t", TokensIn: 11, TokensOut: 6, TokensCached: 4, TokensCacheWrite: 3, TokensReasoning: 2, Cost: 8, Priced: true, Source: "estimated", Outcome: "ok", Attempts: 3},
		},
		"an answer from the cache, for nothing": {
			exchange.Exchange{Principal: key, Caching: kept},
			Record{Key: "team/a", Principal: "key/team/a", User: "u", Team: "t", Priced: true, Outcome: "ok", Cache: "hit", TokensSaved: 15, CostSaved: 7},
		},
		"an answer from the cache that is charged went to no provider": {
			exchange.Exchange{Principal: key, Caching: kept, Attempt: exchange.Attempt{Usage: reported, Cost: 7, Priced: true}},
			Record{Key: "team/a", Principal: "key/team/a", User: "u", Team: "t", TokensIn: 10, TokensOut: 5, TokensCached: 4, TokensCacheWrite: 3, TokensReasoning: 2, Cost: 7, Priced: true, Source: "reported", Outcome: "ok", Cache: "hit", TokensSaved: 15, CostSaved: 7},
		},
		"one that is charged and has no price": {
			exchange.Exchange{Caching: kept, Attempt: exchange.Attempt{Usage: reported}},
			Record{TokensIn: 10, TokensOut: 5, TokensCached: 4, TokensCacheWrite: 3, TokensReasoning: 2, Source: "reported", Outcome: "ok", Cache: "hit", TokensSaved: 15, CostSaved: 7},
		},
		"an answer that means the same costs its question's vector": {
			exchange.Exchange{Caching: meant, Tried: []exchange.Attempt{attempt(1, estimated, 1, true)}},
			Record{TokensIn: 1, TokensOut: 1, Cost: 1, Priced: true, Source: "estimated", Outcome: "ok", Attempts: 1, Cache: "hit", TokensSaved: 15, CostSaved: 7},
		},
		"refused for what the sanitizer found": {
			exchange.Exchange{Findings: found, Caching: exchange.Caching{Result: exchange.CacheBypass}, Attempt: exchange.Attempt{Status: 400, Outcome: exchange.Blocked}},
			Record{Priced: true, Status: 400, Outcome: "blocked", Cache: "bypass", Findings: "pii, image_link"},
		},
		"one without a price": {
			exchange.Exchange{Attempt: attempt(2, reported, 7, true), Tried: []exchange.Attempt{attempt(1, estimated, 0, false)}},
			Record{TokensIn: 11, TokensOut: 6, TokensCached: 4, TokensCacheWrite: 3, TokensReasoning: 2, Cost: 7, Source: "estimated", Outcome: "ok", Attempts: 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.ex.Start = time.Unix(0, 0)
			copy(tt.ex.ID[:], "0123456789abcdef0123456789abcdef")
			tt.want.ID, tt.want.Time, tt.want.LatencyMs = "0123456789abcdef0123456789abcdef", tt.ex.Start, 1500
			if diff := cmp.Diff(tt.want, Of(&tt.ex, tt.ex.Start.Add(1500*time.Millisecond))); diff != "" {
				t.Error(diff)
			}
		})
	}
	ex := exchange.Exchange{Start: time.Unix(5, 0), Attempt: exchange.Attempt{FirstToken: time.Unix(5, 100)}}
	if got := Of(&ex, time.Unix(4, 0)); got.FirstTokenMs != 1 || got.LatencyMs != 0 {
		t.Errorf("first token %d, latency %d", got.FirstTokenMs, got.LatencyMs)
	}
}

func TestEndedOfWhatIsNoLine(t *testing.T) {
	for _, line := range []string{
		"", "{", "{}", `{"id":"a"}`, `{"id":"a","time":"2026`, `{"id":"a","time":"x","latencyMs":1,}`, `{"id":"a","time":"2026-03-01T23:59:59.120Z"}`,
		strings.TrimSuffix(exampleLine, "}\n"), `{"id":"a","time":"2026-03-01T23:59:59.120Z","latencyMs":x,}`,
	} {
		if at, ok := Ended([]byte(line)); ok {
			t.Errorf("%s: %v", line, at)
		}
	}
}

func TestWritingARecordAllocatesNothing(t *testing.T) {
	ex := exchange.Exchange{Model: []byte("smart"), Principal: &exchange.Principal{}}
	buf := make([]byte, 0, 4096)
	policies := []string{"team/a"}
	if n := testing.AllocsPerRun(100, func() {
		r := Of(&ex, began)
		r.Principal, r.Policies = "key/team/a", policies
		buf = AppendJSON(buf[:0], &r)
	}); n > 1 { // Holder joins two words; those who know it before need not.
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	r, buf := example(), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendJSON(buf[:0], &r)
	}
}
