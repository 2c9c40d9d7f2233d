// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// policies judges the usage policies, and gives those that are served in order of ID.
func (c *compilation) policies() []config.Policy {
	var served []config.Policy
	for i := range c.in.Policies {
		policy, verdict := c.policy(&c.in.Policies[i])
		if verdict.Served() {
			verdict.Content = fingerprint(policy)
			served = append(served, policy)
		}
		c.out.Policies[nameOf(&c.in.Policies[i])] = &verdict
	}
	slices.SortFunc(served, func(a, b config.Policy) int { return cmp.Compare(a.ID, b.ID) })
	return served
}

func (c *compilation) policy(resource *v1alpha1.UsagePolicy) (config.Policy, Verdict) {
	verdict := Verdict{Generation: resource.Generation, ResolvedRefs: c.permitted(resource.Namespace)}
	spec, p := resource.Spec, &problems{}
	policy := config.Policy{
		ID:       idOf(resource),
		Selector: p.requirements("spec.keySelector", &spec.KeySelector),
		Limits:   p.limitSet("spec.limits", spec.Limits),
		Budgets:  p.budgets("spec.budgets", spec.Budgets),
	}
	if resource.Namespace == "" || resource.Name == "" {
		p.add("metadata.name: empty")
	}
	verdict.Accepted = p.finding()
	return policy, verdict
}

// requirements reads a selector. One without any matches everything, as Kubernetes has it.
func (p *problems) requirements(field string, s *metav1.LabelSelector) []config.Requirement {
	if _, err := metav1.LabelSelectorAsSelector(s); err != nil {
		p.add("%s: %w", field, err)
		return nil
	}
	var out []config.Requirement
	for _, label := range sortedKeys(s.MatchLabels) {
		out = append(out, config.Requirement{Label: label, Operator: config.In, Values: []string{s.MatchLabels[label]}})
	}
	for _, e := range s.MatchExpressions {
		out = append(out, config.Requirement{Label: e.Key, Operator: config.Operator(e.Operator), Values: unique(slices.Clone(e.Values))})
	}
	order := func(a, b config.Requirement) int {
		return cmp.Or(cmp.Compare(a.Label, b.Label), cmp.Compare(a.Operator, b.Operator), slices.Compare(a.Values, b.Values))
	}
	slices.SortFunc(out, order)
	return slices.CompactFunc(out, func(a, b config.Requirement) bool { return order(a, b) == 0 })
}

// mentioned gives, by namespace, the labels that keys have to bring along because policies select by them.
func mentioned(policies []config.Policy) map[string][]string {
	labels := map[string][]string{}
	for _, policy := range policies {
		namespace, _, _ := strings.Cut(policy.ID, "/")
		for _, r := range policy.Selector {
			labels[namespace] = append(labels[namespace], r.Label)
		}
	}
	for namespace := range labels {
		labels[namespace] = unique(append(labels[namespace], config.LabelTeam))
	}
	return labels
}

// labelsOf gives those of a key's labels that are asked for; nil where it has none of them.
func labelsOf(of map[string]string, names []string) map[string]string {
	var labels map[string]string
	for _, name := range names {
		value, ok := of[name]
		if !ok {
			continue
		}
		if labels == nil {
			labels = make(map[string]string, len(names))
		}
		labels[name] = value
	}
	return labels
}

// countMembers notes how many of the served keys, which are in order of ID, each policy matches.
func (c *compilation) countMembers(policies []config.Policy, keys []config.Key) {
	if len(policies) == 0 {
		return
	}
	found := index(keys)
	for i := range policies {
		namespace, name, _ := strings.Cut(policies[i].ID, "/")
		at := types.NamespacedName{Namespace: namespace, Name: name}
		c.out.Policies[at].Members = found.members(namespace, policies[i].Selector)
	}
}

// keyIndex finds keys by their labels, so that many policies over many keys do not have to look at each of them.
type keyIndex struct {
	keys   []config.Key
	labels map[labelled][]int32
}

type labelled struct{ namespace, label, value string }

func index(keys []config.Key) keyIndex {
	labels := map[labelled][]int32{}
	for i := range keys {
		namespace, _, _ := strings.Cut(keys[i].ID, "/")
		for label, value := range keys[i].Labels {
			at := labelled{namespace, label, value}
			labels[at] = append(labels[at], int32(i))
		}
	}
	return keyIndex{keys, labels}
}

// members counts the keys of a namespace that a selector matches.
func (x keyIndex) members(namespace string, selector []config.Requirement) int32 {
	n := int32(0)
	for _, i := range x.candidates(namespace, selector) {
		if matches(selector, x.keys[i].Labels) {
			n++
		}
	}
	return n
}

// candidates gives keys that are all those which a selector matches, and perhaps others: the fewest that one requirement
// leaves or, where none names values, all of the namespace.
func (x keyIndex) candidates(namespace string, selector []config.Requirement) []int32 {
	var fewest []int32
	narrowed := false
	for _, r := range selector {
		if r.Operator != config.In {
			continue
		}
		var some []int32
		for _, value := range r.Values {
			some = append(some, x.labels[labelled{namespace, r.Label, value}]...)
		}
		if !narrowed || len(some) < len(fewest) {
			fewest, narrowed = some, true
		}
	}
	if narrowed {
		return fewest
	}
	// IDs that begin alike stand together.
	from := sort.Search(len(x.keys), func(i int) bool { return x.keys[i].ID >= namespace+"/" })
	to := from + sort.Search(len(x.keys)-from, func(i int) bool { return !strings.HasPrefix(x.keys[from+i].ID, namespace+"/") })
	all := make([]int32, 0, to-from)
	for i := from; i < to; i++ {
		all = append(all, int32(i))
	}
	return all
}

func matches(selector []config.Requirement, labels map[string]string) bool {
	for i := range selector {
		value, ok := labels[selector[i].Label]
		values := []string{value}
		if !ok {
			values = nil
		}
		if !selector[i].Holds(values) {
			return false
		}
	}
	return true
}
