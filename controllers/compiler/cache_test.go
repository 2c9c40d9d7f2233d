// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

// caching makes a SparkGateway keep answers.
func caching(c *v1alpha1.Cache) *v1alpha1.SparkGateway {
	return gateway(withSpec(func(s *v1alpha1.SparkGatewaySpec) { s.Cache = c }))
}

// embedding is a semantic cache by a model of the provider "openai".
func embedding(edits ...func(*v1alpha1.SemanticCache)) *v1alpha1.SemanticCache {
	s := &v1alpha1.SemanticCache{Embeddings: new(model("openai", "small"))}
	for _, edit := range edits {
		edit(s)
	}
	return s
}

// sharing makes a gateway's pods share a store.
func sharing(gw *v1alpha1.SparkGateway) *v1alpha1.SparkGateway {
	gw.Spec.Store = &v1alpha1.Store{Type: v1alpha1.StoreRedis, Redis: &v1alpha1.RedisStore{Addresses: []string{"redis:6379"}}}
	return gw
}

// The defaults that the field comments promise.
func defaultKept() config.Kept {
	return config.Kept{Scope: config.CacheKey, Charge: config.CacheFree, TTL: duration("10m")}
}

func defaultExact(edits ...func(*config.ExactCache)) *config.ExactCache {
	e := &config.ExactCache{Kept: defaultKept(), MaxBytes: 64 << 20, MaxEntryBytes: 1 << 20}
	for _, edit := range edits {
		edit(e)
	}
	return e
}

func defaultSemantic(edits ...func(*config.SemanticCache)) *config.SemanticCache {
	s := &config.SemanticCache{Kept: defaultKept(), Threshold: 950_000, MaxEntries: 10_000,
		Embeddings: config.Target{Provider: "team/openai", Model: "small", Upstream: "small"}}
	for _, edit := range edits {
		edit(s)
	}
	return s
}

func TestWhatAGatewayKeeps(t *testing.T) {
	exact := func(e v1alpha1.ExactCache) *v1alpha1.Cache { return &v1alpha1.Cache{Exact: &e} }
	tests := map[string]struct {
		gateway *v1alpha1.SparkGateway
		want    *config.Cache
	}{
		"nothing without a word":           {gateway(), nil},
		"nothing where it is switched off": {caching(exact(v1alpha1.ExactCache{Enabled: ptr.To(false), TTL: "1h"})), nil},
		"the same requests by default":     {caching(exact(v1alpha1.ExactCache{})), &config.Cache{Exact: defaultExact()}},
		"in the store where there is one": {
			sharing(caching(exact(v1alpha1.ExactCache{}))), &config.Cache{Exact: defaultExact(func(e *config.ExactCache) { e.Shared = true })}},
		"not in the store where that is not wanted": {
			sharing(caching(exact(v1alpha1.ExactCache{Shared: ptr.To(false)}))), &config.Cache{Exact: defaultExact()}},
		"all as it is said": {
			caching(exact(v1alpha1.ExactCache{
				TTL: "1h", Scope: v1alpha1.CacheScopePolicy, Charge: v1alpha1.CacheChargeFull, AnyTemperature: ptr.To(true),
				MaxMemory: ptr.To(v1alpha1.MemoryQuantity("2G")), MaxEntryBytes: ptr.To(int64(2048)),
			})),
			&config.Cache{Exact: &config.ExactCache{
				Kept:     config.Kept{Scope: config.CachePolicy, Charge: config.CacheFull, TTL: duration("1h"), AnyTemperature: true},
				MaxBytes: 2_000_000_000, MaxEntryBytes: 2048,
			}}},
		"the same meaning by default": {caching(&v1alpha1.Cache{Semantic: embedding()}), &config.Cache{Semantic: defaultSemantic()}},
		"meanings as it is said": {
			caching(&v1alpha1.Cache{Semantic: embedding(func(s *v1alpha1.SemanticCache) {
				s.TTL, s.Scope, s.Charge, s.Threshold = "720h", v1alpha1.CacheScopeUser, v1alpha1.CacheChargeFull, "0.5"
				s.AnyTemperature, s.MaxEntries = ptr.To(true), ptr.To(int32(1))
			})}),
			&config.Cache{Semantic: defaultSemantic(func(s *config.SemanticCache) {
				s.Kept = config.Kept{Scope: config.CacheUser, Charge: config.CacheFull, TTL: duration("720h"), AnyTemperature: true}
				s.Threshold, s.MaxEntries = 500_000, 1
			})}},
		"no meanings where that is switched off": {
			caching(&v1alpha1.Cache{Exact: &v1alpha1.ExactCache{}, Semantic: embedding(func(s *v1alpha1.SemanticCache) { s.Enabled = ptr.To(false) })}),
			&config.Cache{Exact: defaultExact()}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(test.gateway, provider("openai", models("small")))
			out := mustServe(t, in)
			if diff := cmp.Diff(test.want, out.Document.Core.Gateway.Cache); diff != "" {
				t.Errorf("cache (-want +got):\n%s", diff)
			}
			wantInvariants(t, in, out)
		})
	}
}

