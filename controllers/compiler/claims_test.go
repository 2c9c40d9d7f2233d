// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
)

func TestRoutesThatClaimTheSameRequests(t *testing.T) {
	older := func(edits ...func(*v1alpha1.ModelRoute)) v1alpha1.ModelRoute {
		return route("older", append(edits, bornAt(1))...)
	}
	younger := func(edits ...func(*v1alpha1.ModelRoute)) v1alpha1.ModelRoute {
		return route("smart", append(edits, bornAt(2))...)
	}
	lost := func(message string) compiler.Finding {
		return compiler.Finding{Reason: v1alpha1.ReasonDuplicateRoute, Message: message}
	}
	tests := map[string]struct {
		route  v1alpha1.ModelRoute
		other  v1alpha1.ModelRoute
		others []any
		want   wantFindings
		models []string // of the route in the document, nil when it is not there
	}{
		"two routes with different names are both served": {
			route: younger(serving("a")), other: older(serving("b")), models: []string{"a"}},
		"of one name the older route keeps it, the loser's other names go on": {
			route: younger(serving("own", "smart")), other: older(serving("smart", "chat")),
			want:   wantFindings{Conflicted: lost(`spec.models[1]: "smart" is served by the older ModelRoute team/older`)},
			models: []string{"own"}},
		"every name that was lost is told": {
			route: younger(serving("b", "own", "a*")), other: older(serving("a*", "b")),
			want: wantFindings{Conflicted: lost(`spec.models[0]: "b" is served by the older ModelRoute team/older` + "\n" +
				`spec.models[2]: "a*" is served by the older ModelRoute team/older`)},
			models: []string{"own"}},
		"the older is told nothing": {
			route: route("smart", serving("chat")), other: route("later", serving("chat"), bornAt(1)), models: []string{"chat"}},
		"a route that lost every name is not accepted": {
			route: younger(serving("smart")), other: older(serving("smart", "chat")),
			want: wantFindings{Accepted: lost(`spec.models[0]: "smart" is served by the older ModelRoute team/older`)}},
		"a route that lost every name and misses a target is told both": {
			route: younger(serving("smart"), targets(to("openai", "gpt-5"))), other: older(serving("smart")),
			want: wantFindings{
				Accepted: lost(`spec.models[0]: "smart" is served by the older ModelRoute team/older`),
				ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonModelNotFound,
					Message: `spec.targets[0].model: ProviderPolicy team/openai has no model "gpt-5"`}}},
		"of two that are equally old the first by name keeps it": {
			route: route("smart", serving("chat")), other: route("able", serving("chat")),
			want: wantFindings{Accepted: lost(`spec.models[0]: "chat" is served by the older ModelRoute team/able`)}},
		"of two that are equally old the first by namespace keeps it": {
			route: route("smart", serving("chat")), others: []any{allowAll()},
			other: route("zoe", serving("chat"), targets(to("team/openai", "gpt-4o")), func(r *v1alpha1.ModelRoute) { r.Namespace = elsewhere }),
			want:  wantFindings{Accepted: lost(`spec.models[0]: "chat" is served by the older ModelRoute elsewhere/zoe`)}},
		"another header is another claim": {
			route: younger(serving("chat"), matching("x-tier", "gold")), other: older(serving("chat"), matching("x-area", "gold")), models: []string{"chat"}},
		"another value is another claim": {
			route: younger(serving("chat"), matching("x-tier", "gold")), other: older(serving("chat"), matching("x-tier", "Gold")), models: []string{"chat"}},
		"a header is another claim than none": {
			route: younger(serving("chat"), matching("x-tier", "gold")), other: older(serving("chat")), models: []string{"chat"}},
		"the same headers in another case and order are one claim": {
			route: younger(serving("chat"), matching("x-tier", "gold"), matching("x-area", "b")),
			other: older(serving("chat"), matching("X-AREA", "b"), matching("X-Tier", "gold")),
			want:  wantFindings{Accepted: lost(`spec.models[0]: "chat" is served by the older ModelRoute team/older`)}},
		"names in another case are other names": {
			route: younger(serving("chat")), other: older(serving("Chat")), models: []string{"chat"}},
		"a pattern that takes in a name is no claim to it": {
			route: younger(serving("gpt-4o")), other: older(serving("gpt-4*")), models: []string{"gpt-4o"}},
		"a route from a namespace that is not admitted claims nothing": {
			route:  younger(serving("chat")),
			other:  older(serving("chat"), func(r *v1alpha1.ModelRoute) { r.Namespace = elsewhere }),
			models: []string{"chat"}},
		"a route that is not valid claims nothing": {
			route: younger(serving("chat")), other: older(serving("chat", "")), models: []string{"chat"}},
		"a route without any target keeps its names from others": {
			route: younger(serving("chat")), other: older(serving("chat"), targets(to("nobody", "m"))),
			want: wantFindings{Accepted: lost(`spec.models[0]: "chat" is served by the older ModelRoute team/older`)}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := mustServe(t, input(append(test.others, provider("openai", models("gpt-4o")), test.route, test.other)...))
			verdict := out.Routes[own("smart")]
			if diff := cmp.Diff(test.want, findingsOf(verdict)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			var got []string
			if r := routeIn(out, "team/smart"); r != nil {
				got = r.Models
			}
			if diff := cmp.Diff(test.models, got); diff != "" {
				t.Errorf("models in the document (-want +got):\n%s", diff)
			}
			if served := got != nil; served != verdict.Served() || served == (verdict.Content == "") || !served && verdict.Partial {
				t.Errorf("in the document: %t, verdict %+v", served, verdict)
			}
		})
	}
}

