// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"testing"
	"time"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/gateway/config"
)

func TestChangesWaitAsLongAsTheyMay(t *testing.T) {
	const breakers, words, figures, never = time.Second, 2 * time.Second, 15 * time.Second, -1
	type pods = []status.PodTraffic
	one := func(edits ...func(*config.ProviderState)) pods { return pods{says("a", edits...)} }
	slow := func(ms time.Duration) []int64 { return counts(map[time.Duration]int64{ms * time.Millisecond: 100}) }
	late := status.Grace + time.Second
	tests := map[string]struct {
		before, after pods
		want          time.Duration
	}{
		"nothing changed":                  {one(tripped("gpt")), one(tripped("gpt")), never},
		"a breaker opens":                  {one(), one(tripped("gpt")), breakers},
		"a breaker closes":                 {one(tripped("gpt")), one(), breakers},
		"a breaker is half open":           {one(tripped("gpt")), one(probing("gpt")), breakers},
		"a second breaker opens":           {one(tripped("gpt")), one(tripped("gpt"), tripped("emb")), words},
		"a health check fails":             {one(checked("")), one(checked("no")), breakers},
		"a health check succeeds":          {one(checked("no")), one(checked("")), breakers},
		"a health check fails otherwise":   {one(checked("no")), one(checked("nay")), words},
		"a pod falls silent":               {one(answered(1, 0)), pods{mute(says("a"), late)}, breakers},
		"a pod speaks again":               {pods{mute(says("a"), late)}, one(answered(1, 0)), breakers},
		"another pod is silent":            {pods{mute(says("a"), late)}, pods{mute(says("b"), late)}, words},
		"requests begin":                   {one(), one(answered(9, 0)), figures},
		"requests cease":                   {one(answered(9, 0)), one(), figures},
		"more requests are answered":       {one(answered(9, 0)), one(answered(900, 0)), never},
		"a failure among many":             {one(answered(1000, 0)), one(answered(1000, 1)), figures},
		"errors rise by less than a fifth": {one(answered(1000, 100)), one(answered(1000, 110)), never},
		"errors rise by a fifth":           {one(answered(1000, 100)), one(answered(1000, 120)), figures},
		"errors fall by a third":           {one(answered(1000, 150)), one(answered(1000, 100)), figures},
		"answers become a little slower":   {one(answered(9, 0, slow(500)...)), one(answered(9, 0, slow(520)...)), never},
		"answers become slower":            {one(answered(9, 0, slow(500)...)), one(answered(9, 0, slow(900)...)), figures},
		"answers become slower by units":   {one(answered(9, 0, slow(950)...)), one(answered(9, 0, slow(9500)...)), figures},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before := provider(v1alpha1.ProviderPolicyStatus{}, through("main", test.before...))
			after := status.Provider(3, now.Add(time.Minute), before.AttachedStatus, []status.GatewayTraffic{through("main", test.after...)}, before)
			got, worth := status.Pace(before, after)
			if !worth {
				got = never
			}
			if got != test.want {
				t.Errorf("it may wait %s, want %s", got, test.want)
			}
		})
	}
}

func TestWhatIsDeclaredWaitsForNothing(t *testing.T) {
	with := func(programmed status.Condition, gateways ...string) v1alpha1.ProviderPolicyStatus {
		var refs []status.AttachedTo
		var said []status.GatewayTraffic
		for _, g := range gateways {
			refs, said = append(refs, on(g, programmed)), append(said, through(g, says("a")))
		}
		return status.Provider(3, now, status.ForAttached(3, now, refs, v1alpha1.AttachedStatus{}), said, v1alpha1.ProviderPolicyStatus{})
	}
	tests := map[string]struct {
		before, after v1alpha1.ProviderPolicyStatus
		wantWorth     bool
	}{
		"the first status":       {v1alpha1.ProviderPolicyStatus{}, with(served, "main"), true},
		"a condition changes":    {with(pending, "main"), with(served, "main"), true},
		"a gateway comes":        {with(served, "main"), with(served, "main", "other"), true},
		"the order changes":      {with(served, "main", "other"), with(served, "other", "main"), true},
		"nothing is new":         {with(served, "main"), with(served, "main"), false},
		"no gateway is left":     {with(served, "main"), status.Provider(3, now, with(served, "main").AttachedStatus, nil, v1alpha1.ProviderPolicyStatus{}), true},
		"Healthy is added later": {v1alpha1.ProviderPolicyStatus{AttachedStatus: status.ForAttached(3, now, gone(), v1alpha1.AttachedStatus{})}, status.Provider(3, now, status.ForAttached(3, now, gone(), v1alpha1.AttachedStatus{}), nil, v1alpha1.ProviderPolicyStatus{}), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if wait, worth := status.Pace(test.before, test.after); wait != 0 || worth != test.wantWorth {
				t.Errorf("it may wait %s, worth a write: %t, want %t", wait, worth, test.wantWorth)
			}
		})
	}
}

// The worst of all hides what other gateways say, and they wait no longer for that.
func TestABreakerOfAnotherGatewayIsToldAsSoon(t *testing.T) {
	one := []status.GatewayTraffic{through("main", says("a", tripped("gpt"))), through("other", says("x"))}
	two := []status.GatewayTraffic{one[0], through("other", says("x", tripped("gpt")))}
	before := provider(v1alpha1.ProviderPolicyStatus{}, one...)
	if wait, worth := status.Pace(before, status.Provider(3, now, before.AttachedStatus, two, before)); wait != time.Second || !worth {
		t.Errorf("it may wait %s, worth a write: %t", wait, worth)
	}
}

// gone is one gateway that does not exist.
func gone() []status.AttachedTo { return []status.AttachedTo{{Gateway: named("gone")}} }