func TestCachesThatAreNotValid(t *testing.T) {
	exact := func(e v1alpha1.ExactCache) *v1alpha1.Cache { return &v1alpha1.Cache{Exact: &e} }
	memory := func(q v1alpha1.MemoryQuantity) *v1alpha1.Cache { return exact(v1alpha1.ExactCache{MaxMemory: &q}) }
	semantic := func(edit func(*v1alpha1.SemanticCache)) *v1alpha1.Cache {
		return &v1alpha1.Cache{Semantic: embedding(edit)}
	}
	const e, s = "spec.cache.exact.", "spec.cache.semantic."
	tests := map[string]struct {
		cache *v1alpha1.Cache
		want  string
	}{
		"a scope that is none":           {exact(v1alpha1.ExactCache{Scope: "Team"}), e + `scope: "Team" is not one of [Gateway Key Policy User]`},
		"a charge that is none":          {exact(v1alpha1.ExactCache{Charge: "Half"}), e + `charge: "Half" is not one of [Free Full]`},
		"a time that is none":            {exact(v1alpha1.ExactCache{TTL: "0s"}), e + `ttl: "0s" is not a duration above zero`},
		"a time beyond all":              {exact(v1alpha1.ExactCache{TTL: "721h"}), e + "ttl: 721h is longer than 720h0m0s"},
		"memory that is none":            {memory("lots"), e + `maxMemory: "lots" is not an amount of memory such as 256Mi`},
		"too little memory":              {memory("1M"), e + "maxMemory: 1M is not within 1Mi and 64Gi"},
		"too much memory":                {memory("999999999Gi"), e + "maxMemory: 999999999Gi is not within 1Mi and 64Gi"},
		"an answer of nothing":           {exact(v1alpha1.ExactCache{MaxEntryBytes: ptr.To(int64(0))}), e + "maxEntryBytes: 0 is not within 1024 and 16777216"},
		"a store that is not there":      {exact(v1alpha1.ExactCache{Shared: ptr.To(true)}), e + "shared: has no effect without store.type: Redis"},
		"an answer larger than all":      {exact(v1alpha1.ExactCache{MaxMemory: ptr.To(v1alpha1.MemoryQuantity("1Mi")), MaxEntryBytes: ptr.To(int64(2 << 20))}), e + "maxEntryBytes: 2097152 is more than maxMemory, 1048576"},
		"what is switched off is read":   {exact(v1alpha1.ExactCache{Enabled: ptr.To(false), Scope: "Team"}), e + `scope: "Team" is not one of [Gateway Key Policy User]`},
		"meanings by nobody":             {semantic(func(s *v1alpha1.SemanticCache) { s.Embeddings = nil }), s + "embeddings: is required"},
		"meanings that are too far":      {semantic(func(s *v1alpha1.SemanticCache) { s.Threshold = "0.4" }), s + `threshold: "0.4" is not a number from 0.5 to 1 with at most six decimals`},
		"meanings nearer than the same":  {semantic(func(s *v1alpha1.SemanticCache) { s.Threshold = "1.1" }), s + `threshold: "1.1" is not a number from 0.5 to 1 with at most six decimals`},
		"a nearness that is none":        {semantic(func(s *v1alpha1.SemanticCache) { s.Threshold = "near" }), s + `threshold: "near" is not a number from 0.5 to 1 with at most six decimals`},
		"no questions":                   {semantic(func(s *v1alpha1.SemanticCache) { s.MaxEntries = ptr.To(int32(0)) }), s + "maxEntries: 0 is not within 1 and 100000"},
		"a scope of meanings, of nobody": {semantic(func(s *v1alpha1.SemanticCache) { s.Scope = "Team" }), s + `scope: "Team" is not one of [Gateway Key Policy User]`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(caching(test.cache), provider("openai", models("small")))
			out := compiler.Compile(in)
			want := wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: test.want}}
			if diff := cmp.Diff(want, findingsOf(&out.Gateway)); diff != "" || out.Document != nil {
				t.Errorf("document %t, verdict (-want +got):\n%s", out.Document != nil, diff)
			}
			wantInvariants(t, in, out)
		})
	}
}

