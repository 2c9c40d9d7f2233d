// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

// crowd gives an input with many keys and two providers.
func crowd(keys int) compiler.Input {
	objects := []any{provider("a", credentials("a")), provider("b"), secret("a", "apiKey", providerSecret),
		provider("c", models("gpt-4o")), route("r", targets(to("c", "gpt-4o")))}
	for i := range keys {
		name := fmt.Sprintf("key-%04d", i)
		objects = append(objects, apiKey(name), secret(name+"-own", "apiKey", "canary-of-the-crowd-"+name))
	}
	return input(objects...)
}

func TestAChangeMovesOnlyThePartsItBearsOn(t *testing.T) {
	const changed = "key-0123"
	shard := config.ShardPart(config.ShardOf(ns + "/" + changed))
	edit := func(edit func(*v1alpha1.APIKey)) func(*compiler.Input) {
		return func(in *compiler.Input) {
			i := slices.IndexFunc(in.Keys, func(k v1alpha1.APIKey) bool { return k.Name == changed })
			edit(&in.Keys[i])
		}
	}
	tests := map[string]struct {
		change func(*compiler.Input)
		want   []string
	}{
		"nothing changes":                         {change: func(*compiler.Input) {}},
		"what is no part of the document changes": {change: edit(func(k *v1alpha1.APIKey) { k.Generation++; k.Labels = map[string]string{"a": "b"} })},
		"a key's limit changes": {
			change: edit(func(k *v1alpha1.APIKey) {
				k.Spec.Limits = &v1alpha1.Limits{Requests: []v1alpha1.RequestLimit{{Count: 1, Per: "1s"}}}
			}),
			want: []string{shard},
		},
		"a key is rotated": {
			change: func(in *compiler.Input) {
				in.Secrets[name(changed+"-own")] = secret(changed+"-own", "apiKey", "another-key-of-ones-own")
			},
			want: []string{shard},
		},
		"a key goes": {
			change: func(in *compiler.Input) {
				in.Keys = slices.DeleteFunc(in.Keys, func(k v1alpha1.APIKey) bool { return k.Name == changed })
			},
			want: []string{shard},
		},
		"a provider's credential is rotated": {
			change: func(in *compiler.Input) { in.Secrets[name("a")] = secret("a", "apiKey", "sk-rotated") },
			want:   []string{config.SecretsPart},
		},
		"a route changes": {
			change: func(in *compiler.Input) { in.Routes[0].Spec.Strategy = v1alpha1.StrategyLeastInFlight },
			want:   []string{config.CorePart},
		},
		"a provider's endpoint changes": {
			change: func(in *compiler.Input) { in.Providers[1].Spec.Endpoint = "http://b:9" },
			want:   []string{config.CorePart},
		},
	}
	before := mustServe(t, crowd(500))
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := crowd(500)
			test.change(&in)
			after := mustServe(t, in)
			moved := after.Bundle.Manifest.Missing(before.Bundle.Manifest.Parts)
			if diff := cmp.Diff(test.want, moved); diff != "" {
				t.Errorf("parts that moved (-want +got):\n%s", diff)
			}
			if same := before.Bundle.Manifest.Revision == after.Bundle.Manifest.Revision; same != (len(test.want) == 0) {
				t.Errorf("the revision stays: %t", same)
			}
		})
	}
}

