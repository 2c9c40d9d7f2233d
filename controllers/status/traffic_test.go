// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/gateway/config"
)

// says is a pod that was heard a second ago; the edits make what it says.
func says(pod string, edits ...func(*config.ProviderState)) status.PodTraffic {
	s := &config.ProviderState{ID: "team/llm"}
	for _, edit := range edits {
		edit(s)
	}
	return status.PodTraffic{Pod: pod, Heard: true, State: s, Silence: time.Second}
}

func out(model, state, reason string, ago time.Duration) func(*config.ProviderState) {
	return func(s *config.ProviderState) {
		s.Out = append(s.Out, config.BreakerState{Model: model, State: state, Reason: reason, Since: now.Add(-ago)})
	}
}

func tripped(model string) func(*config.ProviderState) {
	return out(model, config.BreakerOpen, "5 failures in a row, last: status 503", time.Minute)
}

func probing(model string) func(*config.ProviderState) {
	return out(model, config.BreakerHalfOpen, "5 failures in a row", time.Minute)
}

func answered(attempts, failures int64, latency ...int64) func(*config.ProviderState) {
	return func(s *config.ProviderState) { s.Attempts, s.Failures, s.Latency = attempts, failures, latency }
}

func checked(reason string) func(*config.ProviderState) {
	return func(s *config.ProviderState) {
		s.Health = &config.HealthState{Healthy: reason == "", Reason: reason, Since: now}
	}
}

// mute is a pod that was heard, or asked first, so long ago.
func mute(p status.PodTraffic, since time.Duration) status.PodTraffic {
	p.Silence, p.Problem = since, "it does not answer in time"
	return p
}

func unheard(pod string, since time.Duration) status.PodTraffic {
	return mute(status.PodTraffic{Pod: pod}, since)
}

func through(gateway string, pods ...status.PodTraffic) status.GatewayTraffic {
	return status.GatewayTraffic{Gateway: named(gateway), Pods: pods}
}

func provider(previous v1alpha1.ProviderPolicyStatus, gateways ...status.GatewayTraffic) v1alpha1.ProviderPolicyStatus {
	return status.Provider(3, now, v1alpha1.AttachedStatus{}, gateways, previous)
}

// told is the part of a status that a user looks at first.
type told struct{ Breaker, Healthy, Message string }

func toldBy(t *testing.T, s v1alpha1.ProviderPolicyStatus) told {
	t.Helper()
	c := find(t, s.Conditions, v1alpha1.Healthy)
	return told{string(s.Breaker), string(c.Status) + "/" + c.Reason, c.Message}
}

