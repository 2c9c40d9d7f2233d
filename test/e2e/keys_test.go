// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/e2e/load"
)

// refusedWithin is how long after an APIKey was deleted a pod may go on accepting it.
const refusedWithin = time.Second

// A deleted key is refused by every pod at once, on new connections and on those that are open.
func TestADeletedKeyIsRefusedByEveryPod(t *testing.T) {
	s := newSpace(t)
	l := s.start(minimal)
	pods := s.addresses("main")
	for round := range 5 {
		name := fmt.Sprintf("leaver-%d", round)
		s.apply("apiVersion: sparkgateway.dev/v1alpha1\nkind: APIKey\nmetadata: {name: " + name + "}\n" +
			"spec: {user: leaver, gatewayRefs: [{name: main}]}\n")
		s.waitFor("Programmed", "apikey/"+name)
		spec := load.Spec{Targets: pods, Rate: 40, Key: s.apiKey(name), Steer: "tokens=1"}
		kept := l.begin(spec)
		spec.Fresh = true
		fresh := l.begin(spec)
		eventually(t, 10*time.Second, func() string {
			if a, b := kept.report().Total(), fresh.report().Total(); a.OK < 60 || b.OK < 60 {
				return fmt.Sprintf("the key is accepted %d and %d times", a.OK, b.OK)
			}
			return ""
		})
		ahead := l.ahead()
		deleted := time.Now().Add(ahead)
		if err := on.Delete(t.Context(), get(s, name, &v1alpha1.APIKey{})); err != nil {
			t.Fatal(err)
		}
		eventually(t, 20*time.Second, func() string {
			for _, r := range []*run{kept, fresh} {
				for pod, tally := range r.report().Targets {
					if tally.Statuses["401"] < 40 {
						return fmt.Sprintf("%s has refused the key %d times", pod, tally.Statuses["401"])
					}
				}
			}
			return ""
		})
		slowest := map[*run]time.Duration{}
		for _, r := range []*run{kept, fresh} {
			report := r.stop()
			for pod, tally := range report.Targets {
				late := tally.LastOK.Sub(deleted)
				slowest[r] = max(slowest[r], tally.FirstRefused.Sub(deleted))
				if late > refusedWithin || tally.FirstRefused.Sub(deleted) > refusedWithin {
					t.Errorf("%s accepts the key for %s after it was deleted, first refuses it after %s", pod, late, tally.FirstRefused.Sub(deleted))
				}
				if tally.OK+tally.Statuses["401"] != tally.Sent {
					t.Errorf("%s: %+v", pod, tally)
				}
			}
		}
		t.Logf("round %d: the last of %d pods refuses the key after %s on open connections, after %s on new ones",
			round, len(pods), millis(slowest[kept]), millis(slowest[fresh]))
	}
}
