// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestTheManifestsAreServedWhole(t *testing.T) {
	yaml, err := manifestsFor(shortPace, "http://127.0.0.1:1", "http://127.0.0.1:2")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := layOut(dir, yaml); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "config", config.CoreFile))
	if err != nil {
		t.Fatal(err)
	}
	var core config.Core
	if err := json.Unmarshal(content, &core); err != nil {
		t.Fatal(err)
	}
	models := map[string]int{}
	for _, r := range core.Routes {
		models[strings.Join(r.Models, ",")] = len(r.Targets)
	}
	if diff := cmp.Diff(map[string]int{modelTiers: 2, modelWeighted: 2, modelFastest: 2, modelHedged: 2}, models); diff != "" {
		t.Error(diff)
	}
	for _, p := range core.Providers {
		if time.Duration(p.Breaker.OpenFor) != shortPace.openFor || p.Breaker.ConsecutiveFailures != consecutiveFailures ||
			p.Breaker.Probes != halfOpenProbes || time.Duration(p.Timeouts.FirstToken) != firstToken {
			t.Errorf("provider %s: %+v %+v", p.Name, p.Breaker, p.Timeouts)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "admin", "tls.key")); err != nil {
		t.Error(err)
	}
}

func TestAManifestThatIsNotServedWholeIsRefused(t *testing.T) {
	yaml, err := manifestsFor(shortPace, "http://127.0.0.1:1", "http://127.0.0.1:2")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ old, new, want string }{
		"a field that does not exist":  {"tier: 1}", "teir: 1}", "teir"},
		"a target that does not exist": {"model: claude, tier: 1", "model: clod, tier: 1", "clod"},
	} {
		if _, err := compile(strings.ReplaceAll(yaml, tc.old, tc.new)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want an error about %q", name, err, tc.want)
		}
	}
}
