// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/api/v1alpha1"
)

func small(t *testing.T, subjects ...string) settings {
	t.Helper()
	return settings{
		Subjects: subjects, Rounds: 2, Requests: 400, Duration: 20 * time.Second, Connections: 4, Bytes: bodyBytes,
		jsonPath: filepath.Join(t.TempDir(), "bench.json"), sparkBin: os.Args[0],
	}
}

// bench runs a small benchmark and reads what it kept; afterwards none of its processes may be left.
func bench(t *testing.T, s settings) (report, string, error) {
	t.Helper()
	var out strings.Builder
	err := run(t.Context(), s, &out)
	t.Log(out.String())
	if left := childrenOf(t, os.Getpid()); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	var kept report
	content, readErr := os.ReadFile(s.jsonPath)
	if readErr == nil {
		readErr = json.Unmarshal(content, &kept)
	}
	if readErr != nil {
		t.Errorf("no JSON was kept: %v", readErr)
	}
	return kept, out.String(), err
}

func childrenOf(t *testing.T, parent int) []int {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var children []int
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if stat, err := parseStat(string(content)); err == nil && stat.parent == parent {
			children = append(children, stat.pid)
		}
	}
	return children
}

func TestABenchmarkMeasuresEverySubjectInEveryRound(t *testing.T) {
	for _, stream := range []bool{false, true} {
		s := small(t, "spark", "relay", "direct")
		if nginxOnDisk() != "" {
			s.Subjects = append(s.Subjects, "nginx")
		}
		s.Stream = stream
		got, printed, err := bench(t, s)
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range s.Subjects {
			subject := got.Subjects[i]
			if subject.Name != name || len(subject.Rounds) != 2 || !strings.Contains(printed, "\n"+name+" ") {
				t.Errorf("subject %d is %s with %d rounds, want %s with 2", i, subject.Name, len(subject.Rounds), name)
			}
			for _, round := range subject.Rounds {
				if round.Requests != s.Requests || round.Errors != 0 || round.PerSecond <= 0 || round.P50 <= 0 {
					t.Errorf("%s: %+v", name, round)
				}
			}
		}
	}
}

func TestASubjectThatDoesNotStartIsNamedWithItsLastWords(t *testing.T) {
	s := small(t, "relay", "spark")
	s.sparkBin = filepath.Join(t.TempDir(), "spark")
	if err := os.WriteFile(s.sparkBin, []byte("#!/bin/sh\necho 'no such model' >&2\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	got, printed, err := bench(t, s)
	if err == nil || !strings.Contains(err.Error(), "spark could not be measured") {
		t.Errorf("error = %v", err)
	}
	if !strings.Contains(printed, "no such model") || !strings.Contains(got.Missing["spark"], "its process ended") {
		t.Errorf("missing %v, printed %s", got.Missing, printed)
	}
	if len(got.Subjects) != 1 || got.Subjects[0].Name != "relay" {
		t.Errorf("the others must still be measured: %+v", got.Subjects)
	}
}

func TestAMissingProgramIsSaidAtOnce(t *testing.T) {
	s := small(t, "spark")
	s.sparkBin = filepath.Join(t.TempDir(), "absent")
	if _, _, err := bench(t, s); err == nil || !strings.Contains(err.Error(), "build it or give --spark-bin") {
		t.Errorf("error = %v", err)
	}
}

func TestAnInterruptEndsEverything(t *testing.T) {
	s := small(t, "relay")
	s.Requests = 100_000_000
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, s, writerFunc(func(b []byte) (int, error) { return len(b), nil })) }()
	go func() {
		defer close(started)
		for len(childrenOf(t, os.Getpid())) < 3 && t.Context().Err() == nil { // upstream, relay, load
			<-time.After(5 * time.Millisecond)
		}
	}()
	select {
	case <-started:
	case <-time.After(time.Minute):
		t.Fatal("it never started")
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("an interrupted benchmark must not look like a finished one")
	}
	if left := childrenOf(t, os.Getpid()); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestSparksResourcesAreValid(t *testing.T) {
	resources, err := sparkYAML("127.0.0.1:4242", "spark")
	if err != nil {
		t.Fatal(err)
	}
	set, problems := manifest.Load(fstest.MapFS{"bench.yaml": {Data: []byte(resources)}})
	if len(problems) > 0 {
		t.Errorf("problems: %v", problems)
	}
	if len(set.Gateways()) != 1 || len(set.Providers()) != 1 || len(set.Keys()) != 1 || len(set.Secrets()) != 2 {
		t.Errorf("set %+v", set)
	}
	limits := set.Gateways()[0].Spec.Limits
	if limits == nil || limits.PerIP == nil || set.Keys()[0].Spec.Limits == nil {
		t.Error("limits must be on: they are part of what is measured")
	}
	if !slices.ContainsFunc(set.Providers()[0].Spec.Models, func(m v1alpha1.ProviderModel) bool { return m.Name == benchModel }) {
		t.Error("the model that the load asks for is not offered")
	}
}
