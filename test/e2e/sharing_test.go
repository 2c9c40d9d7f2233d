// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

const (
	// exchange bounds how long what one pod counted may be unknown to another: the operator's round, and a busy machine.
	exchange = 4 * time.Second
	// forgotten is how much of what a pod counted may go with it.
	forgotten = 3 * time.Second
	// budgetEach is how many requests of a key with a budget go to each pod.
	budgetEach = 96
)

// Three pods without a store hold limits and budgets together within the bounds that the API states, tell what was used, leave
// one record a request, and forget nothing when they and the operator die.
func TestPodsWithoutAStoreShare(t *testing.T) {
	s := newSpace(t)
	l := s.shares("")
	s.enforced(metav1.ConditionTrue, v1alpha1.ReasonLocal, exchange)
	for _, part := range []struct {
		name string
		runs func(*loader)
	}{
		{"limits of requests hold within an exchange", (*loader).limitsRequests},
		{"budgets are not overrun, and told", (*loader).holdsBudgets},
		{"use is told within ten seconds", (*loader).tellsUse},
		{"every request leaves one record", (*loader).leavesRecords},
		{"a budget that is lowered is spent", (*loader).lowersBudgets},
		{"nothing is forgotten when all pods and the operator die", (*loader).forgetsNothing},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.runs(l.as(t)) }) {
			break
		}
	}
	for _, kind := range []string{"apikeys", "usagepolicies", "sparkgateways"} {
		s.shown(kind)
	}
}

func (l *loader) limitsRequests() {
	l.s.Helper()
	const limit, fast, burst = 60, 20, 80
	const gentle, each = 3, 40
	slowly := l.begin(l.spec("slow", gentle, each))
	quickly := l.begin(l.spec("counted", fast, burst)).sentAll(burst, 15*time.Second).Total()
	if wrong := refusedOnly(quickly); wrong != "" || quickly.OK < limit || quickly.OK > limit*pods {
		l.s.Errorf("%d requests passed a limit of %d on %d pods: %s", quickly.OK, limit, pods, wrong)
	}
	// By now each pod knows what the others let pass.
	again := l.begin(l.spec("counted", fast, fast)).sentAll(fast, 10*time.Second).Total()
	if again.OK != 0 || again.Statuses["429"] != again.Sent {
		l.s.Errorf("after an exchange: %+v", again)
	}
	gently := slowly.sentAll(each, 30*time.Second).Total()
	if most := limit + int(gentle*pods*exchange/time.Second); refusedOnly(gently) != "" || gently.OK < limit || gently.OK > most {
		l.s.Errorf("%d requests passed a limit of %d, want at most %d: %s", gently.OK, limit, most, refusedOnly(gently))
	}
	l.s.Logf("of a limit of %d requests, %d pods let %d pass at %d a second, 0 of %d after that; at %d a second %d",
		limit, pods, quickly.OK, fast*pods, again.Sent, gentle*pods, gently.OK)
}

// tellsUse measures how long the last of some requests is unknown to a status.
func (l *loader) tellsUse() {
	l.s.Helper()
	const each = 30
	total := l.begin(l.spec("worker", 10, each)).sentAll(each, 15*time.Second).Total()
	ended, books := time.Now(), l.s.billed("worker")
	eventually(l.s, usageWithin, func() string {
		if u, _ := l.s.keyUsage("worker"); u.Requests != books.requests || u.Tokens != books.tokens || u.LastUsed == nil {
			return fmt.Sprintf("the status tells %d requests, %d tokens, last used %v; the provider's books %s", u.Requests, u.Tokens, u.LastUsed, books)
		}
		return ""
	})
	if wrong := faultless(total); wrong != "" {
		l.s.Error(wrong)
	}
	l.s.Logf("%d requests are told %s after the last of them", books.requests, millis(time.Since(ended)))
}

