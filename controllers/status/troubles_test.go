// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/status"
)

func TestNewsOfTroubles(t *testing.T) {
	type step struct {
		pods []status.PodTraffic
		want []string
	}
	all := func(pods ...status.PodTraffic) []status.PodTraffic { return pods }
	const opened = "BreakerOpened SparkGateway team/main: gpt is open in pod a: 5 failures in a row, last: status 503"
	const closed = "BreakerClosed SparkGateway team/main: the breaker of gpt is closed again"
	tests := map[string][]step{
		"a breaker opens, is half open, opens again, and closes": {
			{all(says("a")), nil}, {all(says("a", tripped("gpt"))), []string{opened}}, {all(says("a", probing("gpt"))), nil},
			{all(says("a", tripped("gpt"))), nil}, {all(says("a")), []string{closed}}, {all(says("a")), nil},
		},
		"a breaker is an outage until it is closed in every pod": {
			{all(says("a", tripped("gpt")), says("b", tripped("gpt"))), []string{opened}},
			{all(says("a"), says("b", tripped("gpt"))), nil}, {all(says("a"), says("b")), []string{closed}},
		},
		"each model has its news": {
			{all(says("a", tripped("gpt"))), []string{opened}},
			{all(says("a", tripped("gpt"), tripped("emb"))), []string{"BreakerOpened SparkGateway team/main: emb is open in pod a: 5 failures in a row, last: status 503"}},
			{all(says("a", tripped("emb"))), []string{closed}},
		},
		"one that is only half open begins nothing": {
			{all(says("a", probing("gpt"))), nil}, {all(says("a")), nil},
			{all(says("b", probing("gpt")), says("a", tripped("gpt"))), []string{opened}},
		},
		"a pod that falls silent ends nothing": {
			{all(says("a", tripped("gpt"))), []string{opened}}, {all(mute(says("a"), time.Hour)), nil},
			{all(), nil}, {all(unheard("a", 0)), nil}, {all(unheard("a", 0), says("b")), nil}, {all(says("a", tripped("gpt"))), nil}, {all(says("a")), []string{closed}},
		},
		"a health check fails and succeeds": {
			{all(says("a", checked("")), says("b", checked("status 503"))), []string{"HealthCheckFailed SparkGateway team/main: the health check fails in pod b: status 503"}},
			{all(says("a", checked("timeout")), says("b", checked("status 503"))), nil},
			{all(says("a", checked("")), says("b", checked(""))), []string{"HealthCheckSucceeded SparkGateway team/main: the health check succeeds again"}},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			troubles := status.Troubles{}
			for i, s := range steps {
				var news []status.News
				troubles, news = troubles.Next([]status.GatewayTraffic{through("main", s.pods...)})
				var got []string
				for _, n := range news {
					got = append(got, n.Reason(n.Begins)+" "+n.Message)
				}
				if diff := cmp.Diff(s.want, got); diff != "" {
					t.Errorf("step %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

func TestTroublesOfAGatewayThatIsLeftAreForgotten(t *testing.T) {
	open := through("main", says("a", tripped("gpt")))
	troubles, news := status.Troubles{}.Next([]status.GatewayTraffic{open, through("other", says("x", tripped("gpt")))})
	if len(news) != 2 || news[0].Gateway != named("main") || news[1].Gateway != named("other") {
		t.Errorf("news %+v", news)
	}
	left, news := troubles.Next([]status.GatewayTraffic{open})
	if want := (status.Troubles{{Gateway: named("main"), Model: "gpt"}: true}); !cmp.Equal(want, left) || len(news) != 0 {
		t.Errorf("troubles %v, news %v", left, news)
	}
}

// An operator that has just started does not tell once more what its predecessor told.
func TestTroublesThatAStatusTellsOfAreNoNews(t *testing.T) {
	sick := []status.GatewayTraffic{through("main", says("a", tripped("gpt"), checked("no"))), through("other", says("x", tripped("gpt")))}
	tests := map[string]struct {
		before []status.GatewayTraffic
		want   int
	}{
		"the status tells of everything":           {sick, 0},
		"the status tells of nothing":              {nil, 3},
		"the status tells of one gateway's models": {[]status.GatewayTraffic{through("main", says("a", tripped("gpt"))), through("other", says("x"))}, 2},
		"the status tells of half open ones":       {[]status.GatewayTraffic{through("main", says("a", probing("gpt"))), through("other", says("x", probing("gpt")))}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			told, settled := status.Told(sick, provider(v1alpha1.ProviderPolicyStatus{}, test.before...))
			if !settled {
				t.Error("every pod is heard, and it is not settled")
			}
			if _, news := told.Next(sick); len(news) != test.want {
				t.Errorf("%d news, want %d: %+v", len(news), test.want, news)
			}
		})
	}
}

func TestTroublesAreSettledOnceEveryPodIsHeard(t *testing.T) {
	for name, test := range map[string]struct {
		pod  status.PodTraffic
		want bool
	}{
		"a pod that was heard":                        {says("b"), true},
		"a pod that does not have the provider":       {status.PodTraffic{Pod: "b", Heard: true}, true},
		"a pod that was not heard yet":                {unheard("b", time.Second), false},
		"a pod that was not heard for a grace period": {unheard("b", time.Hour), true},
	} {
		if _, settled := status.Told([]status.GatewayTraffic{through("main", says("a")), through("other", test.pod)}, v1alpha1.ProviderPolicyStatus{}); settled != test.want {
			t.Errorf("%s: settled is %t", name, settled)
		}
	}
}
