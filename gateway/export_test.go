// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/ledger"
)

// someRecords are lines of a ledger, in their order.
type someRecords struct {
	lines [][]byte
	// wrong ends each reading behind its lines.
	wrong error
	// endless repeats them until the context ends.
	endless bool
	asked   atomic.Int64
	ended   atomic.Int64
}

func (k *someRecords) Read(ctx context.Context, _, _ time.Time, each func([]byte) error) error {
	k.asked.Add(1)
	defer k.ended.Add(1)
	for {
		for _, line := range k.lines {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := each(line); err != nil {
				return err
			}
		}
		if !k.endless {
			return k.wrong
		}
	}
}

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// recordOf is a record that ended so long after the day began.
func recordOf(id string, ended time.Duration, change func(*ledger.Record)) []byte {
	r := ledger.Record{ID: id, Time: day.Add(ended - time.Second), LatencyMs: 1000, Key: "default/k", Principal: "key/default/k", User: "u"}
	if change != nil {
		change(&r)
	}
	return ledger.AppendJSON(nil, &r)
}

const masterKey = "spark-master-0123456789012345678901234567890"

// exporting serves exports of a ledger.
func exporting(t testing.TB, from RecordReader, change func(*config.Document)) *served {
	t.Helper()
	doc := fullPolicy("127.0.0.1:1")
	// The clock is set to another day, which limits would not take.
	doc.Core.Gateway.Limits, doc.Core.Gateway.PerIP, doc.Keys[0].Limits = config.Limits{}, config.Limits{}, config.Limits{}
	doc.Core.Gateway.Ledger = &config.Ledger{Retention: config.Duration(time.Hour), MaxBytes: 1 << 20, MaxExportRecords: 1000}
	doc.Keys = append(doc.Keys, config.Key{ID: "default/master", User: "boss", Master: true, Digest: config.DigestKey(masterKey)})
	if change != nil {
		change(doc)
	}
	s := serve(t, doc)
	s.clock.advance(day.Add(24 * time.Hour).Sub(s.clock.Now()))
	s.living.exports = newExports(func() (RecordReader, bool) { return from, false })
	return s
}

// ask sends GET (or another method) with a query.
func (s *served) ask(method, key, query string) (*http.Response, string, error) {
	s.t.Helper()
	c := s.dial()
	if _, err := fmt.Fprintf(c, "%s %s?%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", method, "/api/export", query, key); err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// idsOf gives those of JSON lines.
func idsOf(t testing.TB, body string) []string {
	t.Helper()
	var got []string
	for line := range strings.Lines(body) {
		r, err := ledger.Parse([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.ID)
	}
	return got
}

func TestExport(t *testing.T) {
	reader := &someRecords{lines: [][]byte{
		recordOf("before", -time.Millisecond, nil),
		recordOf("first", 0, nil),
		recordOf("other", time.Hour, func(r *ledger.Record) { r.Key, r.Principal = "default/k2", "key/default/k2" }),
		recordOf("token", 2*time.Hour, func(r *ledger.Record) { r.Key, r.Principal, r.User = "", "token/x", "v" }),
		[]byte("torn"),
		recordOf("last", 24*time.Hour-time.Millisecond, nil),
		recordOf("after", 24*time.Hour, nil),
	}}
	s := exporting(t, reader, nil)
	for name, tt := range map[string]struct {
		key, query string
		want       []string
	}{
		"a key's own, of the last day":                      {benchKey, "", []string{"first", "last"}},
		"all to a master":                                   {masterKey, "", []string{"first", "other", "token", "last"}},
		"one key's to a master":                             {masterKey, "key=default/k2", []string{"other"}},
		"one user's to a master":                            {masterKey, "user=v", []string{"token"}},
		"a user with another's key to none":                 {masterKey, "user=v&key=default/k", nil},
		"a range of dates":                                  {benchKey, "from=2026-03-01&to=2026-03-02", []string{"first", "last"}},
		"a range of times":                                  {benchKey, "from=2026-02-28T23:59:59.999Z&to=2026-03-01T00:00:00.001Z", []string{"before", "first"}},
		"a zone whose plus was not escaped":                 {benchKey, "from=2026-03-01T01:00:00+01:00&to=2026-03-01T02:00:00+01:00", []string{"first"}},
		"a day before the end, where there is no beginning": {benchKey, "to=2026-03-03", []string{"after"}},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body, err := s.ask("GET", tt.key, tt.query)
			if err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/x-ndjson" || resp.Header.Get(ledger.ScopeHeader) != "pod" ||
				len(resp.TransferEncoding) == 0 || resp.Header.Get("X-Request-Id") == "" || resp.Header.Get("X-Frame-Options") != "DENY" {
				t.Fatal(err, resp.Status, resp.Header)
			}
			if diff := cmp.Diff(tt.want, idsOf(t, body)); diff != "" {
				t.Error(diff)
			}
			if next := resp.Trailer.Get(trailerNext); next != "" {
				t.Errorf("told to go on from %s", next)
			}
		})
	}
	resp, body, err := s.ask("GET", masterKey, "format=csv&from=2026-03-01&to=2026-03-02T00:00:00Z")
	if err != nil || resp.Header.Get("Content-Type") != "text/csv; charset=utf-8; header=present" ||
		resp.Header.Get("Content-Disposition") != `attachment; filename="usage-20260301T000000Z-20260302T000000Z.csv"` {
		t.Fatal(err, resp.Header)
	}
	if rows, err := csv.NewReader(strings.NewReader(body)).ReadAll(); err != nil || len(rows) != 5 || rows[0][0] != "id" || rows[4][0] != "last" {
		t.Error(err, body)
	}
	asked := reader.asked.Load()
	if resp, body, err = s.ask("HEAD", benchKey, "format=csv"); err != nil || resp.StatusCode != 200 || body != "" || reader.asked.Load() != asked ||
		!strings.Contains(resp.Header.Get("Content-Disposition"), ".csv") {
		t.Error(err, resp.Status, body)
	}
}