func (l *loader) holdsBudgets() {
	l.s.Helper()
	const rate, each = 8, budgetEach
	spender, mate := l.begin(l.spec("spender", rate, each)), l.begin(l.spec("mate", rate, each))
	for name, r := range map[string]*run{"spender": spender, "mate": mate} {
		if wrong := refusedOnly(r.sentAll(each, 30*time.Second).Total()); wrong != "" {
			l.s.Errorf("%s: %s", name, wrong)
		}
	}
	own, team := l.s.billed("spender"), l.s.billed("spender", "mate")
	// What is left is less than a request may cost, of each pod's share: 20 tokens beyond the prompt are answered, 30 reserved.
	const budget, together = config.Dollar, 2 * config.Dollar
	if own.cost > budget || own.cost < budget*4/5 || team.cost > together || team.cost < together*4/5 {
		l.s.Errorf("the key spent %s of $1.00, the team %s of $2.00", own, team)
	}
	eventually(l.s, usageWithin, func() string {
		return unlike("APIKey spender", own, v1alpha1.ReasonNearlySpent)(l.s.keyUsage("spender"))
	})
	eventually(l.s, usageWithin, func() string {
		return unlike("UsagePolicy team-search", team, v1alpha1.ReasonNearlySpent)(l.s.policyUsage("team-search"))
	})
	if n := get(l.s, "team-search", &v1alpha1.UsagePolicy{}).Status.Members; n != 2 {
		l.s.Errorf("the policy has %d members, want 2", n)
	}
	l.s.toldOf("APIKey", "spender", "BudgetNearlySpent")
	l.s.toldOf("UsagePolicy", "team-search", "BudgetNearlySpent")
	l.s.Logf("the key spent %s of $1.00, the team %s of $2.00; the statuses tell exactly that", own, team)
}

// unlike gives a function that says how a status differs from the provider's books, and WithinBudget from its reason.
func unlike(what string, want bill, reason v1alpha1.Reason) func(v1alpha1.UsageStatus, metav1.Condition) string {
	return func(u v1alpha1.UsageStatus, within metav1.Condition) string {
		budget := v1alpha1.BudgetStatus{}
		if len(u.Budgets) == 1 {
			budget = u.Budgets[0]
		}
		if u.Requests != want.requests || u.Tokens != want.tokens || u.Cost != want.cost.String() || budget.Spent != want.cost.String() || u.LastUsed == nil {
			return fmt.Sprintf("%s: the status tells %d requests, %d tokens, $%s, of the budget $%s, last used %v; the provider's books %s",
				what, u.Requests, u.Tokens, u.Cost, budget.Spent, u.LastUsed, want)
		}
		if within.Reason != string(reason) || within.Status != standing[reason] {
			return fmt.Sprintf("%s: WithinBudget is %s/%s: %s", what, within.Status, within.Reason, within.Message)
		}
		return ""
	}
}

var standing = map[v1alpha1.Reason]metav1.ConditionStatus{
	v1alpha1.ReasonWithinBudget: metav1.ConditionTrue, v1alpha1.ReasonNearlySpent: metav1.ConditionTrue, v1alpha1.ReasonSpent: metav1.ConditionFalse,
}

func (l *loader) lowersBudgets() {
	l.s.Helper()
	l.s.patch(&v1alpha1.APIKey{}, "spender", `{"spec":{"budgets":[{"amount":"0.50","per":"Month"}]}}`)
	l.s.patch(&v1alpha1.UsagePolicy{}, "team-search", `{"spec":{"budgets":[{"amount":"1.00","per":"Total"}]}}`)
	eventually(l.s, exchange, func() string {
		return unlike("APIKey spender", l.s.billed("spender"), v1alpha1.ReasonSpent)(l.s.keyUsage("spender"))
	})
	eventually(l.s, exchange, func() string {
		return unlike("UsagePolicy team-search", l.s.billed("spender", "mate"), v1alpha1.ReasonSpent)(l.s.policyUsage("team-search"))
	})
	l.s.toldOf("APIKey", "spender", "BudgetSpent")
	l.s.toldOf("UsagePolicy", "team-search", "BudgetSpent")
	l.isSpent("spender", true)
	l.isSpent("mate", true)
}

// isSpent asks every pod, and checks that it refuses a key because of a budget, with the words for it; where that is not yet
// so it says what else.
func (l *loader) isSpent(name string, now bool) string {
	l.s.Helper()
	missing := ""
	for _, pod := range l.s.addresses("main") {
		a := l.ask(l.question(name, pod))[0]
		if a.Status != http.StatusTooManyRequests || a.Headers.Get("X-Should-Retry") != "false" || a.Headers.Get("X-Spark-Limit") == "" {
			missing = fmt.Sprintf("%s answers %s %d %v %s %s", pod, name, a.Status, a.Headers, a.Body, a.Error)
		}
	}
	if now && missing != "" {
		l.s.Error(missing)
	}
	return missing
}

