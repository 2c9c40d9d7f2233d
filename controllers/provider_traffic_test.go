// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/board"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/gateway/config"
)

// served is a bed with a provider that one gateway's pods a and b serve, all well and told.
func served(t *testing.T) (*attachedBed, *v1alpha1.ProviderPolicy) {
	t.Helper()
	p := policy("llm")
	b := newAttachedBed(t, sparkGateway(), p)
	b.publish(status.Providers, "llm", compiler.Verdict{Generation: 1, Content: "A"}, "a", "b")
	b.pods.say("a", config.ProviderState{Attempts: 100, Latency: []int64{100}})
	b.pods.say("b", config.ProviderState{Attempts: 100, Latency: []int64{100}})
	b.reconcile(status.Providers, p)
	b.news()
	b.now = b.now.Add(time.Minute)
	return b, p
}

func wantProvider(t *testing.T, p *v1alpha1.ProviderPolicy, breaker v1alpha1.BreakerState, healthy string) {
	t.Helper()
	c := conditionOf(p.Status.Conditions, v1alpha1.Healthy)
	if got := string(c.Status) + "/" + c.Reason; got != healthy || p.Status.Breaker != breaker {
		t.Errorf("breaker %s, Healthy %s, want %s and %s", p.Status.Breaker, got, breaker, healthy)
	}
}

