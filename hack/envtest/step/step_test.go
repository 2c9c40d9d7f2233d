// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package step

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestAFailedStepSaysWhatTheCommandSaid(t *testing.T) {
	_, err := Step{
		Title: "building", Progress: &bytes.Buffer{},
		Args: []string{"sh", "-c", "echo go: downloading x >&2; echo some/package >&2; echo 'a.go:1: undefined: y' >&2; exit 1"},
	}.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "undefined: y") || strings.Contains(err.Error(), "some/package") {
		t.Errorf("error %v, want the complaint and not the progress", err)
	}
}

func TestAStepEndsAtItsLimitWithAllItStarted(t *testing.T) {
	began := time.Now()
	_, err := Step{
		Title: "asking", Limit: 50 * time.Millisecond, Progress: &bytes.Buffer{},
		Args: []string{"sh", "-c", "sleep 60 & sleep 60"},
	}.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "took longer than 50ms") {
		t.Errorf("error %v, want the limit", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestProgressCountsModulesAndPackages(t *testing.T) {
	var lines lineCounter
	for _, chunk := range []string{"go: downloading a v1\ngo: down", "loading b v2\nnet/http\ncrypto", "/tls\n# pkg\nx.go:1:2: bad\n"} {
		if _, err := lines.Write([]byte(chunk)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := lines.summary(), ", 2 modules downloaded, 2 packages compiled"; got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
	if got := lines.tail(); !strings.Contains(got, "x.go:1:2: bad") {
		t.Errorf("tail %q", got)
	}
}