func TestWhatIsToldOfAProvider(t *testing.T) {
	const late = status.Grace + time.Millisecond
	tests := map[string]struct {
		gateways []status.GatewayTraffic
		want     told
	}{
		"requests are answered": {
			[]status.GatewayTraffic{through("main", says("a", answered(5, 1)), says("b"))},
			told{"Closed", "True/Answering", "requests are answered"},
		},
		"nothing was asked of it": {
			[]status.GatewayTraffic{through("main", says("a"), says("b"))},
			told{"Closed", "Unknown/NotObserved", "nothing was asked of the provider in the last minute"},
		},
		"everything failed, and no breaker is open yet": {
			[]status.GatewayTraffic{through("main", says("a", answered(2, 2)))},
			told{"Closed", "Unknown/NotObserved", "no request of the last minute was answered"},
		},
		"the health check succeeds where nothing was asked": {
			[]status.GatewayTraffic{through("main", says("a", checked("")))},
			told{"Closed", "True/Answering", "the health check succeeds"},
		},
		"one pod's breaker is open": {
			[]status.GatewayTraffic{through("main", says("a", answered(9, 0)), says("b", tripped("gpt")))},
			told{"Open", "False/BreakerOpen", "gpt is open in pod b: 5 failures in a row, last: status 503"},
		},
		"open breakers are told first, by model and pod": {
			[]status.GatewayTraffic{through("main", says("b", probing("a-model"), tripped("gpt")), says("a", tripped("gpt"), tripped("emb")))},
			told{"Open", "False/BreakerOpen", "emb is open in pod a: 5 failures in a row, last: status 503; " +
				"gpt is open in pod a: 5 failures in a row, last: status 503; gpt is open in pod b: 5 failures in a row, last: status 503; " +
				"a-model is half open in pod b: 5 failures in a row"},
		},
		"a breaker that is half open is not known to be well": {
			[]status.GatewayTraffic{through("main", says("a", probing("gpt"), answered(9, 5)))},
			told{"HalfOpen", "Unknown/NotObserved", "a few requests try whether the provider has recovered"},
		},
		"a health check that fails comes before open breakers": {
			[]status.GatewayTraffic{through("main", says("b", checked("status 503"), tripped("gpt")), says("a", checked("timeout")), says("c", checked("")))},
			told{"Open", "False/HealthCheckFailed", "the health check fails in pod a: timeout; in pod b: status 503"},
		},
		"a pod is silent": {
			[]status.GatewayTraffic{through("main", says("a", answered(5, 0)), mute(says("b", answered(5, 0)), late))},
			told{"Unknown", "Unknown/NotObserved", "pod b is silent: it does not answer in time"},
		},
		"a pod that was never heard is silent in the end": {
			[]status.GatewayTraffic{through("main", says("a"), unheard("b", late))},
			told{"Unknown", "Unknown/NotObserved", "pod b is silent: it does not answer in time"},
		},
		"what a silent pod said of breakers does not count": {
			[]status.GatewayTraffic{through("main", says("a"), mute(says("b", tripped("gpt"), checked("down")), late))},
			told{"Unknown", "Unknown/NotObserved", "pod b is silent: it does not answer in time"},
		},
		"within the grace period it does": {
			[]status.GatewayTraffic{through("main", mute(says("b", tripped("gpt")), status.Grace))},
			told{"Open", "False/BreakerOpen", "gpt is open in pod b: 5 failures in a row, last: status 503"},
		},
		"an open breaker is told before a silent pod, which could not change it": {
			[]status.GatewayTraffic{through("main", mute(says("a"), late), says("b", tripped("gpt")))},
			told{"Open", "False/BreakerOpen", "gpt is open in pod b: 5 failures in a row, last: status 503; pod a is silent: it does not answer in time"},
		},
		"a silent pod is told before one that is half open": {
			[]status.GatewayTraffic{through("main", mute(says("a"), late), says("b", probing("gpt")))},
			told{"Unknown", "Unknown/NotObserved", "gpt is half open in pod b: 5 failures in a row; pod a is silent: it does not answer in time"},
		},
		"a pod that does not have it yet has nothing to say": {
			[]status.GatewayTraffic{through("main", says("a", answered(1, 0)), status.PodTraffic{Pod: "b", Heard: true})},
			told{"Closed", "True/Answering", "requests are answered"},
		},
		"no pod has it yet": {
			[]status.GatewayTraffic{through("main", status.PodTraffic{Pod: "b", Heard: true})},
			told{"Unknown", "Unknown/NotObserved", "no pod says anything of the provider yet"},
		},
		"no pod was heard yet": {
			[]status.GatewayTraffic{through("main", unheard("a", time.Second))},
			told{"Unknown", "Unknown/NotObserved", "no pod says anything of the provider yet"},
		},
		"a gateway has no pods": {
			[]status.GatewayTraffic{through("main")},
			told{"Unknown", "Unknown/NotObserved", "no pod says anything of the provider yet"},
		},
		"no gateway serves it": {
			nil,
			told{"", "Unknown/NotObserved", "no gateway serves the provider"},
		},
		"the worst of several gateways is told": {
			[]status.GatewayTraffic{through("main", says("a", answered(5, 0))), through("other", says("x", tripped("gpt"))), through("third")},
			told{"Open", "False/BreakerOpen", "gpt is open in pod x: 5 failures in a row, last: status 503"},
		},
		"a state that this release does not know is Unknown": {
			[]status.GatewayTraffic{through("main", says("a", answered(5, 0), out("gpt", "Ajar", "it is new", 0)))},
			told{"Unknown", "Unknown/NotObserved", "gpt is in an unknown state in pod a: it is new"},
		},
		"a closed breaker among those that are out is none": {
			[]status.GatewayTraffic{through("main", says("a", answered(5, 0), out("gpt", config.BreakerClosed, "", 0)))},
			told{"Closed", "True/Answering", "requests are answered"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := provider(v1alpha1.ProviderPolicyStatus{}, test.gateways...)
			if diff := cmp.Diff(test.want, toldBy(t, got)); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			// The same facts, in another order, an hour later.
			for i := range test.gateways {
				slices.Reverse(test.gateways[i].Pods)
			}
			later := status.Provider(3, now.Add(time.Hour), got.AttachedStatus, test.gateways, got)
			if diff := cmp.Diff(got, later); diff != "" {
				t.Errorf("the same facts an hour later (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatEachGatewaySays(t *testing.T) {
	got := provider(v1alpha1.ProviderPolicyStatus{},
		through("main", says("a", answered(400, 1, 0, 400)), says("b", answered(100, 0, 0, 100))),
		through("other", says("x", tripped("gpt"), out("emb", config.BreakerOpen, "why", time.Hour), out("old", config.BreakerHalfOpen, "why", 2*time.Hour))))
	sinceNow, sinceHour := metav1.NewTime(now), metav1.NewTime(now.Add(-time.Hour))
	want := []v1alpha1.ProviderTraffic{
		{Name: "main", Namespace: "team", Breaker: "Closed", Since: &sinceNow, Errors: "0.2%", P95: "1.2ms"},
		{Name: "other", Namespace: "team", Breaker: "Open", Since: &sinceHour,
			Message: "emb is open in pod x: why; gpt is open in pod x: 5 failures in a row, last: status 503; old is half open in pod x: why"},
	}
	if diff := cmp.Diff(want, got.Traffic); diff != "" {
		t.Errorf("traffic (-want +got):\n%s", diff)
	}
	if got.Errors != "0.2%" || got.P95 != "1.2ms" || got.Breaker != "Open" {
		t.Errorf("errors %q, p95 %q, breaker %s", got.Errors, got.P95, got.Breaker)
	}
}

func TestSinceWhenABreakerIsSo(t *testing.T) {
	state := func(edit ...func(*config.ProviderState)) status.GatewayTraffic {
		return through("main", says("a", edit...))
	}
	closed := provider(v1alpha1.ProviderPolicyStatus{}, state())
	open := provider(closed, state(tripped("gpt")))
	minute := now.Add(-time.Minute)
	if got := open.Traffic[0].Since.Time; !got.Equal(minute) {
		t.Errorf("open since %s, want what the pod says, %s", got, minute)
	}
	// Another pod's breaker opens, and the first one closes: there was no moment without an open one.
	still := status.Provider(3, now.Add(time.Hour), open.AttachedStatus, []status.GatewayTraffic{through("main", says("b", tripped("emb")))}, open)
	if got := still.Traffic[0].Since.Time; !got.Equal(minute) {
		t.Errorf("still open since %s, want %s", got, minute)
	}
	well := status.Provider(3, now.Add(time.Hour), open.AttachedStatus, []status.GatewayTraffic{state()}, still)
	if got := well.Traffic[0].Since.Time; !got.Equal(now.Add(time.Hour)) {
		t.Errorf("closed since %s", got)
	}
	for name, since := range map[string]func(*config.ProviderState){
		"a pod that does not say": func(s *config.ProviderState) {
			s.Out = []config.BreakerState{{Model: "gpt", State: config.BreakerOpen}}
		},
		"a pod whose clock is ahead": out("gpt", config.BreakerOpen, "", -time.Hour),
	} {
		if got := provider(closed, state(since)).Traffic[0].Since.Time; !got.Equal(now) {
			t.Errorf("%s: open since %s, want now", name, got)
		}
	}
}

// An operator that has just started has heard some pods and not yet others, which may know of something worse.
func TestWhatWasWorseStandsUntilEveryPodIsHeard(t *testing.T) {
	open := provider(v1alpha1.ProviderPolicyStatus{}, through("main", says("a", answered(50, 1, 50)), says("b", tripped("gpt"))))
	ill := provider(v1alpha1.ProviderPolicyStatus{}, through("main", says("a"), says("b", checked("status 503"))))
	well := provider(v1alpha1.ProviderPolicyStatus{}, through("main", says("a", answered(50, 1, 50)), says("b")))
	tests := map[string]struct {
		before v1alpha1.ProviderPolicyStatus
		pods   []status.PodTraffic
		want   string
	}{
		"open stays open":                    {open, []status.PodTraffic{says("a"), unheard("b", time.Second)}, "Open False/BreakerOpen 2% 1ms"},
		"nobody is heard yet":                {open, []status.PodTraffic{unheard("a", 0), unheard("b", 0)}, "Open False/BreakerOpen 2% 1ms"},
		"everybody is heard":                 {open, []status.PodTraffic{says("a"), says("b", answered(1, 0))}, "Closed True/Answering 0% "},
		"the grace period is over":           {open, []status.PodTraffic{says("a"), unheard("b", time.Hour)}, "Unknown Unknown/NotObserved  "},
		"a failing health check stays":       {ill, []status.PodTraffic{says("a"), unheard("b", time.Second)}, "Closed False/HealthCheckFailed  "},
		"what is well stays so":              {well, []status.PodTraffic{says("a"), unheard("b", time.Second)}, "Closed True/Answering 2% 1ms"},
		"what is worse than before is told":  {well, []status.PodTraffic{says("a", tripped("gpt")), unheard("b", time.Second)}, "Open False/BreakerOpen 2% 1ms"},
		"what is worse in health is told":    {open, []status.PodTraffic{says("a", checked("no")), unheard("b", time.Second)}, "Open False/HealthCheckFailed 2% 1ms"},
		"nothing is kept where nothing was":  {v1alpha1.ProviderPolicyStatus{}, []status.PodTraffic{says("a", answered(1, 0)), unheard("b", 0)}, "Closed True/Answering 0% "},
		"another gateway's word is not kept": {provider(v1alpha1.ProviderPolicyStatus{}, through("other", says("x", tripped("gpt")))), []status.PodTraffic{says("a"), unheard("b", 0)}, "Closed Unknown/NotObserved  "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := provider(test.before, through("main", test.pods...))
			if words := fmt.Sprint(got.Breaker, " ", toldBy(t, got).Healthy, " ", got.Errors, " ", got.P95); words != test.want {
				t.Errorf("told %q, want %q", words, test.want)
			}
		})
	}
}

func TestWhatPodsSayIsBounded(t *testing.T) {
	var edits []func(*config.ProviderState)
	for i := range 500 {
		edits = append(edits, tripped(fmt.Sprintf("model-%03d", i)))
	}
	edits = append(edits, func(s *config.ProviderState) {
		s.Attempts, s.Failures = -5, 1<<40
		s.Latency = make([]int64, 4*config.LatencyBuckets)
		s.Latency[0], s.Latency[4*config.LatencyBuckets-1] = -7, 9
	})
	got := provider(v1alpha1.ProviderPolicyStatus{}, through("main", says("a", edits...)))
	message := got.Traffic[0].Message
	if len(message) > 1024 || !strings.HasPrefix(message, "model-000 is open in pod a") || !strings.HasSuffix(message, "…") {
		t.Errorf("message of %d bytes: %s", len(message), message)
	}
	if c := find(t, got.Conditions, v1alpha1.Healthy); len(c.Message) > 1024 {
		t.Errorf("the condition's message has %d bytes", len(c.Message))
	}
	if got.Errors != "" || got.P95 != "" {
		t.Errorf("errors %q, p95 %q of numbers that cannot be", got.Errors, got.P95)
	}
	more := provider(v1alpha1.ProviderPolicyStatus{}, through("main", says("a", answered(5, 50))))
	if more.Errors != "100%" {
		t.Errorf("errors %q where more fail than there are", more.Errors)
	}
}

// Health is told of a provider; what is ready is what is declared.
func TestHealthDoesNotBearOnReady(t *testing.T) {
	attached := status.ForAttached(3, now, []status.AttachedTo{on("main", served)}, v1alpha1.AttachedStatus{})
	got := status.Provider(3, now, attached, []status.GatewayTraffic{through("main", says("a", tripped("gpt")))}, v1alpha1.ProviderPolicyStatus{})
	want := map[string]string{"Accepted": "True/Accepted", "ResolvedRefs": "True/Resolved", "Programmed": "True/Programmed",
		"Ready": "True/Ready", "Stalled": "False/Progressing", "Healthy": "False/BreakerOpen"}
	if diff := cmp.Diff(want, short(got.Conditions)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	if c := find(t, got.Conditions, v1alpha1.Healthy); c.ObservedGeneration != 3 {
		t.Errorf("Healthy is of generation %d", c.ObservedGeneration)
	}
}