func TestACacheFitsIntoAContainersMemory(t *testing.T) {
	const problem = "spec.resources.limits.memory: 100Mi is too little for spec.cache.exact.maxMemory, 67108864 bytes, and 67108864 for all else"
	limits := func(quantity string) *v1alpha1.Resources {
		var q v1alpha1.ResourceQuantity
		if err := q.UnmarshalJSON([]byte(quantity)); err != nil {
			t.Fatal(err)
		}
		return &v1alpha1.Resources{Limits: map[string]v1alpha1.ResourceQuantity{"memory": q}}
	}
	tests := map[string]struct {
		resources *v1alpha1.Resources
		cache     *v1alpha1.Cache
		want      string
	}{
		"no limit is no bound":               {nil, &v1alpha1.Cache{Exact: &v1alpha1.ExactCache{}}, ""},
		"a limit of another resource":        {&v1alpha1.Resources{Limits: map[string]v1alpha1.ResourceQuantity{"cpu": {}}}, &v1alpha1.Cache{Exact: &v1alpha1.ExactCache{}}, ""},
		"a limit that just is enough":        {limits(`"128Mi"`), &v1alpha1.Cache{Exact: &v1alpha1.ExactCache{}}, ""},
		"a limit that is too little":         {limits(`"100Mi"`), &v1alpha1.Cache{Exact: &v1alpha1.ExactCache{}}, problem},
		"a small limit without a cache":      {limits(`"100Mi"`), nil, ""},
		"a small limit with a smaller cache": {limits(`"100Mi"`), &v1alpha1.Cache{Exact: &v1alpha1.ExactCache{MaxMemory: ptr.To(v1alpha1.MemoryQuantity("36Mi"))}}, ""},
		"a limit in bytes":                   {limits("134217728"), &v1alpha1.Cache{Exact: &v1alpha1.ExactCache{}}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			gw := caching(test.cache)
			gw.Spec.Resources = test.resources
			out := compiler.Compile(input(gw))
			if got := out.Gateway.Accepted.Message; got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// A cache is worth no refusal: what cannot be resolved of it is left out, and told.
func TestEmbeddingsThatAreNotThereLeaveTheRestServed(t *testing.T) {
	const field = "spec.cache.semantic.embeddings"
	nobody := compiler.Finding{Reason: v1alpha1.ReasonProviderNotFound,
		Message: field + ".providerRef: ProviderPolicy team/openai does not exist or does not attach to SparkGateway team/main"}
	tests := map[string]struct {
		cache  *v1alpha1.Cache
		others []any
		want   compiler.Finding
		kept   *config.Cache
	}{
		"no provider": {cache: &v1alpha1.Cache{Semantic: embedding()}, want: nobody},
		"no provider, and what is exact stays": {
			cache: &v1alpha1.Cache{Exact: &v1alpha1.ExactCache{}, Semantic: embedding()}, want: nobody, kept: &config.Cache{Exact: defaultExact()}},
		"a provider without the model": {cache: &v1alpha1.Cache{Semantic: embedding()}, others: []any{provider("openai", models("gpt-4o"))},
			want: compiler.Finding{Reason: v1alpha1.ReasonModelNotFound, Message: field + `.model: ProviderPolicy team/openai has no model "small"`}},
		"a provider whose type has none": {cache: &v1alpha1.Cache{Semantic: embedding()},
			others: []any{secret("cloud", "apiKey", "canary-cloud"), provider("openai", models("small"), ofType(v1alpha1.ProviderAnthropic))},
			want: compiler.Finding{Reason: v1alpha1.ReasonUnsupportedOperation,
				Message: field + ".providerRef: ProviderPolicy team/openai is of type Anthropic, which has no embeddings as it is configured"}},
		"a provider of another namespace": {cache: &v1alpha1.Cache{Semantic: embedding()},
			others: []any{allowAll(), provider("openai", models("small"), func(p *v1alpha1.ProviderPolicy) { p.Namespace = elsewhere })}, want: nobody},
		"none for routes to switch on": {cache: &v1alpha1.Cache{Semantic: embedding(func(s *v1alpha1.SemanticCache) { s.Enabled = ptr.To(false) })}, want: nobody},
		"a provider of another namespace that is named": {
			cache: &v1alpha1.Cache{Semantic: &v1alpha1.SemanticCache{Embeddings: new(model(elsewhere+"/openai", "small"))}},
			others: []any{allowAll(), provider("openai", models("small"), func(p *v1alpha1.ProviderPolicy) {
				p.Namespace, p.Spec.GatewayRefs = elsewhere, refs()
			})},
			kept: &config.Cache{Semantic: defaultSemantic(func(s *config.SemanticCache) { s.Embeddings.Provider = elsewhere + "/openai" })}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(test.others...)
			in.Gateway.Spec.Cache = test.cache
			out := mustServe(t, in)
			if diff := cmp.Diff(wantFindings{ResolvedRefs: test.want}, findingsOf(&out.Gateway)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.kept, out.Document.Core.Gateway.Cache); diff != "" || out.Gateway.Partial == test.want.OK() {
				t.Errorf("partial %t, cache (-want +got):\n%s", out.Gateway.Partial, diff)
			}
			wantInvariants(t, in, out)
		})
	}
}

func TestWhatARouteKeepsOtherwise(t *testing.T) {
	off := &v1alpha1.RouteExactCache{Enabled: ptr.To(false)}
	long := &v1alpha1.ExactCache{TTL: "1h", Charge: v1alpha1.CacheChargeFull}
	longer := defaultExact(func(e *config.ExactCache) { e.TTL, e.Charge = duration("1h"), config.CacheFull })
	disabled := func(s *v1alpha1.SemanticCache) { s.Enabled, s.TTL = ptr.To(false), "2h" }
	tests := map[string]struct {
		gateway *v1alpha1.SparkGateway
		route   *v1alpha1.RouteCache
		want    *config.Cache
	}{
		"nothing of its own is the gateway's": {caching(&v1alpha1.Cache{Exact: long}), nil, nil},
		"what is not said is as there": {caching(&v1alpha1.Cache{Exact: long}), &v1alpha1.RouteCache{Exact: &v1alpha1.RouteExactCache{Scope: v1alpha1.CacheScopeGateway}},
			&config.Cache{Exact: defaultExact(func(e *config.ExactCache) {
				e.TTL, e.Charge, e.Scope = duration("1h"), config.CacheFull, config.CacheGateway
			})}},
		"all that may be said": {
			sharing(caching(&v1alpha1.Cache{Exact: long})), &v1alpha1.RouteCache{Exact: &v1alpha1.RouteExactCache{TTL: "5m", Scope: v1alpha1.CacheScopeUser, AnyTemperature: ptr.To(true)}},
			&config.Cache{Exact: defaultExact(func(e *config.ExactCache) {
				e.TTL, e.Charge, e.Scope, e.AnyTemperature, e.Shared = duration("5m"), config.CacheFull, config.CacheUser, true, true
			})}},
		"a temperature that the gateway takes and the route does not": {
			caching(&v1alpha1.Cache{Exact: &v1alpha1.ExactCache{AnyTemperature: ptr.To(true)}}),
			&v1alpha1.RouteCache{Exact: &v1alpha1.RouteExactCache{AnyTemperature: ptr.To(false)}}, &config.Cache{Exact: defaultExact()}},
		"where the gateway keeps nothing, by defaults": {gateway(), &v1alpha1.RouteCache{Exact: &v1alpha1.RouteExactCache{Enabled: ptr.To(true)}}, &config.Cache{Exact: defaultExact()}},
		"where the gateway only says how, as it says": {
			caching(&v1alpha1.Cache{Exact: &v1alpha1.ExactCache{Enabled: ptr.To(false), TTL: "1h", Charge: v1alpha1.CacheChargeFull}}),
			&v1alpha1.RouteCache{Exact: &v1alpha1.RouteExactCache{Enabled: ptr.To(true)}}, &config.Cache{Exact: longer}},
		"nothing, though the gateway does": {caching(&v1alpha1.Cache{Exact: long}), &v1alpha1.RouteCache{Exact: off}, &config.Cache{}},
		"no same requests, and the same meaning still": {
			caching(&v1alpha1.Cache{Exact: long, Semantic: embedding()}), &v1alpha1.RouteCache{Exact: off}, &config.Cache{Semantic: defaultSemantic()}},
		"no meanings, and the same requests still": {
			caching(&v1alpha1.Cache{Exact: long, Semantic: embedding()}), &v1alpha1.RouteCache{Semantic: &v1alpha1.RouteSemanticCache{Enabled: ptr.To(false)}},
			&config.Cache{Exact: longer}},
		"meanings that are nearer": {
			caching(&v1alpha1.Cache{Semantic: embedding()}), &v1alpha1.RouteCache{Semantic: &v1alpha1.RouteSemanticCache{Threshold: "0.99"}},
			&config.Cache{Semantic: defaultSemantic(func(s *config.SemanticCache) { s.Threshold = 990_000 })}},
		"meanings where the gateway only says how": {
			caching(&v1alpha1.Cache{Semantic: embedding(disabled)}), &v1alpha1.RouteCache{Semantic: &v1alpha1.RouteSemanticCache{Enabled: ptr.To(true)}},
			&config.Cache{Semantic: defaultSemantic(func(s *config.SemanticCache) { s.TTL = duration("2h") })}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(test.gateway, provider("openai", models("small", "gpt-4o")), route("smart", withRoute(func(s *v1alpha1.ModelRouteSpec) { s.Cache = test.route })))
			before := mustJSON(t, compiler.Compile(input(test.gateway, provider("openai", models("small")))).Document.Core.Gateway)
			out := mustServe(t, in)
			if diff := cmp.Diff(test.want, routeIn(out, "team/smart").Cache); diff != "" {
				t.Errorf("cache (-want +got):\n%s", diff)
			}
			if after := mustJSON(t, out.Document.Core.Gateway); after != before {
				t.Errorf("a route changes the gateway: %s", cmp.Diff(before, after))
			}
			wantInvariants(t, in, out)
		})
	}
}

func TestRoutesWhoseCacheCannotBe(t *testing.T) {
	nearer := &v1alpha1.RouteCache{Semantic: &v1alpha1.RouteSemanticCache{Threshold: "0.99"}}
	invalid := func(message string) wantFindings {
		return wantFindings{Accepted: compiler.Finding{Reason: v1alpha1.ReasonInvalid, Message: message}}
	}
	const none = "spec.cache.semantic: the gateway's spec.cache.semantic names no embeddings"
	tests := map[string]struct {
		gateway *v1alpha1.SparkGateway
		route   *v1alpha1.RouteCache
		want    wantFindings
	}{
		"meanings without a gateway that has any": {gateway(), nearer, invalid(none)},
		"meanings without a gateway's embeddings": {caching(&v1alpha1.Cache{Semantic: &v1alpha1.SemanticCache{Enabled: ptr.To(false)}}), nearer, invalid(none)},
		"no meanings where there could be none":   {gateway(), &v1alpha1.RouteCache{Semantic: &v1alpha1.RouteSemanticCache{Enabled: ptr.To(false)}}, wantFindings{}},
		"a nearness that is none":                 {caching(&v1alpha1.Cache{Semantic: embedding()}), &v1alpha1.RouteCache{Semantic: &v1alpha1.RouteSemanticCache{Threshold: "2"}}, invalid(`spec.cache.semantic.threshold: "2" is not a number from 0.5 to 1 with at most six decimals`)},
		"a scope that is none":                    {gateway(), &v1alpha1.RouteCache{Exact: &v1alpha1.RouteExactCache{Scope: "Team"}}, invalid(`spec.cache.exact.scope: "Team" is not one of [Gateway Key Policy User]`)},
		"a time beyond all":                       {gateway(), &v1alpha1.RouteCache{Exact: &v1alpha1.RouteExactCache{TTL: "721h"}}, invalid("spec.cache.exact.ttl: 721h is longer than 720h0m0s")},
		"embeddings that are not there, and goes on": {
			caching(&v1alpha1.Cache{Semantic: &v1alpha1.SemanticCache{Embeddings: new(model("nobody", "small"))}}), nearer,
			wantFindings{ResolvedRefs: compiler.Finding{Reason: v1alpha1.ReasonProviderNotFound,
				Message: "spec.cache.semantic: the gateway's spec.cache.semantic.embeddings cannot be used"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(test.gateway, provider("openai", models("small", "gpt-4o")), route("smart", withRoute(func(s *v1alpha1.ModelRouteSpec) { s.Cache = test.route })))
			out := mustServe(t, in)
			if diff := cmp.Diff(test.want, findingsOf(out.Routes[own("smart")])); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if r := routeIn(out, "team/smart"); (r != nil) != test.want.Accepted.OK() || r != nil && (len(r.Targets) != 1 || r.Cache != nil && r.Cache.Semantic != nil) {
				t.Errorf("in the document: %+v", r)
			}
			wantInvariants(t, in, out)
		})
	}
}
