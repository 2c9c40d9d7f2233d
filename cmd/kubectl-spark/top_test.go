// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/gateway/config"
)

// clinic is a gauge whose two pods did more each time that they are asked; a third does not answer.
type clinic struct {
	asked   int
	silent  bool
	ended   context.CancelFunc // at the third time
	metrics error
}

func (c *clinic) Health(context.Context, string, string) ([]live.Told[config.Health], error) {
	c.asked++
	if c.asked == 3 && c.ended != nil {
		c.ended()
	}
	at := noon.Add(time.Duration(c.asked) * 10 * time.Second)
	all := []live.Told[config.Health]{{Pod: "main-c", Err: errors.New("no\nroute")}}
	for i, pod := range []string{"main-a", "main-b"} {
		if c.silent {
			break
		}
		n := int64(c.asked * (i + 1) * 100)
		all = append(all, live.Told[config.Health]{Pod: pod, Answer: config.Health{
			Status: config.HealthOK, Instance: pod, At: at, InFlight: i,
			Traffic: []config.TrafficMinute{{At: at.Add(-100 * time.Second), Requests: n, Failed: int64(i), Tokens: 10 * n, Cost: float64(n) / 100, Duration: []int64{0, 0, n}}},
			Spend:   []config.KeySpend{{Key: "team/alice", Requests: n, Tokens: n, Cost: float64(n) / 100}},
			Providers: []config.ProviderState{
				{ID: "team/openai", Attempts: 60, Failures: 3, Latency: []int64{0, 60}, Out: []config.BreakerState{
					{Model: "gpt-4o", State: config.BreakerOpen, Reason: "5 failures in a row", Since: at.Add(-time.Minute), Until: at.Add(14 * time.Second)}}},
				{ID: "team/local", Health: &config.HealthState{Healthy: i == 0, Reason: "status 503", Since: at.Add(-2 * time.Hour)}},
			},
		}})
	}
	return all, nil
}

func (c *clinic) Metrics(_ context.Context, _ string) ([]byte, error) {
	return fmt.Appendf(nil, "# TYPE spark_requests_total counter\nspark_requests_total{provider=\"p\",model=\"smart\",outcome=\"ok\"} %d\n"+
		"spark_requests_total{provider=\"p\",model=\"smart\",outcome=\"limited\"} %d\nspark_requests_total{provider=\"p\",model=\"smart\",outcome=\"internal\"} %d\n",
		90*c.asked, 5*c.asked, 5*c.asked), c.metrics
}

const warned = "warning: without the rates of pod main-c: no route\n"

func TestTopShowsRates(t *testing.T) {
	for name, w := range map[string]watching{
		"top_pods.txt":      {by: "pod", sort: "requests", limit: 1},
		"top_providers.txt": {by: "provider", sort: "errors"},
		"top_models.txt":    {by: "model", sort: "name"},
		"top_keys.json":     {by: "key", sort: "cost", output: "json"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out, told bytes.Buffer
				w.interval, w.gateway = 10*time.Second, "main"
				if err := w.run(t.Context(), &clinic{}, screen.Screen{Writer: &out, Width: screen.Width}, &told); err != nil || told.String() != warned {
					t.Errorf("%v, told %q", err, told.String())
				}
				golden(t, name, out.Bytes())
			})
		})
	}
}

func TestTopIsShownAnewUntilItIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var out, told bytes.Buffer
		w := watching{place: place{gateway: "main"}, by: "pod", sort: "requests", output: "table", interval: time.Second}
		pods := &clinic{ended: cancel}
		err := w.run(ctx, pods, screen.Screen{Writer: &out, Width: screen.Width, Terminal: true}, &told)
		if err != nil || strings.Count(out.String(), "\x1b[H\x1b[2JSparkGateway main at ") < 2 || told.String() != warned {
			t.Errorf("%v, told %q:\n%s", err, told.String(), out.String())
		}
	})
}

func TestTopSaysWhatKeepsIt(t *testing.T) {
	w := watching{place: place{gateway: "main"}, by: "model", sort: "name", interval: time.Second}
	if err := w.run(t.Context(), &clinic{silent: true}, screen.Screen{}, nil); err == nil || err.Error() != "pod main-c: no route" {
		t.Error(err)
	}
	var told bytes.Buffer
	if err := w.run(t.Context(), &clinic{metrics: errors.New("forward a port: no")}, screen.Screen{}, &told); err == nil || err.Error() != "pod main-a: its metrics: forward a port: no" {
		t.Error(err)
	}
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"nobody's":             {nil, "of which gateway?"},
		"by what there is not": {[]string{"--gateway", "main", "--by", "colour"}, "--by colour: there are [pod provider model key]"},
		"an order":             {[]string{"--gateway", "main", "--sort", "colour"}, "--sort colour: there are name"},
		"too often":            {[]string{"--gateway", "main", "--interval", "1ms"}, "--interval: a second at least"},
		"less than none":       {[]string{"--gateway", "main", "--limit", "-1"}, "--limit: how many"},
		"an output":            {[]string{"--gateway", "main", "-o", "name"}, "-o name: table, json and yaml are known"},
	} {
		if _, _, err := execute(t, "", append([]string{"top"}, tt.args...)...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// well are pods all of whose breakers are closed.
type well struct{ clinic }

func (well) Health(context.Context, string, string) ([]live.Told[config.Health], error) {
	return []live.Told[config.Health]{{Pod: "main-a", Answer: config.Health{Providers: []config.ProviderState{{ID: "a"}, {ID: "b"}}}}}, nil
}

func TestBreakersThatAreNotClosed(t *testing.T) {
	for name, tt := range map[string]struct {
		pods   physician
		output string
		warned string
	}{
		"breakers.txt":        {&clinic{}, "table", "warning: without the breakers of pod main-c: no route\n"},
		"breakers.yaml":       {&clinic{}, "yaml", "warning: without the breakers of pod main-c: no route\n"},
		"breakers_closed.txt": {&well{}, "table", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out, told bytes.Buffer
			b := breaking{place: place{gateway: "main"}, output: tt.output}
			if err := b.run(t.Context(), tt.pods, screen.Screen{Writer: &out, Width: screen.Width}, &told); err != nil || told.String() != tt.warned {
				t.Errorf("%v, told %q", err, told.String())
			}
			golden(t, name, out.Bytes())
		})
	}
	if _, _, err := execute(t, "", "breakers"); err == nil || !errors.Is(err, errWhichGateway) {
		t.Error(err)
	}
}
