// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// shortRevision is how many digits of a revision are shown, as in a SparkGateway's status.
const shortRevision = 8

// compose gives what the page shows of one gateway. It is pure.
func compose(s *subject, now time.Time) Gateway {
	gw := s.gateway
	told := s.told()
	g := Gateway{
		Namespace: gw.Namespace, Name: gw.Name, Brief: s.unasked, URL: gw.Status.URL, Revision: gw.Status.Revision,
		Ready:      condition(gw.Status.Conditions, v1alpha1.Ready),
		Conditions: conditions(gw.Status.Conditions),
		Pods:       pods(s), PodsOmitted: len(s.resources.Members) - len(s.voices),
		Providers: providers(s),
		Routes:    attachments(s.resources.Routes, maxAttached, func(o *v1alpha1.ModelRoute) subordinate { return subordinate{o, &o.Status.AttachedStatus} }),
		Keys:      tally(s.resources.Keys, func(o *v1alpha1.APIKey) subordinate { return subordinate{o, &o.Status.AttachedStatus} }),
		Policies:  tally(s.resources.Policies, func(o *v1alpha1.UsagePolicy) subordinate { return subordinate{o, &o.Status.AttachedStatus} }),
		Models:    models(&s.resources),
		Traffic:   traffic(told, now),
		Spend:     spend(s.resources.Keys),
		Errors:    s.failures(),
		Budgets:   budgets(told),
	}
	if gw.Status.Pods != nil {
		g.Desired = gw.Status.Pods.Desired
	}
	return g
}

func pods(s *subject) []Pod {
	out := make([]Pod, 0, len(s.voices))
	for i := range s.voices {
		v := &s.voices[i]
		p := Pod{Name: v.member.Name, Ready: v.member.Ready, Reasons: []string{}}
		if v.health == nil {
			p.Silent, p.Reasons = true, []string{v.silence}
			out = append(out, p)
			continue
		}
		h := v.health
		p.Version, p.Started, p.Draining, p.InFlight, p.Status = h.Version, h.Started, h.Draining, h.InFlight, h.Status
		p.Reasons = first(h.Reasons, maxReasons)
		if c := h.Configuration; c != nil {
			p.Revision = c.Revision[:min(len(c.Revision), shortRevision)]
			p.Programmed = p.Revision != "" && p.Revision == s.gateway.Status.Revision
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Pod) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// account is what pods say of one provider.
type account struct {
	attempts, failures int64
	latency            counts
	breakers           []Breaker
}

func providers(s *subject) []Provider {
	said := map[string]*account{}
	for i := range s.voices {
		if s.voices[i].health == nil {
			continue
		}
		for j := range s.voices[i].health.Providers {
			p := &s.voices[i].health.Providers[j]
			if said[p.ID] == nil {
				said[p.ID] = &account{}
			}
			said[p.ID].add(s.voices[i].member.Name, p)
		}
	}
	list := attachments(s.resources.Providers, maxAttached,
		func(o *v1alpha1.ProviderPolicy) subordinate { return subordinate{o, &o.Status.AttachedStatus} })
	byName := make(map[string]*v1alpha1.ProviderPolicy, len(s.resources.Providers))
	for i := range s.resources.Providers {
		p := &s.resources.Providers[i]
		byName[p.Namespace+"/"+p.Name] = p
	}
	out := make([]Provider, 0, len(list))
	for _, a := range list {
		id := a.Namespace + "/" + a.Name
		p := Provider{Namespace: a.Namespace, Name: a.Name, Type: string(byName[id].Spec.Type), Ready: a.Ready,
			Healthy: condition(byName[id].Status.Conditions, v1alpha1.Healthy), Breakers: []Breaker{}}
		if all := said[id]; all != nil {
			p.Attempts, p.Failures = all.attempts, all.failures
			p.P50, p.P95 = all.latency.quantile(0.5), all.latency.quantile(0.95)
			p.Breakers = first(all.breakers, maxBreakers)
		}
		out = append(out, p)
	}
	return out
}

func (a *account) add(pod string, p *config.ProviderState) {
	attempts := max(p.Attempts, 0)
	a.attempts += attempts
	a.failures += min(max(p.Failures, 0), attempts)
	a.latency.add(p.Latency)
	for _, b := range p.Out {
		if b.State != config.BreakerClosed {
			a.breakers = append(a.breakers, Breaker{Pod: pod, Model: b.Model, State: b.State, Reason: b.Reason, Since: b.Since, Until: b.Until})
		}
	}
	slices.SortFunc(a.breakers, func(x, y Breaker) int {
		return cmp.Or(cmp.Compare(x.Pod, y.Pod), cmp.Compare(x.Model, y.Model))
	})
}

// budgets puts together what pods say of budgets near their end. Pods tell each other what they count, so that the most that one of them
// knows to be spent is nearest the truth, and a sum would count it twice.
func budgets(told []*config.Health) []config.BudgetHealth {
	type identity struct {
		kind, holder string
		per          config.Calendar
	}
	most := map[identity]config.BudgetHealth{}
	for _, h := range told {
		for _, b := range h.Budgets {
			id := identity{b.Kind, b.Holder, b.Per}
			if was, known := most[id]; !known || b.Spent > was.Spent {
				most[id] = b
			}
		}
	}
	out := make([]config.BudgetHealth, 0, len(most))
	for _, b := range most {
		out = append(out, b)
	}
	// Spent/Limit without a division: a limit of 0 is full.
	slices.SortFunc(out, func(a, b config.BudgetHealth) int {
		return cmp.Or(cmp.Compare(b.Spent*a.Limit, a.Spent*b.Limit), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Holder, b.Holder),
			cmp.Compare(a.Per, b.Per))
	})
	return first(out, maxBudgets)
}

// models are names that the playground may offer.
func models(r *Resources) []string {
	var routes, own []string
	for i := range r.Routes {
		for _, name := range r.Routes[i].Spec.Models {
			if !strings.Contains(string(name), "*") {
				routes = append(routes, string(name))
			}
		}
	}
	for i := range r.Providers {
		for j := range r.Providers[i].Spec.Models {
			own = append(own, r.Providers[i].Spec.Models[j].Name)
		}
	}
	slices.Sort(routes)
	slices.Sort(own)
	all := []string{}
	for _, name := range append(routes, own...) {
		if len(all) < maxModels && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// condition finds one by its type; where there is none yet, nothing is known.
func condition(list []metav1.Condition, t v1alpha1.ConditionType) Condition {
	for _, c := range list {
		if c.Type == string(t) {
			return shown(c)
		}
	}
	return Condition{Type: string(t), Status: string(metav1.ConditionUnknown), Reason: "Pending", Message: "nothing was said of it yet"}
}

func conditions(list []metav1.Condition) []Condition {
	out := make([]Condition, 0, len(list))
	for _, c := range list {
		out = append(out, shown(c))
	}
	return out
}

func shown(c metav1.Condition) Condition {
	return Condition{Type: c.Type, Status: string(c.Status), Reason: c.Reason, Message: c.Message, Since: c.LastTransitionTime.UTC()}
}
