// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/e2e/load"
)

// Three pods with a store hold limits and budgets exactly; while the store is away they hold their shares and fail no request,
// and it is used again by itself.
func TestPodsWithAStoreCountTogether(t *testing.T) {
	s := newSpace(t)
	s.startStore()
	// On a busy machine a store that is well may take longer than usual, and then shares would be held instead.
	l := s.shares(stored + "      timeout: 1s\n")
	// Of a limit that is never reached each request asks the store.
	s.patch(&v1alpha1.APIKey{}, "worker", `{"spec":{"limits":{"requests":[{"count":1000000,"per":"1h"}]}}}`)
	s.waitFor("Programmed", "apikey/worker")
	s.enforced(metav1.ConditionTrue, v1alpha1.ReasonStore, 15*time.Second)
	for _, part := range []struct {
		name string
		runs func(*loader)
	}{
		{"a limit lets exactly so many requests pass", (*loader).countsExactly},
		{"a budget is spent to the cent", (*loader).spendsExactly},
		{"any pod reads the records of all", (*loader).readsAll},
		{"a store whose process is killed forgets nothing", (*loader).losesItsStore},
		{"while the store is away each pod holds its share", (*loader).doesWithout},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.runs(l.as(t)) }) {
			break
		}
	}
}

func (l *loader) countsExactly() {
	l.s.Helper()
	const limit, rate, each = 60, 150, 100
	total := l.begin(l.spec("counted", rate, each)).sentAll(each, 15*time.Second).Total()
	if wrong := refusedOnly(total); wrong != "" || total.OK != limit {
		l.s.Errorf("%d requests passed a limit of %d: %s", total.OK, limit, wrong)
	}
	l.s.Logf("of %d requests at %d a second, %d pods let %d pass a limit of %d", total.Sent, rate*pods, pods, total.OK, limit)
}

// purchases are how many requests the buyer's budget is for, and asked how many it makes of each pod.
const purchases, asked = 20, 30

func (l *loader) spendsExactly() {
	l.s.Helper()
	total := l.begin(l.spec("buyer", 60, asked)).sentAll(asked, 15*time.Second).Total()
	ended := time.Now()
	if wrong := refusedOnly(total); wrong != "" || total.OK != purchases {
		l.s.Errorf("%d requests of $0.05 were answered for $1.00: %s", total.OK, wrong)
	}
	eventually(l.s, usageWithin, func() string { return l.s.unspent("buyer") })
	l.s.toldOf("APIKey", "buyer", "BudgetSpent")
	l.isSpent("buyer", true)
	l.s.Logf("of a budget of $1.00 exactly $1.00 was spent by %d of %d requests on %d pods, and told %s after", total.OK, total.Sent, pods, millis(time.Since(ended)))
}

// unspent says what beside a budget that is spent exactly the status of a key tells.
func (s *space) unspent(name string) string {
	s.Helper()
	u, within := s.keyUsage(name)
	if u.Requests != purchases || u.Cost != config.Dollar.String() || len(u.Budgets) != 1 || u.Budgets[0].Remaining != config.Money(0).String() ||
		within.Status != metav1.ConditionFalse || within.Reason != string(v1alpha1.ReasonSpent) {
		return fmt.Sprintf("%s: the status tells %d requests, $%s, budgets %+v; WithinBudget is %s/%s", name, u.Requests, u.Cost, u.Budgets, within.Status, within.Reason)
	}
	return ""
}

func (l *loader) readsAll() {
	l.s.Helper()
	// Every pod was asked once more.
	const all = pods*asked + pods
	for _, pod := range l.s.addresses("main") {
		eventually(l.s, 5*time.Second, func() string {
			records, scope := l.exported(l.s.apiKey("buyer"), "", pod)
			b, refused, wrong := l.s.tallied(records, "buyer")
			if wrong != "" || b.requests != purchases || b.cost != config.Dollar || b.requests+refused != all || scope != "store" {
				return fmt.Sprintf("%s reads, of scope %q, %s and %d refused of %d: %s", pod, scope, b, refused, all, wrong)
			}
			return ""
		})
	}
	records, _ := l.exported(l.s.apiKey("auditor"), "?key="+l.s.name+"/counted", l.s.addresses("main")[0])
	if _, _, wrong := l.s.tallied(records, "counted"); wrong != "" || len(records) != pods*100 {
		l.s.Errorf("a master key reads %d records of one key: %s", len(records), wrong)
	}
	l.s.Logf("each of %d pods reads all %d records of a key", pods, all)
}