func (l *loader) forgetsNothing() {
	l.s.Helper()
	const rate = 30
	spent, _ := l.s.keyUsage("spender")
	team, _ := l.s.policyUsage("team-search")
	spec := l.spec("worker", rate, 0)
	spec.Targets = []string{l.service("main")}
	r := l.begin(spec)
	answered := func(n int64) {
		eventually(l.s, time.Minute, func() string {
			if b := l.s.billed("worker"); b.requests < n {
				return b.String()
			}
			return ""
		})
	}
	answered(4 * rate)
	l.s.killPods("main")
	restored := l.s.billed("worker").requests
	answered(restored + 3*rate)
	r.stop()
	served := l.s.billed("worker").requests
	var told v1alpha1.UsageStatus
	eventually(l.s, usageWithin, func() string {
		if told, _ = l.s.keyUsage("worker"); told.Requests < served-int64(forgotten.Seconds()*rate) {
			return fmt.Sprintf("%d requests were answered and %d are told", served, told.Requests)
		}
		return ""
	})
	l.s.enforced(metav1.ConditionTrue, v1alpha1.ReasonLocal, 10*time.Second)
	eventually(l.s, exchange, func() string { return l.isSpent("spender", false) + l.isSpent("mate", false) })

	l.s.Cleanup(func() { l.s.scaleOperator(1) })
	l.s.killOperator()
	l.isSpent("spender", true)
	const more = 40
	without := l.begin(l.spec("worker", 20, more)).sentAll(more, 15*time.Second).Total()
	if wrong := faultless(without); wrong != "" {
		l.s.Errorf("without the operator: %s", wrong)
	}
	l.s.scaleOperator(1)
	l.s.operatorLeads()
	var after v1alpha1.UsageStatus
	eventually(l.s, 30*time.Second, func() string {
		if after, _ = l.s.keyUsage("worker"); after.Requests < told.Requests+int64(without.OK) {
			return fmt.Sprintf("%d requests are told, then %d more were answered, now %d are told", told.Requests, without.OK, after.Requests)
		}
		return ""
	})
	l.isSpent("spender", true)
	if all := l.s.billed("worker").requests; after.Requests > all {
		l.s.Errorf("%d requests were answered and %d are told", all, after.Requests)
	}
	l.unchanged(spent, team)
	l.s.Logf("all pods deleted at %d requests a second: of %d requests that were answered %d are not told; then the operator killed and %d more answered: %d are told of %d",
		rate, served, served-told.Requests, without.OK, after.Requests, served+int64(without.OK))
}

// unchanged checks that what was spent is what is told, and what the provider's books say.
func (l *loader) unchanged(spent, team v1alpha1.UsageStatus) {
	l.s.Helper()
	for what, pair := range map[string][2]v1alpha1.UsageStatus{
		"APIKey spender":          {spent, first(l.s.keyUsage("spender"))},
		"UsagePolicy team-search": {team, first(l.s.policyUsage("team-search"))},
	} {
		if was, is := pair[0], pair[1]; was.Requests != is.Requests || was.Tokens != is.Tokens || was.Cost != is.Cost {
			l.s.Errorf("%s: %d requests, %d tokens, $%s were told, and %d, %d, $%s now", what, was.Requests, was.Tokens, was.Cost, is.Requests, is.Tokens, is.Cost)
		}
	}
}

func first[A, B any](a A, _ B) A { return a }

// killPods deletes all pods of a gateway at once, without letting them say goodbye, and waits for others.
func (s *space) killPods(gateway string) {
	s.Helper()
	before := s.pods(gateway)
	for i := range before {
		if err := on.Delete(s.Context(), &before[i], client.GracePeriodSeconds(0)); err != nil {
			s.Fatal(err)
		}
	}
	for i := range before {
		s.gone(&before[i], time.Minute)
	}
	s.kubectl("rollout", "status", "deployment/"+gateway, "--timeout=60s")
	s.waitFor("Programmed", "sparkgateway/"+gateway)
}

func labelled(app string) client.ListOption { return client.MatchingLabels{"app": app} }
