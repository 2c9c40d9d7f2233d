// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/hack/devnode"
	"github.com/sparkgateway/spark/test/accounting/bed"
)

// startNode runs the gateway's program for every pod.
func (c *cluster) startNode(t *testing.T) {
	t.Helper()
	program := filepath.Join(c.dir, "gateway")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/gateway").CombinedOutput(); err != nil {
		t.Fatalf("build the gateway: %v\n%s", err, out)
	}
	node, err := devnode.Start(t.Context(), devnode.Options{
		Config: c.admin, Dir: filepath.Join(c.dir, "node"), Programs: map[string]string{render.Container: program}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Stop)
}

// startOperator runs the controllers until the test ends, and gives what they have read. They may write statuses as fast as
// they can.
func (c *cluster) startOperator(t *testing.T) client.Reader {
	t.Helper()
	anyName := true
	mgr, err := ctrl.NewManager(c.admin, ctrl.Options{
		Scheme: scheme(t), Client: controllers.ClientOptions(), Cache: controllers.CacheOptions(),
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		Controller: ctrlconfig.Controller{SkipNameValidation: &anyName},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := controllers.Setup(ctx, mgr, controllers.Options{StatusWritesPerSecond: 2000,
		Render: render.Options{Image: "spark/gateway:test", OperatorNamespace: "spark-system"}}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the operator ended: %v", err)
		}
	})
	return mgr.GetClient()
}

// serve makes a gateway with one pod and gives its address when it is ready.
func (c *cluster) serve(t *testing.T) string {
	t.Helper()
	gw := &v1alpha1.SparkGateway{ObjectMeta: metav1.ObjectMeta{Name: "main", Namespace: "default"}, Spec: v1alpha1.SparkGatewaySpec{
		Replicas: ptr.To(int32(1))}}
	if err := c.Create(t.Context(), gw); err != nil {
		t.Fatal(err)
	}
	within(t, 5*time.Minute, "the gateway is ready", func() bool {
		return c.Get(t.Context(), client.ObjectKeyFromObject(gw), gw) == nil &&
			meta.IsStatusConditionTrue(gw.Status.Conditions, string(v1alpha1.Ready))
	})
	var pods corev1.PodList
	if err := c.List(t.Context(), &pods, client.InNamespace("default"), client.MatchingLabels(render.Selector(gw))); err != nil || len(pods.Items) != 1 {
		t.Fatalf("%d pods, error %v", len(pods.Items), err)
	}
	return "http://" + pods.Items[0].Status.PodIP + ":8080"
}

func within(t *testing.T, most time.Duration, what string, holds func() bool) {
	t.Helper()
	looking(t, most, 5*time.Millisecond, what, holds)
}

func looking(t *testing.T, most, every time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(most)
	defer deadline.Stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %v: %s", most, what)
		}
	}
}

// known says whether the gateway takes a key: what it serves is listed for those alone.
func known(t *testing.T, url, secret string) bool {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/models", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+secret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// settled waits until the gateway's status tells of a new revision, and that its pod runs it.
func (c *cluster) settled(t *testing.T, since string) string {
	t.Helper()
	gw := &v1alpha1.SparkGateway{}
	within(t, 5*time.Minute, "the gateway is at rest", func() bool {
		return c.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "main"}, gw) == nil && gw.Status.Revision != since &&
			meta.IsStatusConditionTrue(gw.Status.Conditions, string(v1alpha1.Programmed))
	})
	return gw.Status.Revision
}

// told waits until the status of every key was written.
func told(t *testing.T, cache client.Reader, n int) {
	t.Helper()
	began := time.Now()
	looking(t, 20*time.Minute, time.Second, "every key's status is told", func() bool {
		var keys v1alpha1.APIKeyList
		if cache.List(t.Context(), &keys, client.UnsafeDisableDeepCopy) != nil {
			return false
		}
		ready := 0
		for i := range keys.Items {
			if meta.IsStatusConditionTrue(keys.Items[i].Status.Conditions, string(v1alpha1.Ready)) {
				ready++
			}
		}
		return ready == n
	})
	t.Logf("every key's status is told after another %v", time.Since(began).Round(time.Second))
}

// changeSome disables one key after the other, and measures from the API server's answer to the gateway's refusal.
func changeSome(t *testing.T, c *cluster, n int) {
	c.startNode(t)
	cache := c.startOperator(t)
	url := c.serve(t)
	told(t, cache, n)
	version := func(part string) string {
		var s corev1.Secret
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: render.ShardSecretName("main", part)}, &s); err != nil {
			t.Fatal(err)
		}
		return s.ResourceVersion
	}
	const changes = 20
	var took []time.Duration
	revision := ""
	for i := range changes {
		revision = c.settled(t, revision)
		name, user := fmt.Sprintf("team-%04d", i*(n/changes)/perSecret), user(i)
		key := &v1alpha1.APIKey{ObjectMeta: metav1.ObjectMeta{Name: name + "-" + user, Namespace: "default"}}
		secret := bed.Secret(name + user)
		if !known(t, url, secret) {
			t.Fatalf("key %s is not taken", key.Name)
		}
		own := config.ShardOf("default/" + key.Name)
		other := config.ShardPart((own + 1) % config.KeyShards)
		before, beside := version(config.ShardPart(own)), version(other)
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"disabled":true}}`))
		if err := c.Patch(t.Context(), key, patch); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		within(t, time.Minute, "the key is refused", func() bool { return !known(t, url, secret) })
		took = append(took, time.Since(began))
		if version(config.ShardPart(own)) == before || version(other) != beside {
			t.Errorf("key %s is of shard %d: it moved %t, the one after %t", key.Name, own, version(config.ShardPart(own)) != before, version(other) != beside)
		}
	}
	slices.Sort(took)
	t.Logf("of %d keys one changed, %d times: live after %v at the median, %v at most", n, changes,
		took[changes/2].Round(time.Millisecond), took[changes-1].Round(time.Millisecond))
	if limit := slowdown * time.Second; took[changes/2] > limit {
		t.Errorf("a change is live after %v, want %v at most", took[changes/2], limit)
	}
}
