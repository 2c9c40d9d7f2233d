// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// read gives the records of a time.
func read(t testing.TB, s *Store, from, to time.Time) []string {
	t.Helper()
	var got []string
	err := s.Records(context.Background(), from, to, func(record []byte) error {
		got = append(got, string(record))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRecordsOfATime(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	// Entries are numbered by the real clock, so all of these are late.
	base := time.Now().UTC().Truncate(24 * time.Hour).Add(-72 * time.Hour)
	opts := single(server)
	opts.Retention = 240 * time.Hour
	opts.Now = func() time.Time { return base.Add(26 * time.Hour) }
	setClock(t, server, base.UnixMicro())
	s := clocked(t, opts)
	for hour := -20; hour < 26; hour++ {
		setClock(t, server, base.Add(time.Duration(hour)*time.Hour).UnixMicro())
		for i := range 50 {
			at := base.Add(time.Duration(hour)*time.Hour + time.Duration(i)*time.Minute)
			s.Settle(&Settlement{ID: fmt.Sprint(at.Unix()), At: at, Record: fmt.Appendf(nil, `{"at":%d}`, at.Unix())})
		}
		flushed(t, s)
	}
	for name, test := range map[string]struct{ from, to time.Duration }{
		"an hour":               {3 * time.Hour, 4 * time.Hour},
		"half of one":           {3*time.Hour + 10*time.Minute, 3*time.Hour + 40*time.Minute},
		"over midnight":         {-2 * time.Hour, 2 * time.Hour},
		"three days":            {-30 * time.Hour, 30 * time.Hour},
		"nothing":               {5 * time.Hour, 5 * time.Hour},
		"where there were none": {28 * time.Hour, 29 * time.Hour},
		"of an age ago":         {-10000 * time.Hour, -9000 * time.Hour},
		"of all ages":           {-1 << 62, 1 << 62},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := base.Add(test.from), base.Add(test.to)
			var want []string
			for hour := -20; hour < 26; hour++ {
				for i := range 50 {
					at := base.Add(time.Duration(hour)*time.Hour + time.Duration(i)*time.Minute)
					if !at.Before(from) && at.Before(to) {
						want = append(want, fmt.Sprintf(`{"at":%d}`, at.Unix()))
					}
				}
			}
			if diff := cmp.Diff(want, read(t, s, from, to)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadingEndsWithTheReader(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	s := opened(t, single(server))
	for i := range 10 {
		s.Settle(&Settlement{ID: fmt.Sprint(i), Record: []byte("{}\n{}")})
	}
	flushed(t, s)
	enough, n := errors.New("enough"), 0
	err := s.Records(context.Background(), time.Now().Add(-time.Minute), time.Now().Add(time.Minute), func(record []byte) error {
		if string(record) != "{} {}" {
			t.Errorf("a record is %q", record)
		}
		if n++; n == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 3 {
		t.Errorf("%d records were read, then %v", n, err)
	}
}

func TestRecordsStayWithinTheirBytes(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	opts := single(server)
	opts.MaxBytes = 1 << 20
	const day = 24 * 60 * 60 * 1_000_000
	now := time.Now().UnixMicro()
	opts.Now = func() time.Time { return time.UnixMicro(now) }
	opts.Retention = 72 * time.Hour
	setClock(t, server, now)
	s := clocked(t, opts)
	record := append(append([]byte(`"`), bytes.Repeat([]byte{'x'}, 998)...), '"')
	written := 0
	settle := func() {
		s.Settle(&Settlement{ID: fmt.Sprint(written), At: time.UnixMicro(now), Record: record})
		written++
	}
	// Entries of a single record come first, larger ones behind them.
	for range 400 {
		settle()
		flushed(t, s)
	}
	for range 6 {
		for range 500 {
			settle()
		}
		flushed(t, s)
		if got := read(t, s, time.UnixMicro(now-3*day), time.UnixMicro(now+1000)); len(got)*1000 > 1<<20 || written*1000 > 1<<20 && len(got) < 700 {
			t.Errorf("%d records of %d are there, where about a thousand may be", len(got), written)
		}
		now += day / 2
		setClock(t, server, now)
	}
	sum := 0
	keys := client(t, s)
	for _, key := range keys("l:*") {
		sum += len(key)
	}
	if sum == 0 {
		t.Error("there are no streams")
	}
	// Days beyond the retention go, whatever their size.
	now += 10 * day
	setClock(t, server, now)
	s.Settle(&Settlement{ID: "last", At: time.UnixMicro(now), Record: []byte("{}")})
	flushed(t, s)
	if got := keys("l:*"); len(got) != 1 {
		t.Errorf("the streams are %q", got)
	}
	c := *s.client.Load()
	got, err := c.Do(context.Background(), c.B().Hget().Key(s.prefix[0]+"lb").Field("sum").Build()).AsInt64()
	if want := int64(len("1000000000000 {}") + 128); err != nil || got != want {
		t.Errorf("%d bytes are counted, not %d: %v", got, want, err)
	}
}

// client gives the keys that match a pattern behind the prefix.
func client(t testing.TB, s *Store) func(pattern string) []string {
	c := *s.client.Load()
	return func(pattern string) []string {
		t.Helper()
		keys, err := c.Do(context.Background(), c.B().Keys().Pattern(s.prefix[0]+pattern).Build()).AsStrSlice()
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
}

func TestALargeRecordIsNotKept(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	s := opened(t, single(server))
	s.Settle(&Settlement{ID: "one", Record: make([]byte, MaxRecord+1)})
	s.Settle(&Settlement{ID: "two", Record: bytes.Repeat([]byte{'x'}, MaxRecord)})
	flushed(t, s)
	if got := read(t, s, time.Now().Add(-time.Minute), time.Now().Add(time.Minute)); len(got) != 1 || len(got[0]) != MaxRecord {
		t.Errorf("%d records are there", len(got))
	}
	if got := s.Counts().RecordsDropped; got != 1 {
		t.Errorf("%d records were dropped", got)
	}
}

func TestTheEndOfALineIsNoPartOfItsRecord(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	s := opened(t, single(server))
	s.Settle(&Settlement{ID: "one", Record: []byte("{\"n\":\n1}\n")})
	flushed(t, s)
	got := read(t, s, time.Now().Add(-time.Minute), time.Now().Add(time.Minute))
	if diff := cmp.Diff([]string{`{"n": 1}`}, got); diff != "" {
		t.Error("records (-want +got):\n" + diff)
	}
}
