// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestALedgerFollowsItsConfiguration(t *testing.T) {
	hook, collector := receive(t), receive(t)
	var mu sync.Mutex
	dropped := map[string]int{}
	l, err := New(Options{
		Dir: t.TempDir(), Now: func() time.Time { return noon }, Gateway: "team/main", Version: "dev",
		Dropped: func(sink string, n int) {
			mu.Lock()
			defer mu.Unlock()
			dropped[sink] += n
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	secrets := func(name string) config.Secret { return config.NewSecret("the " + name) }
	base := config.Ledger{Retention: config.Duration(time.Hour), MaxBytes: 1 << 20, MaxExportRecords: 1}
	to := func(change func(*config.Ledger)) *config.Ledger {
		c := base
		change(&c)
		return &c
	}
	for _, s := range []struct {
		id   string
		cfg  *config.Ledger
		keep bool
		kept bool
	}{
		{"before", nil, true, false},
		{"files", to(func(*config.Ledger) {}), true, true},
		{"hook", to(func(c *config.Ledger) { c.Webhook = &config.Webhook{URL: hook.URL, Authorization: "a"} }), true, true},
		{"both", to(func(c *config.Ledger) {
			c.Webhook, c.OTLP = &config.Webhook{URL: hook.URL, Authorization: "b"}, &config.OTLP{Endpoint: collector.URL}
		}), false, true},
		{"after", nil, true, false},
	} {
		l.Use(s.cfg, secrets)
		l.KeepFiles(s.keep)
		if l.Kept() != s.kept {
			t.Errorf("%s: kept %t", s.id, l.Kept())
		}
		before := len(hook.got(t)) + len(collector.bodies)
		l.Add(at(s.id, noon))
		want := 0
		if s.cfg != nil && s.cfg.Webhook != nil {
			want++
		}
		if s.cfg != nil && s.cfg.OTLP != nil {
			want++
		}
		within(t, s.id+" was sent", func() bool {
			collector.mu.Lock()
			defer collector.mu.Unlock()
			return len(hook.got(t))+len(collector.bodies)-before == want
		})
	}
	var lines []string
	if err := l.Read(t.Context(), time.Time{}, noon.Add(time.Hour), func(line []byte) error {
		r, err := Parse(line)
		lines = append(lines, r.ID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"files", "hook"}, lines); diff != "" {
		t.Errorf("files: %s", diff)
	}
	if diff := cmp.Diff([]string{"hook", "both"}, hook.got(t)); diff != "" {
		t.Errorf("webhook: %s", diff)
	}
	if a, b := hook.headers[0].Get("Authorization"), hook.headers[1].Get("Authorization"); a != "the a" || b != "the b" {
		t.Errorf("authorizations %q and %q", a, b)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
	l.Use(&base, secrets)
	if l.Add(at("late", noon)); l.Kept() {
		t.Error("it went on after Close")
	}
	if diff := cmp.Diff(map[string]int{}, dropped); diff != "" {
		t.Error(diff)
	}
}

func TestALedgerWithoutADirectory(t *testing.T) {
	l, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.Use(&config.Ledger{Retention: 1, MaxBytes: 1, MaxExportRecords: 1}, nil)
	l.Add(at("a", noon))
	if err := l.Read(t.Context(), time.Time{}, noon.Add(time.Hour), func([]byte) error { return os.ErrInvalid }); err != nil {
		t.Error(err)
	}
	if err := l.Close(context.Background()); err != nil {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Dir: file}); err == nil {
		t.Error("a file was taken for a directory")
	}
}

func TestAddAllocatesNothing(t *testing.T) {
	hook := receive(t)
	l, err := New(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close(context.Background()) }()
	l.Use(&config.Ledger{Retention: config.Duration(time.Hour), MaxBytes: 1 << 20, Webhook: &config.Webhook{URL: hook.URL}}, nil)
	line := at("a", noon)
	for range 100 {
		l.Add(line)
	}
	if n := testing.AllocsPerRun(50, func() { l.Add(line) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
