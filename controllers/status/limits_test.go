// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/gateway/config"
)

func TestLimitsEnforced(t *testing.T) {
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	up := func(pod string, since time.Time) status.PodSharing {
		return status.PodSharing{Pod: pod, Told: true, Store: &config.StoreState{Up: true, Since: since}}
	}
	down := func(pod, reason string) status.PodSharing {
		return status.PodSharing{Pod: pod, Told: true, Store: &config.StoreState{Since: now, Reason: reason}}
	}
	told := func(pod string) status.PodSharing { return status.PodSharing{Pod: pod, Told: true} }
	fresh := func(pod string) status.PodSharing { return status.PodSharing{Pod: pod} }
	silent := func(pod, problem string) status.PodSharing {
		return status.PodSharing{Pod: pod, Told: true, Silence: status.Grace + 1, Problem: problem}
	}
	redis := &v1alpha1.Store{Type: v1alpha1.StoreRedis}
	local := &metav1.Condition{Status: "True", Reason: "Local", Message: "as before"}
	wasDown := &metav1.Condition{Status: "False", Reason: "StoreDown", Message: "as before"}
	const everyTwo = "there is no store: every 2s each pod learns what the others counted"
	tests := map[string]struct {
		store     *v1alpha1.Store
		pods      []status.PodSharing
		before    *metav1.Condition
		want      status.Condition
		wantAgain time.Duration
	}{
		"without a store pods share": {nil, []status.PodSharing{told("a"), told("b")}, nil,
			status.Condition{Status: "True", Reason: "Local", Message: everyTwo}, 0},
		"a local store is none": {&v1alpha1.Store{Type: v1alpha1.StoreLocal}, []status.PodSharing{told("a")}, nil,
			status.Condition{Status: "True", Reason: "Local", Message: everyTwo}, 0},
		"nobody serves":        {nil, nil, local, status.Condition{Status: "Unknown", Reason: "NotTold", Message: "no pod has told of limits yet"}, 0},
		"nobody has told":      {nil, []status.PodSharing{fresh("a")}, nil, status.Condition{Status: "Unknown", Reason: "NotTold", Message: "no pod has told of limits yet"}, 0},
		"nobody has told anew": {nil, []status.PodSharing{fresh("a")}, local, status.Condition{Status: "True", Reason: "Local", Message: "as before"}, 0},
		"a pod that has just begun is no news": {nil, []status.PodSharing{told("a"), fresh("b")}, nil,
			status.Condition{Status: "True", Reason: "Local", Message: everyTwo}, 0},
		"a pod that is silent is": {nil, []status.PodSharing{told("a"), silent("b", "it refuses connections"), silent("c", "")}, local,
			status.Condition{Status: "Unknown", Reason: "NotTold", Message: "pod b is silent: it refuses connections; pod c is silent: it was not asked yet"}, 0},
		"every pod reaches the store": {redis, []status.PodSharing{up("a", ago(0)), up("b", ago(time.Hour))}, nil,
			status.Condition{Status: "True", Reason: "Store", Message: "every pod reaches the store"}, 0},
		"a pod does not use the store yet": {redis, []status.PodSharing{up("a", ago(0)), told("b")}, nil,
			status.Condition{Status: "Unknown", Reason: "NotTold", Message: "pod b does not use the store yet"}, 0},
		"some pods do not reach it": {redis, []status.PodSharing{down("c", "connection refused"), up("a", now), down("b", "timeout")}, nil,
			status.Condition{Status: "False", Reason: "StoreDown", Message: "the store does not answer in pod b: timeout; in pod c: connection refused; meanwhile such a pod enforces its share of each limit"}, 0},
		"a store that is down is worse than a silent pod": {&v1alpha1.Store{Type: v1alpha1.StoreRedis, OnFailure: v1alpha1.StoreFailureAllow}, []status.PodSharing{down("a", "timeout"), silent("b", "")}, nil,
			status.Condition{Status: "False", Reason: "StoreDown", Message: "the store does not answer in pod a: timeout; meanwhile such a pod limits nothing"}, 0},
		"without the store nothing is served": {&v1alpha1.Store{Type: v1alpha1.StoreRedis, OnFailure: v1alpha1.StoreFailureDeny}, []status.PodSharing{down("a", "timeout")}, nil,
			status.Condition{Status: "False", Reason: "StoreDown", Message: "the store does not answer in pod a: timeout; meanwhile such a pod refuses requests that a limit holds for"}, 0},
		"a store that has just come back may go again": {redis, []status.PodSharing{up("a", ago(3*time.Second)), up("b", ago(time.Hour))}, wasDown,
			status.Condition{Status: "False", Reason: "StoreDown", Message: "as before"}, 7 * time.Second},
		"a store that stays is there": {redis, []status.PodSharing{up("a", ago(10*time.Second))}, wasDown,
			status.Condition{Status: "True", Reason: "Store", Message: "every pod reaches the store"}, 0},
		"a store that was taken away is not waited for": {nil, []status.PodSharing{told("a")}, wasDown,
			status.Condition{Status: "True", Reason: "Local", Message: everyTwo}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, again := status.LimitsEnforced(status.Limiting{Store: test.store, Pods: test.pods}, test.before, now)
			test.want.Type = v1alpha1.LimitsEnforced
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("condition (-want +got):\n%s", diff)
			}
			if again != test.wantAgain {
				t.Errorf("to look again in %s, want %s", again, test.wantAgain)
			}
		})
	}
}