func TestExportRefusals(t *testing.T) {
	s := exporting(t, &someRecords{}, nil)
	for name, tt := range map[string]struct {
		query  string
		status int
		want   string
	}{
		"a format that there is not":         {"format=xml", 400, `"param":"format"`},
		"a time that is none":                {"from=yesterday", 400, `"param":"from"`},
		"an end that is none":                {"to=2026-13-01", 400, `"param":"to"`},
		"a limit of nothing":                 {"limit=0", 400, `"param":"limit"`},
		"a limit that is none":               {"limit=x", 400, `"param":"limit"`},
		"an end before the beginning":        {"from=2026-03-02&to=2026-03-01", 400, `"param":"from"`},
		"a parameter that there is not":      {"form=csv", 400, `"param":"form"`},
		"a parameter that stands twice":      {"limit=1&limit=2", 400, `"param":"limit"`},
		"another's key":                      {"key=default/k2", 403, "master_key_required"},
		"a user":                             {"user=u", 403, "master_key_required"},
		"a name of a parameter that is long": {strings.Repeat("x", 2000) + "=1", 400, `"param":"` + strings.Repeat("x", 64) + `"`},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body, err := s.ask("GET", benchKey, tt.query)
			if err != nil || resp.StatusCode != tt.status || !strings.Contains(strings.ReplaceAll(body, `": "`, `":"`), tt.want) {
				t.Errorf("%v, status %d: %s", err, resp.StatusCode, body)
			}
		})
	}
	if resp, _, _ := s.ask("POST", benchKey, ""); resp.StatusCode != 405 {
		t.Errorf("POST: status %d", resp.StatusCode)
	}
	c := s.dial()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", "/api/export", benchKey); err != nil {
		t.Fatal(err)
	}
	if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || resp.StatusCode != 400 {
		t.Error(err, resp)
	}
	bare := exporting(t, &someRecords{}, func(doc *config.Document) { doc.Core.Gateway.Ledger = nil })
	if resp, body, _ := bare.ask("GET", benchKey, ""); resp.StatusCode != 404 || !strings.Contains(body, "no_records") {
		t.Errorf("without a ledger: status %d: %s", resp.StatusCode, body)
	}
	nowhere := exporting(t, nil, nil)
	if resp, body, _ := nowhere.ask("GET", benchKey, ""); resp.StatusCode != 404 {
		t.Errorf("without a reader: status %d: %s", resp.StatusCode, body)
	}
}

// Whoever goes on from where an export ended gets each record once, in whatever disorder they were kept.
func TestExportsThatGoOnGetEachRecordOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const n = 2000
	reader := &someRecords{}
	for i := range n {
		// Up to a second of disorder, and many at the same moment.
		at := time.Duration(i/7)*100*time.Millisecond + time.Duration(random.IntN(1000))*time.Millisecond
		reader.lines = append(reader.lines, recordOf(fmt.Sprint(i), at, nil))
	}
	s := exporting(t, reader, nil)
	for _, format := range []string{"jsonl", "csv"} {
		var got []string
		calls := 0
		for from := "2026-03-01"; from != ""; calls++ {
			resp, body, err := s.ask("GET", benchKey, "limit=50&to=2026-03-02&format="+format+"&from="+url.QueryEscape(from))
			if err != nil || resp.StatusCode != 200 {
				t.Fatal(err, resp.Status, body)
			}
			if format == "csv" {
				_, body, _ = strings.Cut(body, "\r\n")
				for line := range strings.Lines(body) {
					id, _, _ := strings.Cut(line, ",")
					got = append(got, id)
				}
			} else {
				got = append(got, idsOf(t, body)...)
			}
			from = resp.Trailer.Get(trailerNext)
		}
		unique := slices.Compact(slices.Sorted(slices.Values(got)))
		if len(got) != n || len(unique) != n || calls < 10 {
			t.Errorf("%s: %d records in %d exports, %d of them different", format, len(got), calls, len(unique))
		}
	}
	if resp, body, _ := s.ask("GET", benchKey, "limit=9999999&to=2026-03-02"); len(idsOf(t, body)) > 1100 || resp.Trailer.Get(trailerNext) == "" {
		t.Errorf("the configuration's bound was not kept: %d records", len(idsOf(t, body)))
	}
}

