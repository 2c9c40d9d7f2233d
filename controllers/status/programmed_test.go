// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/gateway/config"
)

const (
	desired = "aaaaaaaaaaaaaaaa"
	former  = "ffffffffffffffff"
)

// runs is a pod that says it runs a revision.
func runs(name, revision string, sequence int64) status.Pod {
	return status.Pod{Name: name, Ready: true, Ack: &config.Ack{Revision: revision, Sequence: sequence}}
}

func current(name string) status.Pod { return runs(name, desired, 5) }
func behind(name string) status.Pod  { return runs(name, former, 4) }

func rejects(name, reason string) status.Pod {
	p := behind(name)
	p.Ack.Rejected = &config.Rejection{Revision: desired, Sequence: 5, Error: reason}
	return p
}

func silent(p status.Pod, since time.Duration, problem string) status.Pod {
	p.Silence, p.Problem = since, problem
	return p
}

// programming is what is desired and written, on the given pods.
func programming(pods ...status.Pod) status.Programming {
	return status.Programming{Revision: desired, Sequence: 5, Written: true, TemplateCurrent: true, Pods: pods}
}

func edited(p status.Programming, edit func(*status.Programming)) status.Programming {
	edit(&p)
	return p
}

type wantCondition struct {
	Status  metav1.ConditionStatus
	Reason  v1alpha1.Reason
	Message string
}

// The rows of the design's table, each alone.
func TestProgrammed(t *testing.T) {
	const past = status.Grace + time.Millisecond
	tests := map[string]struct {
		facts status.Programming
		want  wantCondition
	}{
		"row 1: not accepted, and pods serve a former revision": {
			edited(programming(behind("a")), func(p *status.Programming) { p.Invalid, p.Served = true, former }),
			wantCondition{"False", "Invalid", "the gateway is not accepted; pods still serve revision ffffffff"},
		},
		"row 1: not accepted, and nothing was ever served": {
			edited(programming(), func(p *status.Programming) { p.Invalid = true }),
			wantCondition{"False", "Invalid", "the gateway is not accepted, and pods serve no revision yet"},
		},
		"an object of another's making is in the way": {
			edited(programming(current("a")), func(p *status.Programming) {
				p.Blocked = &status.Blocked{Reason: v1alpha1.ReasonChildConflict, Message: "Service team/main exists and is not ours, 100% sure"}
			}),
			wantCondition{"False", "ChildConflict", "Service team/main exists and is not ours, 100% sure"},
		},
		"row 2: not written yet": {
			edited(programming(current("a")), func(p *status.Programming) { p.Written = false }),
			wantCondition{"False", "Pending", "revision aaaaaaaa is not written yet"},
		},
		"row 2: a pod not yet on the current template": {
			edited(programming(current("a")), func(p *status.Programming) { p.TemplateCurrent = false }),
			wantCondition{"False", "Pending", "pods are being replaced: not all are of the current template yet"},
		},
		"row 3: no pods": {programming(), wantCondition{"False", "NoReplicas", "no pod serves"}},
		"row 4: a pod rejects": {
			programming(current("a"), rejects("b", "model: unknown")),
			wantCondition{"False", "Rejected", "pod b rejects revision aaaaaaaa: model: unknown"},
		},
		"row 4: of several that reject the first by name is told": {
			programming(rejects("c", "later"), rejects("b", "first"), current("a")),
			wantCondition{"False", "Rejected", "pod b rejects revision aaaaaaaa: first"},
		},
		"row 5: a pod runs another revision": {
			programming(current("a"), behind("b"), current("c")),
			wantCondition{"False", "Pending", "2 of 3 pods run revision aaaaaaaa"},
		},
		"row 5: a pod has not spoken yet": {
			programming(current("a"), silent(status.Pod{Name: "b"}, status.Grace, "")),
			wantCondition{"False", "Pending", "1 of 2 pods run revision aaaaaaaa"},
		},
		"row 5: the same revision under another sequence is another document": {
			programming(runs("a", desired, 4)), wantCondition{"False", "Pending", "0 of 1 pods run revision aaaaaaaa"},
		},
		"row 5: what a pod rejected before does not count any more": {
			programming(edit(behind("a"), func(p *status.Pod) { p.Ack.Rejected = &config.Rejection{Revision: former, Sequence: 3, Error: "old"} })),
			wantCondition{"False", "Pending", "0 of 1 pods run revision aaaaaaaa"},
		},
		"row 5: a rejection of an older document of the same content does not count": {
			programming(edit(behind("a"), func(p *status.Pod) { p.Ack.Rejected = &config.Rejection{Revision: desired, Sequence: 4, Error: "old"} })),
			wantCondition{"False", "Pending", "0 of 1 pods run revision aaaaaaaa"},
		},
		"row 6: a pod is silent past the grace period": {
			programming(current("a"), silent(current("b"), past, "it does not answer in time")),
			wantCondition{"Unknown", "AckMissing", "pod b is silent: it does not answer in time"},
		},
		"row 6: a pod that never spoke is silent past the grace period": {
			programming(current("a"), silent(status.Pod{Name: "b"}, past, "it refuses connections")),
			wantCondition{"Unknown", "AckMissing", "pod b is silent: it refuses connections"},
		},
		"row 6: what a silent pod said before does not count": {
			programming(silent(rejects("a", "old news"), past, "it does not answer in time")),
			wantCondition{"Unknown", "AckMissing", "pod a is silent: it does not answer in time"},
		},
		"row 7: every pod runs it": {
			programming(current("a"), current("b"), current("c")),
			wantCondition{"True", "Programmed", "all 3 pods run revision aaaaaaaa"},
		},
		"row 7: a short silence is within the grace period": {
			programming(current("a"), silent(current("b"), status.Grace, "it does not answer in time")),
			wantCondition{"True", "Programmed", "all 2 pods run revision aaaaaaaa"},
		},
		"row 7: a pod that is not ready counts as any other": {
			programming(current("a"), edit(current("b"), func(p *status.Pod) { p.Ready = false })),
			wantCondition{"True", "Programmed", "all 2 pods run revision aaaaaaaa"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := status.Programmed(test.facts)
			if got.Type != v1alpha1.Programmed {
				t.Errorf("type %s", got.Type)
			}
			if diff := cmp.Diff(test.want, wantCondition{got.Status, got.Reason, got.Message}); diff != "" {
				t.Errorf("condition (-want +got):\n%s", diff)
			}
			slices.Reverse(test.facts.Pods)
			if diff := cmp.Diff(got, status.Programmed(test.facts)); diff != "" {
				t.Errorf("in another order of pods (-want +got):\n%s", diff)
			}
		})
	}
}

