// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

var options = render.Options{Image: "example.com/gateway:v1", OperatorNamespace: "spark-system"}

// audiences are those of the tokens that the pods of a gateway of testdata need, by its name.
var audiences = map[string][]string{"full": {
	"api://AzureADTokenExchange",
	"https://iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/cluster",
	"sts.amazonaws.com",
}}

// gateways are read from testdata, by name.
func gateways(t testing.TB) map[string]*v1alpha1.SparkGateway {
	t.Helper()
	out := map[string]*v1alpha1.SparkGateway{}
	for _, name := range []string{"minimal", "full", "fixed"} {
		text, err := os.ReadFile("testdata/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		gw := &v1alpha1.SparkGateway{}
		if err := yaml.UnmarshalStrict(text, gw); err != nil {
			t.Fatal(err)
		}
		out[name] = gw
	}
	return out
}

func minimal() *v1alpha1.SparkGateway {
	return &v1alpha1.SparkGateway{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "main", UID: "gateway-uid"}}
}

// keys gives a bundle with that many keys, of which the last is of the given version.
func keys(t testing.TB, n int, version string) config.Bundle {
	t.Helper()
	minute := config.Duration(time.Minute)
	d := &config.Document{
		Core: config.Core{Schema: config.Schema, Gateway: config.Gateway{ID: "team/main", MaxBodyBytes: 1, MaxHeaderBytes: 1 << 10,
			BodyTimeout: minute, MaxConnections: 1, DrainTimeout: minute}},
		Secrets: map[string]config.Secret{"a": config.NewSecret("canary")},
	}
	for i := range n {
		id := fmt.Sprintf("team/key-%d", i)
		d.Keys = append(d.Keys, config.Key{ID: id, Digest: config.DigestKey(id), User: id})
	}
	if n > 0 {
		d.Keys[n-1].User = version
	}
	b, err := config.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func withSequence(b config.Bundle, n int64) config.Bundle {
	b.Manifest.Sequence = n
	return b
}

// byPart gives Secrets of shards as they would be found, by part.
func byPart(secrets ...*corev1.Secret) map[string]*corev1.Secret {
	out := map[string]*corev1.Secret{}
	for _, s := range secrets {
		for shard := range config.KeyShards {
			if part := config.ShardPart(shard); s.Name == render.ShardSecretName("main", part) {
				out[part] = s
			}
		}
	}
	return out
}

// everything gives all objects of a gateway.
func everything(t testing.TB, name string, gw *v1alpha1.SparkGateway) []client.Object {
	t.Helper()
	desired, _ := render.Workload(gw, options, audiences[name])
	bundle := withSequence(keys(t, 1, "v1"), 1)
	configuration, err := render.ConfigSecret(gw, bundle)
	if err != nil {
		t.Fatal(err)
	}
	desired = append(desired, configuration, render.AdminSecret(gw, map[string][]byte{render.AdminCA: []byte("ca")}))
	for _, s := range render.ShardSecrets(gw, bundle, config.Manifest{}, nil) {
		desired = append(desired, s)
	}
	return desired
}