func TestExportsAreBounded(t *testing.T) {
	reader := &someRecords{lines: [][]byte{recordOf("a", time.Hour, nil)}, endless: true}
	s := exporting(t, reader, func(doc *config.Document) { doc.Core.Gateway.Ledger.MaxExportRecords = 1e9 })
	var busy []io.Closer
	for range maxExports {
		c := s.dial()
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", "/api/export", benchKey); err != nil {
			t.Fatal(err)
		}
		busy = append(busy, c)
	}
	within(t, "both are under way", func() bool { return reader.asked.Load() == maxExports })
	resp, body, _ := s.ask("GET", benchKey, "")
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" || resp.Header.Get("X-Spark-Reason") != string(exchange.ReasonExports) {
		t.Errorf("status %d: %s", resp.StatusCode, body)
	}
	// A client that leaves ends its export, though the disk has more.
	for _, c := range busy {
		_ = c.Close()
	}
	within(t, "both ended", func() bool { return reader.ended.Load() == maxExports })
	within(t, "nothing is in flight", func() bool { return s.InFlight() == 0 })
	reader.endless = false
	if resp, _, err := s.ask("GET", benchKey, ""); err != nil || resp.StatusCode != 200 {
		t.Error(err, resp.Status)
	}
	s.accessLog.Flush()
	if n := strings.Count(s.log.String(), `"outcome":"client_gone"`); n != maxExports {
		t.Errorf("%d clients are said to have left: %s", n, s.log.String())
	}
}

func TestAnExportThatFailsDoesNotLookWhole(t *testing.T) {
	reader := &someRecords{lines: slices.Repeat([][]byte{recordOf("a", time.Hour, nil)}, 500), wrong: errors.New("the disk")}
	s := exporting(t, reader, nil)
	if resp, body, err := s.ask("GET", benchKey, ""); err == nil || resp.StatusCode != 200 {
		t.Errorf("%v, status %d: %s", err, resp.StatusCode, body)
	}
	within(t, "nothing is in flight", func() bool { return s.InFlight() == 0 })
	s.accessLog.Flush()
	if log := s.log.String(); !strings.Contains(log, `"outcome":"internal"`) || !strings.Contains(log, "the disk") {
		t.Error(log)
	}
}

func TestRecordsHandler(t *testing.T) {
	reader := &someRecords{lines: [][]byte{recordOf("before", -1, nil), recordOf("a", time.Hour, nil), recordOf("b", 2*time.Hour, nil), recordOf("after", 24*time.Hour, nil)}}
	now := func() time.Time { return day.Add(24 * time.Hour) }
	for name, tt := range map[string]struct {
		method, query string
		reader        RecordReader
		shared        bool
		status        int
		want          []string
		scope         string
	}{
		"the last day":            {"GET", "", reader, false, 200, []string{"a", "b"}, "pod"},
		"a range, of a store":     {"GET", "?from=2026-03-01T01:30:00Z&to=2026-03-04", reader, true, 200, []string{"b", "after"}, "store"},
		"a time that is none":     {"GET", "?from=x", reader, false, 400, nil, ""},
		"an end at the beginning": {"GET", "?from=2026-03-01&to=2026-03-01", reader, false, 400, nil, ""},
		"no records":              {"GET", "", nil, false, 404, nil, ""},
		"another method":          {"POST", "", reader, false, 405, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			h := RecordsHandler(func() (RecordReader, bool) { return tt.reader, tt.shared }, now)
			h.ServeHTTP(w, httptest.NewRequest(tt.method, config.RecordsPath+tt.query, nil))
			if w.Code != tt.status || w.Header().Get(ledger.ScopeHeader) != tt.scope {
				t.Fatal(w.Code, w.Header(), w.Body)
			}
			if tt.status == 200 {
				if diff := cmp.Diff(tt.want, idsOf(t, w.Body.String())); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	failing := &someRecords{lines: reader.lines, wrong: errors.New("the disk")}
	server := httptest.NewServer(RecordsHandler(func() (RecordReader, bool) { return failing, false }, now))
	defer server.Close()
	resp, err := http.Get(server.URL)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
	}
	if err == nil {
		t.Error("a part looks like the whole")
	}
}
