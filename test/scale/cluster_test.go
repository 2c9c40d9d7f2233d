// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/hack/envtest/assets"
	"github.com/sparkgateway/spark/hack/envtest/controlplane"
	"github.com/sparkgateway/spark/test/accounting/bed"
)

// perSecret is how many keys one Secret brings.
const perSecret = 100

// cluster is an API server with the CRDs, and a node that runs gateways.
type cluster struct {
	client.Client
	admin *rest.Config
	dir   string
	tools string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{dir: t.TempDir()}
	var err error
	if c.tools, err = assets.Default(os.Stderr).Resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	plane, err := controlplane.Start(t.Context(), controlplane.Options{Assets: c.tools, Dir: filepath.Join(c.dir, "plane"),
		APIServerArgs: []string{"--max-requests-inflight=2000", "--max-mutating-requests-inflight=1000"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(plane.Stop)
	if _, err := envtest.InstallCRDs(plane.Config, envtest.CRDInstallOptions{Paths: []string{"../../config/crd"}, ErrorIfPathMissing: true}); err != nil {
		t.Fatal(err)
	}
	c.admin = rest.CopyConfig(plane.Config)
	c.admin.QPS, c.admin.Burst = -1, -1
	if c.Client, err = client.New(c.admin, client.Options{Scheme: scheme(t)}); err != nil {
		t.Fatal(err)
	}
	return c
}

func scheme(t *testing.T) *kruntime.Scheme {
	t.Helper()
	scheme := kruntime.NewScheme()
	for _, add := range []func(*kruntime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

// fill makes n APIKeys, with the Secrets that bring them.
func fill(t *testing.T, c client.Client, n int) {
	t.Helper()
	next := make(chan int)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for team := range next {
				if err := addTeam(t.Context(), c, team, min(perSecret, n-team*perSecret)); err != nil {
					t.Errorf("team %d: %v", team, err)
				}
			}
		})
	}
	for team := range (n + perSecret - 1) / perSecret {
		next <- team
	}
	close(next)
	wg.Wait()
}

func addTeam(ctx context.Context, c client.Client, team, size int) error {
	name := fmt.Sprintf("team-%04d", team)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}, Data: map[string][]byte{}}
	for i := range size {
		secret.Data[user(i)] = []byte(bed.Secret(name + user(i)))
	}
	if err := c.Create(ctx, secret); err != nil {
		return err
	}
	for i := range size {
		key := &v1alpha1.APIKey{
			ObjectMeta: metav1.ObjectMeta{Name: name + "-" + user(i), Namespace: "default", Labels: map[string]string{config.LabelTeam: name}},
			Spec: v1alpha1.APIKeySpec{
				GatewayRefs: []v1alpha1.GatewayReference{{Name: "main"}}, User: user(i),
				SecretRef: &v1alpha1.SecretKeyReference{Name: name, Key: user(i)},
			},
		}
		if err := c.Create(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// gather reads everything as the operator does, page by page.
func gather(t *testing.T, c client.Client) compiler.Input {
	t.Helper()
	in := compiler.Input{
		Gateway: &v1alpha1.SparkGateway{ObjectMeta: metav1.ObjectMeta{Name: "main", Namespace: "default", Generation: 1}},
		Secrets: map[types.NamespacedName]*corev1.Secret{},
	}
	for more, token := true, ""; more; {
		var page v1alpha1.APIKeyList
		if err := c.List(t.Context(), &page, client.InNamespace("default"), client.Limit(5000), client.Continue(token)); err != nil {
			t.Fatal(err)
		}
		in.Keys = append(in.Keys, page.Items...)
		token, more = page.Continue, page.Continue != ""
	}
	var secrets corev1.SecretList
	if err := c.List(t.Context(), &secrets, client.InNamespace("default")); err != nil {
		t.Fatal(err)
	}
	for i := range secrets.Items {
		s := &secrets.Items[i]
		in.Secrets[types.NamespacedName{Namespace: s.Namespace, Name: s.Name}] = s
	}
	return in
}

// clusterKeys is how many keys to make in a real API server: a few, or as many as SPARK_SCALE says. A hundred thousand take
// minutes.
func clusterKeys(t *testing.T) int {
	t.Helper()
	text := os.Getenv("SPARK_SCALE")
	if text == "" {
		return 5 * perSecret
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < perSecret {
		t.Fatalf("SPARK_SCALE is %q, want a number from %d", text, perSecret)
	}
	return n
}

func TestKeysOfARealAPIServer(t *testing.T) {
	n, c := clusterKeys(t), newCluster(t)
	began := time.Now()
	fill(t, c, n)
	t.Logf("%d keys made in %v", n, time.Since(began).Round(time.Second))
	t.Run("are compiled and sharded", func(t *testing.T) { compileAll(t, c, n) })
	t.Run("are changed one at a time, at once", func(t *testing.T) { changeSome(t, c, n) })
}

func compileAll(t *testing.T, c client.Client, n int) {
	in := gather(t, c)
	began := time.Now()
	out := compiler.Compile(in)
	compiled := time.Since(began)
	if out.Document == nil || len(out.Document.Keys) != n {
		t.Fatalf("the gateway's verdict is %+v, want %d keys", out.Gateway, n)
	}
	largest := 0
	for shard := range config.KeyShards {
		largest = max(largest, len(out.Bundle.Parts[config.ShardPart(shard)]))
	}
	t.Logf("compiled in %v; the largest shard has %d bytes of %d", compiled.Round(time.Millisecond), largest, config.MaxPartBytes)
	if limit := 30 * slowdown * time.Second; compiled > limit {
		t.Errorf("compiled in %v, want %v at most", compiled, limit)
	}
}
