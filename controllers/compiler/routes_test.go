// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

// routeIn gives a route of a document, nil when it is not there.
func routeIn(out compiler.Output, id string) *config.Route {
	for i := range out.Document.Core.Routes {
		if out.Document.Core.Routes[i].ID == id {
			return &out.Document.Core.Routes[i]
		}
	}
	return nil
}

// wantPlaces are targets as "provider model upstream weight tier".
func placesOf(targets []config.Target) []string {
	var out []string
	for _, t := range targets {
		out = append(out, fmt.Sprintf("%s %s %s %d %d", t.Provider, t.Model, t.Upstream, t.Weight, t.Tier))
	}
	return out
}

func TestTargetsOfARoute(t *testing.T) {
	openai := provider("openai", models("gpt-4o", "gpt-4o-mini"))
	anything := provider("anything")
	weighted := func(t v1alpha1.RouteTarget, weight, tier int32) v1alpha1.RouteTarget {
		t.Weight, t.Tier = &weight, tier
		return t
	}
	found := func(reason v1alpha1.Reason, message string) compiler.Finding {
		return compiler.Finding{Reason: reason, Message: message}
	}
	const nobody = "ProviderPolicy team/nobody does not exist or does not attach to SparkGateway team/main"
	tests := map[string]struct {
		route  v1alpha1.ModelRoute
		others []any
		want   compiler.Finding
		places []string
	}{
		"a target is a model of a provider": {
			route: route("smart"), places: []string{"team/openai gpt-4o gpt-4o 1 0"}},
		"a target goes upstream by the provider's own name for the model": {
			route: route("smart", targets(to("azure", "chat"))),
			others: []any{provider("azure", func(p *v1alpha1.ProviderPolicy) {
				p.Spec.Models = []v1alpha1.ProviderModel{{Name: "chat", Upstream: "my-deployment"}}
			})},
			places: []string{"team/azure chat my-deployment 1 0"}},
		"a provider without models takes any": {
			route: route("smart", targets(to("anything", "meta/llama-3"))), places: []string{"team/anything meta/llama-3 meta/llama-3 1 0"}},
		"targets are in order of tier, and within one as they are written": {
			route: route("smart", targets(weighted(to("anything", "c"), 1, 2), weighted(to("anything", "b"), 7, 0), weighted(to("anything", "a"), 3, 0))),
			places: []string{
				"team/anything b b 7 0", "team/anything a a 3 0", "team/anything c c 1 2"}},
		"a target of weight 0 is out, and nothing is said of it": {
			route: route("smart", targets(weighted(to("openai", "gpt-4o"), 0, 0), to("openai", "gpt-4o-mini"))),
			places: []string{
				"team/openai gpt-4o-mini gpt-4o-mini 1 0"}},
		"what a target of weight 0 refers to need not exist": {
			route:  route("smart", targets(weighted(to("nobody", "gpt-4o"), 0, 0), to("openai", "gpt-4o"))),
			places: []string{"team/openai gpt-4o gpt-4o 1 0"}},
		"a provider of another namespace is named with it": {
			route:  route("smart", targets(to("elsewhere/guest", "m"))),
			others: []any{allowAll(), provider("guest", func(p *v1alpha1.ProviderPolicy) { p.Namespace = elsewhere })},
			places: []string{"elsewhere/guest m m 1 0"}},
		"a provider of another namespace is not meant by its name alone": {
			route:  route("smart", targets(to("guest", "m"), to("anything", "m"))),
			others: []any{allowAll(), provider("guest", func(p *v1alpha1.ProviderPolicy) { p.Namespace = elsewhere })},
			want: found(v1alpha1.ReasonProviderNotFound,
				"spec.targets[0].providerRef: ProviderPolicy team/guest does not exist or does not attach to SparkGateway team/main"),
			places: []string{"team/anything m m 1 0"}},
		"a provider that is not there is told, and the rest is served": {
			route:  route("smart", targets(to("nobody", "m"), to("openai", "gpt-4o"))),
			want:   found(v1alpha1.ReasonProviderNotFound, "spec.targets[0].providerRef: "+nobody),
			places: []string{"team/openai gpt-4o gpt-4o 1 0"}},
		"a provider that is not served is told from one that is not there": {
			route:  route("smart", targets(to("openai", "gpt-4o"), to("keyless", "m"))),
			others: []any{provider("keyless", credentials("nowhere"))},
			want: found(v1alpha1.ReasonProviderNotFound,
				"spec.targets[1].providerRef: ProviderPolicy team/keyless is not served on SparkGateway team/main for reasons of its own"),
			places: []string{"team/openai gpt-4o gpt-4o 1 0"}},
		"a model that its provider has not is told": {
			route:  route("smart", targets(to("openai", "gpt-5"), to("openai", "gpt-4o"))),
			want:   found(v1alpha1.ReasonModelNotFound, `spec.targets[0].model: ProviderPolicy team/openai has no model "gpt-5"`),
			places: []string{"team/openai gpt-4o gpt-4o 1 0"}},
		"a model is not meant by what its provider calls it": {
			route: route("smart", targets(to("azure", "my-deployment"))),
			others: []any{provider("azure", func(p *v1alpha1.ProviderPolicy) {
				p.Spec.Models = []v1alpha1.ProviderModel{{Name: "chat", Upstream: "my-deployment"}}
			})},
			want: found(v1alpha1.ReasonModelNotFound, `spec.targets[0].model: ProviderPolicy team/azure has no model "my-deployment"`)},
		"a route without any target stays, so that its names are refused": {
			route: route("smart", targets(to("nobody", "m"), to("openai", "gpt-5"))),
			want: found(v1alpha1.ReasonProviderNotFound, "spec.targets[0].providerRef: "+nobody+"\n"+
				`spec.targets[1].model: ProviderPolicy team/openai has no model "gpt-5"`)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			all := input(append([]any{openai, anything, test.route}, test.others...)...)
			out := mustServe(t, all)
			verdict := out.Routes[own("smart")]
			if diff := cmp.Diff(wantFindings{ResolvedRefs: test.want}, findingsOf(verdict)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if verdict.Generation != 9 || verdict.Content == "" || !verdict.Served() || verdict.Partial == test.want.OK() {
				t.Errorf("verdict %+v", verdict)
			}
			got := routeIn(out, "team/smart")
			if got == nil {
				t.Fatal("the route is not in the document")
			}
			if diff := cmp.Diff(test.places, placesOf(got.Targets)); diff != "" {
				t.Errorf("targets (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAMirrorThatIsNotThereIsLeftOutAndTold(t *testing.T) {
	mirror := func(to v1alpha1.TargetReference, percent *int32) func(*v1alpha1.ModelRoute) {
		return withRoute(func(s *v1alpha1.ModelRouteSpec) { s.Mirror = &v1alpha1.Mirror{Target: to, Percent: percent} })
	}
	tests := map[string]struct {
		route  v1alpha1.ModelRoute
		want   compiler.Finding
		mirror *config.Mirror
	}{
		"no mirror": {route: route("smart")},
		"all requests where nothing is said": {
			route:  route("smart", mirror(model("openai", "mini"), nil)),
			mirror: &config.Mirror{Target: config.Target{Provider: "team/openai", Model: "mini", Upstream: "mini"}, Percent: 100}},
		"some requests": {
			route:  route("smart", mirror(model("openai", "mini"), ptr.To(int32(3)))),
			mirror: &config.Mirror{Target: config.Target{Provider: "team/openai", Model: "mini", Upstream: "mini"}, Percent: 3}},
		"a provider that is not there": {
			route: route("smart", mirror(model("nobody", "mini"), nil)),
			want: compiler.Finding{Reason: v1alpha1.ReasonProviderNotFound, Message: "spec.mirror.target.providerRef: " +
				"ProviderPolicy team/nobody does not exist or does not attach to SparkGateway team/main"}},
		"a model that is not there": {
			route: route("smart", mirror(model("openai", "gpt-5"), nil)),
			want: compiler.Finding{Reason: v1alpha1.ReasonModelNotFound,
				Message: `spec.mirror.target.model: ProviderPolicy team/openai has no model "gpt-5"`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := mustServe(t, input(provider("openai", models("gpt-4o", "mini")), test.route))
			verdict, got := out.Routes[own("smart")], routeIn(out, "team/smart")
			if diff := cmp.Diff(wantFindings{ResolvedRefs: test.want}, findingsOf(verdict)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if got == nil || len(got.Targets) != 1 || !verdict.Served() || verdict.Partial == test.want.OK() {
				t.Fatalf("route %+v, verdict %+v", got, verdict)
			}
			if diff := cmp.Diff(test.mirror, got.Mirror); diff != "" {
				t.Errorf("mirror (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatARouteSaysIsTakenOver(t *testing.T) {
	plain := config.Route{ID: "team/smart", Models: []string{"smart"}, Strategy: config.Weighted,
		Targets: []config.Target{{Provider: "team/openai", Model: "gpt-4o", Upstream: "gpt-4o", Weight: 1}}}
	with := func(edit func(*config.Route)) config.Route {
		r := plain
		edit(&r)
		return r
	}
	affinity := func(a string) func(*v1alpha1.ModelRoute) {
		return withRoute(func(s *v1alpha1.ModelRouteSpec) { s.Affinity = a })
	}
	tests := map[string]struct {
		route v1alpha1.ModelRoute
		want  config.Route
	}{
		"as little as may be":  {route("smart"), plain},
		"names are sorted":     {route("smart", serving("b", "a*", "c")), with(func(r *config.Route) { r.Models = []string{"a*", "b", "c"} })},
		"affinity of None":     {route("smart", affinity("None")), plain},
		"affinity of the user": {route("smart", affinity("User")), with(func(r *config.Route) { r.Affinity = config.AffinityUser })},
		"affinity of the key":  {route("smart", affinity("Key")), with(func(r *config.Route) { r.Affinity = config.AffinityKey })},
		"affinity of a header": {route("smart", affinity("Header:x-SESSION-id")), with(func(r *config.Route) { r.Affinity = "Header:X-Session-Id" })},
		"a strategy":           {route("smart", withRoute(func(s *v1alpha1.ModelRouteSpec) { s.Strategy = v1alpha1.StrategyLowestCost })), with(func(r *config.Route) { r.Strategy = config.LowestCost })},
		"headers are in one form": {route("smart", matching("x-tier", "Gold"), matching("X-AREA", "a b")), with(func(r *config.Route) {
			r.Headers = []config.Header{{Name: "X-Area", Value: "a b"}, {Name: "X-Tier", Value: "Gold"}}
		})},
		"a hedge of some requests where nothing is said": {
			route("smart", withRoute(func(s *v1alpha1.ModelRouteSpec) { s.Hedge = &v1alpha1.Hedge{After: "500ms"} })),
			with(func(r *config.Route) { r.Hedge = &config.Hedge{After: duration("500ms"), MaxExtraPercent: 5} })},
		"a hedge of as many as is said": {
			route("smart", withRoute(func(s *v1alpha1.ModelRouteSpec) {
				s.Hedge = &v1alpha1.Hedge{After: "1s", MaxExtraPercent: ptr.To(int32(50))}
			})),
			with(func(r *config.Route) { r.Hedge = &config.Hedge{After: duration("1s"), MaxExtraPercent: 50} })},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := mustServe(t, input(provider("openai", models("gpt-4o")), test.route))
			if diff := cmp.Diff(&test.want, routeIn(out, "team/smart")); diff != "" {
				t.Errorf("route (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(wantFindings{}, findingsOf(out.Routes[own("smart")])); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

func TestATargetHasThePriceAndTheBoundOfItsModel(t *testing.T) {
	out := mustServe(t, input(route("smart"), provider("openai", func(p *v1alpha1.ProviderPolicy) {
		p.Spec.Models = []v1alpha1.ProviderModel{{Name: "gpt-4o", MaxOutputTokens: ptr.To(int64(16384)),
			Price: &v1alpha1.ModelPrice{InputPerMillion: "2.50", OutputPerMillion: "10"}}}
	})))
	want := []config.Target{{Provider: "team/openai", Model: "gpt-4o", Upstream: "gpt-4o", MaxOutputTokens: 16384, Weight: 1,
		Price: &config.Price{Input: 2_500_000, Output: 10_000_000, CachedInput: 2_500_000, CacheWrite: 2_500_000}}}
	if diff := cmp.Diff(want, routeIn(out, "team/smart").Targets); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
}