func TestABreakersTransitionsAreToldAtOnce(t *testing.T) {
	b, p := served(t)
	wantProvider(t, p, "Closed", "True/Answering")
	if p.Status.Errors != "0%" || p.Status.P95 != "1ms" || len(p.Status.Traffic) != 1 {
		t.Errorf("status %+v", p.Status)
	}
	b.pods.say("b", open("gpt"))
	if writes, wait := b.reconcile(status.Providers, p); writes != 1 || wait != 0 {
		t.Errorf("%d writes, a wait of %s", writes, wait)
	}
	wantProvider(t, p, "Open", "False/BreakerOpen")
	if got := p.Status.Traffic[0].Message; got != "gpt is open in pod main-b: 5 failures in a row, last: status 503" {
		t.Errorf("message %q", got)
	}
	// A second model is told two seconds after the first write at the latest.
	b.pods.say("a", open("emb"))
	writes, wait := b.reconcile(status.Providers, p)
	if writes != 0 || wait != 2*time.Second {
		t.Errorf("%d writes, a wait of %s", writes, wait)
	}
	b.now = b.now.Add(wait)
	if writes, _ := b.reconcile(status.Providers, p); writes != 1 || !strings.HasPrefix(p.Status.Traffic[0].Message, "emb is open in pod main-a") {
		t.Errorf("%d writes, message %q", writes, p.Status.Traffic[0].Message)
	}
	// One that comes and goes is written once a second.
	b.pods.say("a", config.ProviderState{Attempts: 9})
	b.pods.say("b", config.ProviderState{Attempts: 9})
	if writes, wait = b.reconcile(status.Providers, p); writes != 0 || wait != time.Second {
		t.Errorf("%d writes when all close, a wait of %s", writes, wait)
	}
	b.now = b.now.Add(wait)
	if writes, _ := b.reconcile(status.Providers, p); writes != 1 {
		t.Errorf("%d writes when all close", writes)
	}
	wantProvider(t, p, "Closed", "True/Answering")
	want := []string{
		"Normal BreakerClosed SparkGateway team/main: the breaker of emb is closed again",
		"Normal BreakerClosed SparkGateway team/main: the breaker of gpt is closed again",
		"Warning BreakerOpened SparkGateway team/main: emb is open in pod main-a: 5 failures in a row, last: status 503",
		"Warning BreakerOpened SparkGateway team/main: gpt is open in pod main-b: 5 failures in a row, last: status 503",
	}
	if diff := cmp.Diff(want, b.news()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestNumbersAloneAreWrittenNowAndThen(t *testing.T) {
	b, p := served(t)
	total := 0
	for i := range 60 { // two minutes under load, with an error rate that swings
		b.now = b.now.Add(2 * time.Second)
		b.pods.say("a", config.ProviderState{Attempts: 100, Failures: int64(1 + 9*(i%2)), Latency: []int64{100}})
		writes, wait := b.reconcile(status.Providers, p)
		total += writes
		if wait > 15*time.Second {
			t.Errorf("a wait of %s", wait)
		}
	}
	if total < 4 || total > 8 {
		t.Errorf("%d writes within two minutes", total)
	}
	// Where numbers hardly move there are none, and nothing waits.
	b.now = b.now.Add(time.Minute)
	b.reconcile(status.Providers, p)
	for i := range 60 {
		b.now = b.now.Add(2 * time.Second)
		b.pods.say("a", config.ProviderState{Attempts: 1000, Failures: 100 + int64(i%2), Latency: []int64{1000}})
		b.pods.say("b", config.ProviderState{Attempts: 1000 + int64(i), Failures: 100, Latency: []int64{1000}})
		if writes, wait := b.reconcile(status.Providers, p); i > 10 && (writes != 0 || wait != 0) {
			t.Fatalf("step %d: %d writes, a wait of %s", i, writes, wait)
		}
	}
}

// What was declared, and what breakers do, waits for no number.
func TestNumbersHoldUpNothing(t *testing.T) {
	b, p := served(t)
	b.pods.say("a", config.ProviderState{Attempts: 100, Failures: 1, Latency: []int64{100}})
	if writes, _ := b.reconcile(status.Providers, p); writes != 1 {
		t.Errorf("%d writes", writes)
	}
	b.now = b.now.Add(5 * time.Second)
	b.pods.say("a", config.ProviderState{Attempts: 100, Failures: 50, Latency: []int64{100}})
	if writes, wait := b.reconcile(status.Providers, p); writes != 0 || wait != 10*time.Second {
		t.Errorf("%d writes, a wait of %s", writes, wait)
	}
	b.pods.say("b", open("gpt"))
	if writes, _ := b.reconcile(status.Providers, p); writes != 1 || p.Status.Errors != "50%" {
		t.Errorf("%d writes, errors %s", writes, p.Status.Errors)
	}
	b.publish(status.Providers, "llm", compiler.Verdict{Generation: 1, ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonSecretNotFound, Message: "no"}}, "a", "b")
	if writes, _ := b.reconcile(status.Providers, p); writes != 1 || len(p.Status.Traffic) != 0 || p.Status.Breaker != "" {
		t.Errorf("%d writes, status %+v", writes, p.Status)
	}
}

func TestSilenceIsTold(t *testing.T) {
	b, p := served(t)
	w := b.pods["b"]
	w.Silence, w.Problem = status.Grace+time.Second, "it does not answer in time"
	b.pods["b"] = w
	if writes, _ := b.reconcile(status.Providers, p); writes != 1 {
		t.Errorf("%d writes", writes)
	}
	wantProvider(t, p, "Unknown", "Unknown/NotObserved")
	// The pod goes, and with it what it did not say.
	b.now = b.now.Add(time.Second)
	b.publish(status.Providers, "llm", compiler.Verdict{Generation: 1, Content: "A"}, "a")
	b.reconcile(status.Providers, p)
	wantProvider(t, p, "Closed", "True/Answering")
}

func TestAnOperatorThatStartsTellsNothingTwice(t *testing.T) {
	b, p := served(t)
	b.pods.say("b", open("gpt"))
	b.reconcile(status.Providers, p)
	b.news()
	fresh := newAttachedBed(t, sparkGateway(), p)
	fresh.publish(status.Providers, "llm", compiler.Verdict{Generation: 1, Content: "A"}, "a", "b")
	// It has heard one pod, and not yet the one that is in trouble.
	fresh.pods.say("a", config.ProviderState{Attempts: 100})
	fresh.pods["b"] = fleet.Word{Silence: time.Second}
	fresh.reconcile(status.Providers, p)
	wantProvider(t, p, "Open", "False/BreakerOpen")
	fresh.pods.say("b", open("gpt"))
	fresh.reconcile(status.Providers, p)
	wantProvider(t, p, "Open", "False/BreakerOpen")
	if got := fresh.news(); len(got) != 0 {
		t.Errorf("events %v", got)
	}
	// What happens from now on is news.
	fresh.pods.say("b", config.ProviderState{Attempts: 100})
	fresh.reconcile(status.Providers, p)
	fresh.pods.say("b", open("gpt"))
	fresh.reconcile(status.Providers, p)
	if got := fresh.news(); len(got) != 2 {
		t.Errorf("events %v", got)
	}
}

func TestWhatIsKeptOfAProviderGoesWithIt(t *testing.T) {
	b, p := served(t)
	b.pods.say("b", open("gpt"))
	b.reconcile(status.Providers, p)
	b.news()
	if err := b.client.Delete(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	b.reconcile(status.Providers, p)
	namesake := policy("llm")
	if err := b.client.Create(t.Context(), namesake); err != nil {
		t.Fatal(err)
	}
	b.reconcile(status.Providers, namesake)
	if got := b.news(); len(got) != 2 {
		t.Errorf("events of its namesake: %v", got)
	}
}

func TestProvidersThatPodsSpeakOfAreQueued(t *testing.T) {
	news := newFeed()
	b := board.New(func(_ status.Kind, name types.NamespacedName) { news.tell(name) })
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	t.Cleanup(queue.ShutDown)
	if err := news.Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	heard := passOn(b, news)
	wantQueued := func(want ...string) {
		t.Helper()
		var got []string
		for queue.Len() > 0 {
			r, _ := queue.Get()
			queue.Done(r)
			got = append(got, r.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("queued (-want +got):\n%s", diff)
		}
	}
	heard(main, []string{"team/llm", "not a name", "team/emb"})
	wantQueued("team/llm", "team/emb")
	heard(main, nil)
	wantQueued()
	out := compiler.Output{Providers: compiler.Verdicts{inTeam("llm"): {}}, Keys: compiler.Verdicts{inTeam("k"): {}}}
	b.Publish(main, status.Attachments(status.Report{}, out, status.Condition{Status: metav1.ConditionTrue}, status.Programming{}))
	for queue.Len() > 0 {
		r, _ := queue.Get()
		queue.Done(r)
	}
	heard(main, nil)
	wantQueued("team/llm")
}

func TestEventsOfManyModelsAreNotCountedAsOne(t *testing.T) {
	long := strings.Repeat("é", 200)
	for name, model := range map[string]string{"a model": "gpt", "a model with a long name": long, "a health check": ""} {
		action := ""
		e := Events{Recorder: recorder(func(a string) { action = a })}
		e.news(policy("llm"), status.News{Trouble: status.Trouble{Gateway: main, Model: model}, Begins: true, Message: "so it is"})
		if want := strings.TrimSpace("Observe " + model); !strings.HasPrefix(want, action) || len(action) > 128 || len(action) < min(len(want), 126) {
			t.Errorf("%s: action %q", name, action)
		}
	}
}