func edit(p status.Pod, edit func(*status.Pod)) status.Pod {
	edit(&p)
	return p
}

// The first fact that matches decides: with all facts at once the first row is told, and with each taken away the next.
func TestTheFirstMatchDecides(t *testing.T) {
	facts := programming(rejects("a", "no"), behind("b"), silent(current("c"), time.Hour, "gone"), current("d"))
	facts.Invalid, facts.Served = true, former
	facts.Blocked = &status.Blocked{Reason: v1alpha1.ReasonChildConflict, Message: "in the way"}
	facts.Written, facts.TemplateCurrent = false, false
	withPods := facts.Pods
	steps := []struct {
		without func()
		want    v1alpha1.Reason
		status  metav1.ConditionStatus
	}{
		{func() {}, v1alpha1.ReasonInvalid, "False"},
		{func() { facts.Invalid = false }, v1alpha1.ReasonChildConflict, "False"},
		{func() { facts.Blocked = nil }, v1alpha1.ReasonPending, "False"},
		{func() { facts.Written = true }, v1alpha1.ReasonPending, "False"},
		{func() { facts.TemplateCurrent, facts.Pods = true, nil }, v1alpha1.ReasonNoReplicas, "False"},
		{func() { facts.Pods = withPods }, v1alpha1.ReasonRejected, "False"},
		{func() { facts.Pods = withPods[1:] }, v1alpha1.ReasonPending, "False"},
		{func() { facts.Pods = withPods[2:] }, v1alpha1.ReasonAckMissing, "Unknown"},
		{func() { facts.Pods = withPods[3:] }, v1alpha1.ReasonProgrammed, "True"},
	}
	for i, step := range steps {
		step.without()
		if got := status.Programmed(facts); got.Reason != step.want || got.Status != step.status {
			t.Errorf("step %d: %s/%s (%s), want %s/%s", i, got.Status, got.Reason, got.Message, step.status, step.want)
		}
	}
}

func TestCounts(t *testing.T) {
	tests := map[string]struct {
		pods    []status.Pod
		desired int32
		want    v1alpha1.PodCounts
	}{
		"no pods": {desired: 2, want: v1alpha1.PodCounts{Summary: "0/0/2", Desired: 2}},
		"all run it": {
			pods: []status.Pod{current("a"), current("b")}, desired: 2,
			want: v1alpha1.PodCounts{Summary: "2/2/2", Programmed: 2, Ready: 2, Desired: 2},
		},
		"the first by name that lags is told": {
			pods: []status.Pod{behind("c"), rejects("b", "no"), current("a")}, desired: 3,
			want: v1alpha1.PodCounts{Summary: "1/3/3", Programmed: 1, Ready: 3, Desired: 3, Lagging: "b"},
		},
		"one that is silent does not count": {
			pods: []status.Pod{silent(current("a"), time.Hour, "gone"), current("b")}, desired: 2,
			want: v1alpha1.PodCounts{Summary: "1/2/2", Programmed: 1, Ready: 2, Desired: 2, Lagging: "a"},
		},
		"one may run it and not be ready": {
			pods: []status.Pod{edit(current("a"), func(p *status.Pod) { p.Ready = false })}, desired: 1,
			want: v1alpha1.PodCounts{Summary: "1/0/1", Programmed: 1, Desired: 1},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, status.Counts(programming(test.pods...), test.desired)); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
		})
	}
}