// losesItsStore kills the process of the store under load; what it knows is in its pod's volume.
func (l *loader) losesItsStore() {
	l.s.Helper()
	pod := l.s.podsOf("redis")[0]
	hand := l.s.signaller("hand", pod.Spec.NodeName)
	r := l.begin(l.spec("worker", 20, 0))
	r.goesOn(30)
	hand.signal(string(pod.UID), load.SignalKill)
	eventually(l.s, 30*time.Second, func() string {
		if is := l.s.podsOf("redis")[0].Status.ContainerStatuses[0]; is.RestartCount == 0 || !is.Ready {
			return "the store is not back"
		}
		return ""
	})
	_, back := l.s.enforced(metav1.ConditionTrue, v1alpha1.ReasonStore, 40*time.Second)
	r.goesOn(30)
	total := r.stop().Total()
	if wrong := faultless(total); wrong != "" {
		l.s.Error(wrong)
	}
	l.isSpent("buyer", true)
	l.isLimited("counted")
	l.toldExactly("worker")
	l.s.Logf("the store's process killed: all is as before %s after it was back; meanwhile %s", millis(back), figures(total))
}

// isLimited checks that no pod lets a key's request pass.
func (l *loader) isLimited(name string) {
	l.s.Helper()
	for _, pod := range l.s.addresses("main") {
		if a := l.ask(l.question(name, pod))[0]; a.Status != http.StatusTooManyRequests || a.Headers.Get("Retry-After") == "" {
			l.s.Errorf("%s answers %s %d %v %s %s", pod, name, a.Status, a.Headers, a.Body, a.Error)
		}
	}
}

// toldExactly waits until the status of a key without a price tells what the provider's books say.
func (l *loader) toldExactly(name string) {
	l.s.Helper()
	books := l.s.billed(name)
	eventually(l.s, usageWithin, func() string {
		if u, _ := l.s.keyUsage(name); u.Requests != books.requests || u.Tokens != books.tokens {
			return fmt.Sprintf("%s: the status tells %d requests and %d tokens, the provider's books %s", name, u.Requests, u.Tokens, books)
		}
		return ""
	})
}

func (l *loader) doesWithout() {
	l.s.Helper()
	const limit, each = 60, 40
	under := l.begin(l.spec("worker", 20, 0))
	under.goesOn(30)
	start := time.Now()
	l.s.kubectl("scale", "deployment/redis", "--replicas=0")
	var down metav1.Condition
	// Before the last pod has noticed, what it lets pass is counted in the store, beside the shares of the others.
	eventually(l.s, 8*time.Second, func() string {
		down, _ = l.s.enforced(metav1.ConditionFalse, v1alpha1.ReasonStoreDown, 8*time.Second)
		if strings.Count(down.Message, "in pod ") < pods {
			return down.Message
		}
		return ""
	})
	told := time.Since(start)
	share := l.begin(l.spec("slow", 20, each)).sentAll(each, 15*time.Second).Total()
	if wrong := refusedOnly(share); wrong != "" || share.OK > limit || share.OK < pods {
		l.s.Errorf("without the store %d requests passed a limit of %d: %s", share.OK, limit, wrong)
	}
	away := time.Since(start)
	l.s.kubectl("scale", "deployment/redis", "--replicas=1")
	l.s.kubectl("rollout", "status", "deployment/redis", "--timeout=60s")
	_, back := l.s.enforced(metav1.ConditionTrue, v1alpha1.ReasonStore, 40*time.Second)
	under.goesOn(30)
	total := under.stop().Total()
	if wrong := faultless(total); wrong != "" {
		l.s.Error(wrong)
	}
	if u, _ := l.s.keyUsage("buyer"); u.Requests < purchases {
		l.s.Errorf("of %d requests the status tells %d after the store came back", purchases, u.Requests)
	}
	l.s.Logf("the store away for %s: StoreDown by every pod after %s: %q; meanwhile %d pods let %d of %d requests pass a limit of %d; LimitsEnforced %s after it was back; in all %s",
		millis(away), millis(told), down.Message, pods, share.OK, share.Sent, limit, millis(back), figures(total))
	for _, name := range []string{"buyer", "counted", "slow"} {
		a := l.ask(l.question(name, l.s.addresses("main")[0]))[0]
		l.s.Logf("the store came back empty: %s is answered %d %s", name, a.Status, message(a.Body))
	}
}
