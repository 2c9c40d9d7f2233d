// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	apiVersion = "sparkgateway.dev/v1alpha1"
	// realProvider is the ProviderPolicy that OPENAI_API_KEY brings.
	realProvider       = "openai"
	realProviderSecret = "openai-api-key"
)

// samples are those of the quickstart, pointed at the fake provider wherever it listens.
func (q *quickstart) samples() ([]*unstructured.Unstructured, error) {
	replacer := strings.NewReplacer("${FAKE_PROVIDER_URL}", q.fakeURL, "http://"+fakeAddress, q.fakeURL)
	objects, err := parseDir(filepath.Join(q.state.root, "config", "samples", "quickstart"), replacer)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if o.GetNamespace() == "" {
			o.SetNamespace(metav1.NamespaceDefault)
		}
	}
	return objects, nil
}

func (q *quickstart) applySamples(ctx context.Context) error {
	objects, err := q.samples()
	if err != nil {
		return err
	}
	q.gateway, q.sampleKey = firstOf(objects, "SparkGateway"), firstOf(objects, "APIKey")
	if key := os.Getenv("OPENAI_API_KEY"); key != "" && q.gateway != nil {
		objects = append(objects, realProviderObjects(q.gateway, key)...)
		q.progress.note("OPENAI_API_KEY is set: ProviderPolicy %s is the real one", realProvider)
	}
	return q.apply(ctx, objects...)
}

func realProviderObjects(gateway *unstructured.Unstructured, key string) []*unstructured.Unstructured {
	metadata := func(name string) map[string]any {
		return map[string]any{"name": name, "namespace": gateway.GetNamespace()}
	}
	return []*unstructured.Unstructured{
		{Object: map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": metadata(realProviderSecret),
			"stringData": map[string]any{"apiKey": key},
		}},
		{Object: map[string]any{
			"apiVersion": apiVersion, "kind": "ProviderPolicy", "metadata": metadata(realProvider),
			"spec": map[string]any{
				"gatewayRefs": []any{map[string]any{"name": gateway.GetName()}},
				"type":        "OpenAI",
				"credentials": map[string]any{"secretRef": map[string]any{"name": realProviderSecret, "key": "apiKey"}},
			},
		}},
	}
}