// Content is what attachments' liveness is judged by: it moves with what a resource contributes and with nothing else.
func TestContentMovesWithWhatAResourceContributes(t *testing.T) {
	before := mustServe(t, crowd(3))
	tests := map[string]struct {
		change func(*compiler.Input)
		want   []types.NamespacedName
	}{
		"a credential is rotated": {
			change: func(in *compiler.Input) { in.Secrets[name("a")] = secret("a", "apiKey", "sk-rotated") },
			want:   []types.NamespacedName{name("a")},
		},
		"an endpoint changes": {
			change: func(in *compiler.Input) { in.Providers[1].Spec.Endpoint = "http://b:9" },
			want:   []types.NamespacedName{name("b")},
		},
		"models are declared": {
			change: func(in *compiler.Input) { models("m")(&in.Providers[0]) },
			want:   []types.NamespacedName{name("a")},
		},
		"a key is rotated": {
			change: func(in *compiler.Input) {
				in.Secrets[name("key-0001-own")] = secret("key-0001-own", "apiKey", "another-key-of-ones-own")
			},
			want: []types.NamespacedName{name("key-0001")},
		},
		"a breaker changes": {
			change: func(in *compiler.Input) {
				in.Providers[1].Spec.CircuitBreaker = &v1alpha1.CircuitBreaker{ConsecutiveFailures: ptr.To(int32(1))}
			},
			want: []types.NamespacedName{name("b")},
		},
		"what is the default is said": {
			change: func(in *compiler.Input) {
				in.Providers[1].Spec.Retry = &v1alpha1.Retry{Attempts: ptr.To(int32(2))}
			},
		},
		"a health check comes": {
			change: func(in *compiler.Input) { in.Providers[1].Spec.HealthCheck = &v1alpha1.HealthCheck{} },
			want:   []types.NamespacedName{name("b")},
		},
		"a route has another hedge": {
			change: func(in *compiler.Input) { in.Routes[0].Spec.Hedge = &v1alpha1.Hedge{After: "1s"} },
			want:   []types.NamespacedName{name("r")},
		},
		"a model gets a price, which its routes go by": {
			change: func(in *compiler.Input) {
				in.Providers[2].Spec.Models = []v1alpha1.ProviderModel{{Name: "gpt-4o",
					Price: &v1alpha1.ModelPrice{InputPerMillion: "1", OutputPerMillion: "2"}}}
			},
			want: []types.NamespacedName{name("c"), name("r")},
		},
		"a model goes that a route has": {
			change: func(in *compiler.Input) { in.Providers[2].Spec.Models[0].Name = "gpt-5" },
			want:   []types.NamespacedName{name("c"), name("r")},
		},
		"a route is told of an older one": {
			change: func(in *compiler.Input) {
				in.Routes[0].Spec.Models = append(in.Routes[0].Spec.Models, "b")
				in.Routes = append(in.Routes, route("a-route", serving("b"), targets(to("c", "gpt-4o"))))
			},
			want: []types.NamespacedName{name("a-route")},
		},
		"a label changes": {change: func(in *compiler.Input) { in.Keys[0].Labels = map[string]string{"a": "b"} }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := crowd(3)
			test.change(&in)
			after := mustServe(t, in)
			var moved []types.NamespacedName
			for _, verdicts := range [][2]compiler.Verdicts{
				{before.Providers, after.Providers}, {before.Routes, after.Routes}, {before.Keys, after.Keys},
			} {
				for name, v := range verdicts[1] {
					if was := verdicts[0][name]; was == nil || v.Content != was.Content {
						moved = append(moved, name)
					}
				}
			}
			slices.SortFunc(moved, func(a, b types.NamespacedName) int { return strings.Compare(a.Name, b.Name) })
			if diff := cmp.Diff(test.want, moved); diff != "" {
				t.Errorf("contents that moved (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAHundredThousandKeysFit(t *testing.T) {
	in := crowd(100_000)
	rand.Shuffle(len(in.Keys), func(i, j int) { in.Keys[i], in.Keys[j] = in.Keys[j], in.Keys[i] })
	out := mustServe(t, in)
	if got := len(out.Document.Keys); got != 100_000 {
		t.Errorf("%d keys are served", got)
	}
	if got := len(out.Bundle.Parts); got != config.KeyShards+2 {
		t.Errorf("%d parts", got)
	}
}

// What a key says costs room in the document: a hundred thousand that say much fit as well.
func TestAHundredThousandKeysWithLimitsAndBudgetsFit(t *testing.T) {
	in := crowd(100_000)
	furnish(&in)
	out := mustServe(t, in)
	if got := out.Policies[own("team-010")].Members; got != 200 {
		t.Errorf("%d members", got)
	}
}

// references gives what References names, sorted and unique.
func references(gw *v1alpha1.SparkGateway, providers []v1alpha1.ProviderPolicy, keys []v1alpha1.APIKey) []types.NamespacedName {
	names := slices.Collect(compiler.References(gw, providers, keys))
	slices.SortFunc(names, func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(names)
}

func TestReferencesNameEverySecret(t *testing.T) {
	gw := gateway(withSpec(withTLS))
	providers := []v1alpha1.ProviderPolicy{
		provider("a", credentials("shared")), provider("b", credentials("shared")),
		provider("c", func(p *v1alpha1.ProviderPolicy) {
			p.Spec.TLS = &v1alpha1.ProviderTLS{CASecretRef: &v1alpha1.SecretKeyReference{Name: "authority"}}
		}),
	}
	keys := []v1alpha1.APIKey{apiKey("zoe", generated), apiKey("alice")}
	want := []types.NamespacedName{name("alice-own"), name("authority"), name("main-tls"), name("shared"), name("zoe-key")}
	if diff := cmp.Diff(want, references(gw, providers, keys)); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
}

func TestAttaches(t *testing.T) {
	tests := map[string]struct {
		refs []v1alpha1.GatewayReference
		want bool
	}{
		"a name alone means the resource's own namespace": {refs: []v1alpha1.GatewayReference{{Name: "main"}}, want: true},
		"another name is another gateway":                 {refs: []v1alpha1.GatewayReference{{Name: "other"}}},
		"another namespace is another gateway":            {refs: []v1alpha1.GatewayReference{{Name: "main", Namespace: elsewhere}}},
		"any of several is enough": {
			refs: []v1alpha1.GatewayReference{{Name: "other"}, {Name: "main", Namespace: ns}}, want: true,
		},
		"none is none": {},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := compiler.Attaches(test.refs, ns, in(ns, "main")); got != test.want {
				t.Errorf("attaches: %t, want %t", got, test.want)
			}
		})
	}
}