func TestRoutesStandInOrderOfAge(t *testing.T) {
	out := mustServe(t, input(provider("openai", models("gpt-4o")),
		route("young", bornAt(3)), route("b", bornAt(2)), route("a", bornAt(2)), route("old", bornAt(1))))
	var got []string
	for _, r := range out.Document.Core.Routes {
		got = append(got, r.ID)
	}
	if diff := cmp.Diff([]string{"team/old", "team/a", "team/b", "team/young"}, got); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
}

func TestARouteFromANamespaceThatIsNotAdmittedIsRefusedWhole(t *testing.T) {
	out := mustServe(t, input(provider("openai", models("gpt-4o")), route("guest", func(r *v1alpha1.ModelRoute) { r.Namespace = elsewhere })))
	verdict := out.Routes[in(elsewhere, "guest")]
	want := wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonNotAllowed,
		Message: "SparkGateway team/main does not admit namespace elsewhere in spec.allowedNamespaces"}}
	if diff := cmp.Diff(want, findingsOf(verdict)); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
	if verdict.Partial || verdict.Served() || verdict.Content != "" || len(out.Document.Core.Routes) > 0 {
		t.Errorf("verdict %+v, routes %+v", verdict, out.Document.Core.Routes)
	}
}

// The API server's rules refuse most of these; what slips past them must be told on the route, and harm nobody else.
func TestRoutesThatAreNotValid(t *testing.T) {
	spec := withRoute
	weight := func(n int32) *int32 { return &n }
	tests := map[string]struct {
		edit func(*v1alpha1.ModelRoute)
		want string
	}{
		"no models":        {serving(), "spec.models: empty"},
		"an empty model":   {serving("a", ""), "spec.models[1]: empty"},
		"too many stars":   {serving("a*****"), "spec.models[0]: has more than 4 stars"},
		"a model twice":    {serving("a", "a"), `spec.models[1]: "a" stands twice`},
		"a broken header":  {matching("X A", "v"), `spec.match.headers[0]: name "X A" is not a header name in canonical form`},
		"an empty header":  {matching("X-A", ""), "spec.match.headers[0]: the value of X-A is empty"},
		"a credential":     {matching("x-api-key", "hunter2"), "spec.match.headers[0]: X-Api-Key carries credentials"},
		"another strategy": {spec(func(s *v1alpha1.ModelRouteSpec) { s.Strategy = "RoundRobin" }), `spec.strategy: "RoundRobin" is not a strategy`},
		"another affinity": {spec(func(s *v1alpha1.ModelRouteSpec) { s.Affinity = "Moon" }), `spec.affinity: "Moon" is not known to this gateway`},
		"a header twice": {func(r *v1alpha1.ModelRoute) {
			matching("x-a", "1")(r)
			matching("X-A", "2")(r)
		}, "spec.match.headers[1].name: X-A stands twice, in different case"},
		"no targets":       {targets(), "spec.targets: every target has weight 0"},
		"every target out": {spec(func(s *v1alpha1.ModelRouteSpec) { s.Targets[0].Weight = weight(0) }), "spec.targets: every target has weight 0"},
		"a negative weight": {spec(func(s *v1alpha1.ModelRouteSpec) {
			s.Targets = append(s.Targets, to("openai", "b"))
			s.Targets[0].Weight = weight(-1)
		}), "spec.targets[0].weight: -1 is not within 0 and 1000000"},
		"a tier beyond all": {spec(func(s *v1alpha1.ModelRouteSpec) { s.Targets[0].Tier = 16 }), "spec.targets[0].tier: 16 is not within 0 and 15"},
		"one target in two spellings, which the API server cannot see": {
			targets(to("openai", "gpt-4o"), to("team/openai", "gpt-4o")),
			`spec.targets[1]: model "gpt-4o" of ProviderPolicy team/openai stands twice`},
		"more targets than may be": {func(r *v1alpha1.ModelRoute) {
			for _, name := range "abcdefghijklmnop" {
				r.Spec.Targets = append(r.Spec.Targets, to("openai", string(name)))
			}
		}, "spec.targets: 17, of at most 16"},
		"a hedge at once": {spec(func(s *v1alpha1.ModelRouteSpec) { s.Hedge = &v1alpha1.Hedge{} }), "spec.hedge.after: empty"},
		"a hedge too much": {spec(func(s *v1alpha1.ModelRouteSpec) {
			s.Hedge = &v1alpha1.Hedge{After: "0s", MaxExtraPercent: ptr.To(int32(0))}
		}), "spec.hedge.after: \"0s\" is not a duration above zero\nspec.hedge.maxExtraPercent: 0 is not within 1 and 100"},
		"a mirror too much": {spec(func(s *v1alpha1.ModelRouteSpec) {
			s.Mirror = &v1alpha1.Mirror{Target: model("openai", "gpt-4o"), Percent: ptr.To(int32(101))}
		}), "spec.mirror.percent: 101 is not within 1 and 100"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := mustServe(t, input(provider("openai", models("gpt-4o")), route("smart", test.edit), route("good")))
			want := wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: test.want}}
			if diff := cmp.Diff(want, findingsOf(out.Routes[own("smart")])); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if routeIn(out, "team/smart") != nil || routeIn(out, "team/good") == nil {
				t.Errorf("routes %+v", out.Document.Core.Routes)
			}
		})
	}
}
