// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// outage is a model that a pod keeps out.
type outage struct {
	pod, model, reason string
	state              v1alpha1.BreakerState
	since              time.Time
}

// voices are what pods say, put together.
type voices struct {
	// said counts the pods that say something of the provider within the grace period.
	said int
	// pending says that a pod has yet to be heard for the first time.
	pending bool
	// silent pods, "pod main-a is silent: why", sorted.
	silent []string
	out    []outage
	// checked counts the pods with a result of the health check, ill are those where it fails: "main-a: status 503".
	checked int
	ill     []string

	attempts, failures int64
	latency            [config.LatencyBuckets]int64
}

// listen puts together what the pods of one gateway say.
func listen(g GatewayTraffic) voices {
	var v voices
	pods := slices.SortedFunc(slices.Values(g.Pods), func(a, b PodTraffic) int { return cmp.Compare(a.Pod, b.Pod) })
	for _, p := range pods {
		switch {
		case p.Silence > Grace:
			v.silent = append(v.silent, fmt.Sprintf("pod %s is silent: %s", p.Pod, cmp.Or(p.Problem, "it was not asked yet")))
		case !p.Heard:
			v.pending = true
		case p.State != nil:
			v.hear(p.Pod, p.State)
		}
	}
	slices.SortStableFunc(v.out, func(a, b outage) int {
		return cmp.Or(cmp.Compare(severity[b.state], severity[a.state]), cmp.Compare(a.model, b.model))
	})
	return v
}

func (v *voices) hear(pod string, s *config.ProviderState) {
	v.said++
	for _, b := range s.Out {
		if state := stateOf(b.State); state != v1alpha1.BreakerClosed {
			v.out = append(v.out, outage{pod, b.Model, b.Reason, state, b.Since})
		}
	}
	if s.Health != nil {
		v.checked++
		if !s.Health.Healthy {
			v.ill = append(v.ill, fmt.Sprintf("%s: %s", pod, s.Health.Reason))
		}
	}
	attempts := max(s.Attempts, 0)
	v.attempts += attempts
	v.failures += min(max(s.Failures, 0), attempts)
	for i, n := range s.Latency[:min(len(s.Latency), len(v.latency))] {
		v.latency[i] += max(n, 0)
	}
}

// stateOf reads a pod's word for a state. One that this release does not know is told as Unknown.
func stateOf(word string) v1alpha1.BreakerState {
	switch word {
	case config.BreakerClosed:
		return v1alpha1.BreakerClosed
	case config.BreakerHalfOpen:
		return v1alpha1.BreakerHalfOpen
	case config.BreakerOpen:
		return v1alpha1.BreakerOpen
	}
	return v1alpha1.BreakerUnknown
}

// add takes in what another gateway's pods say.
func (v *voices) add(other voices) {
	v.said += other.said
	v.pending = v.pending || other.pending
	v.silent = append(v.silent, other.silent...)
	v.out = append(v.out, other.out...)
	v.checked += other.checked
	v.ill = append(v.ill, other.ill...)
	v.attempts += other.attempts
	v.failures += other.failures
	for i, n := range other.latency {
		v.latency[i] += n
	}
}

// breaker gives the worst of all, which is Unknown where somebody could know of an open one and does not say.
func (v *voices) breaker() v1alpha1.BreakerState {
	state := v1alpha1.BreakerClosed
	if len(v.silent) > 0 || v.said == 0 {
		state = v1alpha1.BreakerUnknown
	}
	for _, o := range v.out {
		state = worse(state, o.state)
	}
	return state
}

// since gives when the first of the breakers that are in a state left Closed, and now where none says so.
func (v *voices) since(state v1alpha1.BreakerState, now time.Time) time.Time {
	first := now
	for _, o := range v.out {
		if o.state == state && !o.since.IsZero() && o.since.Before(first) {
			first = o.since
		}
	}
	return first
}

// breakerWords say what a model is.
var breakerWords = map[v1alpha1.BreakerState]string{
	v1alpha1.BreakerOpen: "open", v1alpha1.BreakerHalfOpen: "half open", v1alpha1.BreakerUnknown: "in an unknown state",
}

// message says which models are out in which pods, and who is silent; empty while all are in and everybody speaks.
func (v *voices) message() string {
	var parts []string
	for _, o := range v.out {
		parts = append(parts, fmt.Sprintf("%s is %s in pod %s: %s", o.model, breakerWords[o.state], o.pod, o.reason))
	}
	parts = append(parts, v.silent...)
	if len(parts) == 0 && v.said == 0 {
		return "no pod says anything of the provider yet"
	}
	return strings.Join(parts, "; ")
}

// healthy gives the condition of that name, of all gateways together.
func (v *voices) healthy(traffic []v1alpha1.ProviderTraffic) Condition {
	is := func(s metav1.ConditionStatus, r v1alpha1.Reason, message string) Condition {
		return Condition{v1alpha1.Healthy, s, r, message}
	}
	var open, untold []string
	for _, t := range traffic {
		switch t.Breaker {
		case v1alpha1.BreakerOpen:
			open = append(open, t.Message)
		case v1alpha1.BreakerUnknown:
			untold = append(untold, t.Message)
		}
	}
	answered := v.attempts > v.failures
	switch {
	case len(v.ill) > 0:
		return is(metav1.ConditionFalse, v1alpha1.ReasonHealthCheckFailed, "the health check fails in pod "+strings.Join(v.ill, "; in pod "))
	case len(open) > 0:
		return is(metav1.ConditionFalse, v1alpha1.ReasonBreakerOpen, strings.Join(open, "; "))
	case len(traffic) == 0:
		return is(metav1.ConditionUnknown, v1alpha1.ReasonNotObserved, "no gateway serves the provider")
	case len(untold) > 0:
		return is(metav1.ConditionUnknown, v1alpha1.ReasonNotObserved, strings.Join(untold, "; "))
	case v.checked > 0:
		return is(metav1.ConditionTrue, v1alpha1.ReasonAnswering, "the health check succeeds")
	case len(v.out) > 0:
		return is(metav1.ConditionUnknown, v1alpha1.ReasonNotObserved, "a few requests try whether the provider has recovered")
	case answered:
		return is(metav1.ConditionTrue, v1alpha1.ReasonAnswering, "requests are answered")
	case v.attempts > 0:
		return is(metav1.ConditionUnknown, v1alpha1.ReasonNotObserved, "no request of the last minute was answered")
	}
	return is(metav1.ConditionUnknown, v1alpha1.ReasonNotObserved, "nothing was asked of the provider in the last minute")
}
