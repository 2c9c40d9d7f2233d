// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
)

// resources is an input as JSON, so that the fuzzer can change it.
type resources struct {
	Gateway    v1alpha1.SparkGateway
	Providers  []v1alpha1.ProviderPolicy
	Routes     []v1alpha1.ModelRoute
	Keys       []v1alpha1.APIKey
	Policies   []v1alpha1.UsagePolicy
	Secrets    []corev1.Secret
	Namespaces map[string]map[string]string
}

func (r resources) input() compiler.Input {
	in := compiler.Input{Gateway: &r.Gateway, Secrets: map[types.NamespacedName]*corev1.Secret{}, Namespaces: r.Namespaces}
	// Two of one kind with one name cannot be.
	seen := map[string]bool{}
	fresh := func(kind string, o metav1.Object) bool {
		id := kind + " " + o.GetNamespace() + "/" + o.GetName()
		defer func() { seen[id] = true }()
		return !seen[id]
	}
	for _, p := range r.Providers {
		if fresh("ProviderPolicy", &p) {
			in.Providers = append(in.Providers, p)
		}
	}
	for _, o := range r.Routes {
		if fresh("ModelRoute", &o) {
			in.Routes = append(in.Routes, o)
		}
	}
	for _, k := range r.Keys {
		if fresh("APIKey", &k) {
			in.Keys = append(in.Keys, k)
		}
	}
	for _, o := range r.Policies {
		if fresh("UsagePolicy", &o) {
			in.Policies = append(in.Policies, o)
		}
	}
	for _, s := range r.Secrets {
		in.Secrets[types.NamespacedName{Namespace: s.Namespace, Name: s.Name}] = &s
	}
	return in
}

// FuzzCompile: whatever the resources, Compile ends, gives a verdict on each, and no document or one that every gateway
// takes; and no attachment takes the gateway down.
func FuzzCompile(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		in := readManifest(f, string(text))
		seed := resources{Gateway: *in.Gateway, Providers: in.Providers, Routes: in.Routes, Keys: in.Keys, Policies: in.Policies, Namespaces: in.Namespaces}
		for _, s := range in.Secrets {
			seed.Secrets = append(seed.Secrets, *s)
		}
		f.Add([]byte(mustJSON(f, seed)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var r resources
		if json.Unmarshal(text, &r) != nil {
			return
		}
		in := r.input()
		out := compiler.Compile(in)
		if len(out.Providers) != len(in.Providers) || len(out.Routes) != len(in.Routes) || len(out.Keys) != len(in.Keys) ||
			len(out.Policies) != len(in.Policies) {
			t.Fatalf("%d verdicts on %d providers, %d on %d routes, %d on %d keys, %d on %d policies", len(out.Providers), len(in.Providers),
				len(out.Routes), len(in.Routes), len(out.Keys), len(in.Keys), len(out.Policies), len(in.Policies))
		}
		if (out.Document != nil) != out.Gateway.Served() {
			t.Fatalf("served: %t, document: %t", out.Gateway.Served(), out.Document != nil)
		}
		if out.Document != nil {
			if _, err := config.Decode(out.Bundle); err != nil {
				t.Fatalf("a gateway would refuse the document: %v", err)
			}
		}
		alone := in
		alone.Providers, alone.Routes, alone.Keys, alone.Policies = nil, nil, nil, nil
		if compiler.Compile(alone).Gateway.Served() && !out.Gateway.Served() &&
			out.Gateway.Accepted.Reason != v1alpha1.ReasonConfigTooLarge {
			t.Fatalf("an attachment takes the gateway down: %+v", out.Gateway)
		}
	})
}
