// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// fill is a source that succeeds.
func fill(t *testing.T, dir string, names ...string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/true\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestResolveTakesTheFirstPlaceThatHasAllPrograms(t *testing.T) {
	failing := func(context.Context, string) error { return errors.New("unreachable") }
	cases := map[string]struct {
		environment, cached []string
		download            func(t *testing.T) func(context.Context, string) error
		wantIn              string // environment | cache
		wantAsked           []string
		wantErr             string
	}{
		"the environment wins over the cache":        {environment: Programs, cached: Programs, wantIn: "environment"},
		"an incomplete environment is passed over":   {environment: Programs[:2], cached: Programs, wantIn: "cache"},
		"a filled cache asks no source":              {cached: Programs, wantIn: "cache"},
		"an incomplete cache is filled again":        {cached: Programs[1:], wantIn: "cache", wantAsked: []string{"download", "build"}},
		"with nothing the sources are asked in turn": {wantIn: "cache", wantAsked: []string{"download", "build"}},
		"a download that works spares the build": {
			download: func(t *testing.T) func(context.Context, string) error {
				return func(_ context.Context, dir string) error { fill(t, dir, Programs...); return nil }
			},
			wantIn: "cache", wantAsked: []string{"download"},
		},
		"a download that lacks a program counts as failed": {
			download: func(t *testing.T) func(context.Context, string) error {
				return func(_ context.Context, dir string) error { fill(t, dir, Programs[:1]...); return nil }
			},
			wantIn: "cache", wantAsked: []string{"download", "build"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			environment, cache := filepath.Join(root, "env"), filepath.Join(root, "cache")
			if tc.environment != nil {
				fill(t, environment, tc.environment...)
			}
			if tc.cached != nil {
				fill(t, filepath.Join(cache, cacheKey()), tc.cached...)
			}
			download := failing
			if tc.download != nil {
				download = tc.download(t)
			}
			var asked []string
			resolver := &Resolver{
				Getenv: func(string) string {
					if tc.environment == nil {
						return ""
					}
					return environment
				},
				CacheDir: cache, Progress: &bytes.Buffer{},
				Sources: []Source{
					{"download", func(ctx context.Context, dir string) error {
						asked = append(asked, "download")
						return download(ctx, dir)
					}},
					{"build", func(_ context.Context, dir string) error {
						asked = append(asked, "build")
						fill(t, dir, Programs...)
						return nil
					}},
				},
			}
			got, err := resolver.Resolve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"environment": environment, "cache": filepath.Join(cache, cacheKey())}[tc.wantIn]
			if got != want {
				t.Errorf("directory %s, want %s", got, want)
			}
			if missing := missingPrograms(got); len(missing) > 0 {
				t.Errorf("the directory lacks %v", missing)
			}
			if strings.Join(asked, " ") != strings.Join(tc.wantAsked, " ") {
				t.Errorf("asked %v, want %v", asked, tc.wantAsked)
			}
		})
	}
}

func TestWhenEverySourceFailsTheErrorNamesEach(t *testing.T) {
	resolver := &Resolver{
		Getenv: func(string) string { return "" }, CacheDir: t.TempDir(), Progress: &bytes.Buffer{},
		Sources: []Source{
			{"download", func(context.Context, string) error { return errors.New("no such host") }},
			{"build", func(context.Context, string) error { return errors.New("disk full") }},
		},
	}
	_, err := resolver.Resolve(t.Context())
	for _, want := range []string{"download: no such host", "build: disk full"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	left, _ := filepath.Glob(filepath.Join(resolver.CacheDir, "partial-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestConcurrentCallersFetchOnce(t *testing.T) {
	cache := t.TempDir()
	var fetches atomic.Int32
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			resolver := &Resolver{
				Getenv: func(string) string { return "" }, CacheDir: cache, Progress: &bytes.Buffer{},
				Sources: []Source{{"build", func(_ context.Context, dir string) error {
					fetches.Add(1)
					fill(t, dir, Programs...)
					return nil
				}}},
			}
			if _, err := resolver.Resolve(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if got := fetches.Load(); got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
}

func TestWaitingForTheLockEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var progress bytes.Buffer
	if _, err := lock(ctx, path, &progress); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	if !strings.Contains(progress.String(), "waiting") {
		t.Errorf("progress %q does not say that it waits", progress.String())
	}
}
