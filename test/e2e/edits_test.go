// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/e2e/load"
)

// The bounds of the time from an edit to Programmed.
const (
	edits        = 50
	medianWithin = time.Second
	p99Within    = 3 * time.Second
	// editEvery spreads the edits over the load.
	editEvery = 700 * time.Millisecond
)

// Editing a limit under load restarts no pod, fails no request, and is told to be in force soon.
func TestEditsUnderLoadDropNothing(t *testing.T) {
	s := newSpace(t)
	l := s.start(minimal)
	before, template := s.template("main")
	pods := s.pods("main")
	r := l.begin(load.Spec{
		Targets: []string{l.service("main")}, Rate: 200, StreamEvery: 10, Key: s.apiKey("alice"),
		Steer: "tokens=5", SteerStream: "tokens=20 delay=50ms",
	})
	begun := time.Now()
	took := s.edit()
	lasted := time.Since(begun)
	total := r.stop().Total()

	if lasted < 30*time.Second {
		t.Errorf("the load lasted %s only", lasted)
	}
	if wrong := faultless(total); wrong != "" {
		t.Error(wrong)
	}
	if rate := float64(total.Sent) / lasted.Seconds(); rate < 190 {
		t.Errorf("the load was of %.0f requests a second, want 200", rate)
	}
	slices.Sort(took)
	median, p99 := load.Quantile(took, 0.5), load.Quantile(took, 0.99)
	if median > medianWithin || p99 > p99Within {
		t.Errorf("from edit to Programmed: median %s, p99 %s", median, p99)
	}
	after, templateAfter := s.template("main")
	if template != templateAfter || before.Generation != after.Generation {
		t.Errorf("the Deployment changed: generation %d, then %d", before.Generation, after.Generation)
	}
	s.untouched("main", pods)
	t.Logf("load for %s: %s", lasted.Round(time.Second), figures(total))
	t.Logf("%d edits, from sending one to Programmed=True of its generation as a watch sees it: median %s, p99 %s, max %s",
		len(took), round(median), round(p99), round(took[len(took)-1]))
}

// edit changes the gateway's limit again and again, and says how long each change took to be Programmed.
func (s *space) edit() []time.Duration {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	watch, err := on.Watch(ctx, &v1alpha1.SparkGatewayList{}, client.InNamespace(s.name), client.MatchingFields{"metadata.name": "main"})
	if err != nil {
		s.Fatal(err)
	}
	defer watch.Stop()
	tick := time.NewTicker(editEvery)
	defer tick.Stop()
	var took []time.Duration
	for i := range edits {
		<-tick.C
		sent := time.Now()
		generation := s.patch(&v1alpha1.SparkGateway{}, "main",
			fmt.Sprintf(`{"spec":{"limits":{"requests":[{"count":%d,"per":"1m"}]}}}`, 1_000_000+i))
		deadline := time.NewTimer(20 * time.Second)
		for programmed := false; !programmed; {
			select {
			case event, open := <-watch.ResultChan():
				gw, ok := event.Object.(*v1alpha1.SparkGateway)
				if !open || !ok {
					s.Fatalf("the watch ended: %v", event)
				}
				c := find(gw.Status.Conditions, v1alpha1.Programmed)
				programmed = gw.Status.ObservedGeneration >= generation &&
					c.ObservedGeneration >= generation && c.Status == metav1.ConditionTrue
			case <-deadline.C:
				s.Fatalf("edit %d is not Programmed after 20 s", i)
			}
		}
		deadline.Stop()
		took = append(took, time.Since(sent))
	}
	return took
}
