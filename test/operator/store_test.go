// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// A store that goes away and comes back is told on the gateway, whose Ready it does not bear on, and use is told with it as
// without.
func TestLimitsEnforcedFollowsTheStore(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	b := newBed(t)
	gw, k := gateway(2), apiKey("alice")
	gw.Spec.Store = &v1alpha1.Store{Type: v1alpha1.StoreRedis, Redis: &v1alpha1.RedisStore{
		Addresses: []string{server.Addr}, Timeout: "5s", // of which a busy machine may need some
	}}
	k.Spec.Limits = &v1alpha1.Limits{Requests: []v1alpha1.RequestLimit{{Count: 1000, Per: "1h"}}}
	b.create(providerSecret(), gw, policy("fake"), k)
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(gw, v1alpha1.LimitsEnforced, metav1.ConditionTrue, v1alpha1.ReasonStore)
	b.becomes(k, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	key := b.secretOf("alice")
	ask := func() {
		t.Helper()
		for _, address := range b.addresses() {
			if status, _, body := b.chat(address, key, "fake-model"); status != http.StatusOK {
				t.Errorf("%d %s", status, body)
			}
		}
	}
	ask()
	b.eventually("what was used is told once, not by each pod", func() bool { return b.refresh(k) && k.Status.Usage.Requests == 2 })

	server.Kill()
	ask()
	began := time.Now()
	down := b.becomes(gw, v1alpha1.LimitsEnforced, metav1.ConditionFalse, v1alpha1.ReasonStoreDown)
	b.since(began, "StoreDown")
	if !strings.HasSuffix(down.Message, "; meanwhile such a pod enforces its share of each limit") || strings.Contains(down.Message, server.Addr) {
		t.Errorf("message %q", down.Message)
	}
	if c := b.condition(gw, v1alpha1.Ready); c == nil || c.Status != metav1.ConditionTrue {
		t.Errorf("Ready %+v", c)
	}
	server.Restart()
	began = time.Now()
	b.becomes(gw, v1alpha1.LimitsEnforced, metav1.ConditionTrue, v1alpha1.ReasonStore)
	b.since(began, "Store again")
	ask()
	b.eventually("what was used meanwhile is told too", func() bool { return b.refresh(k) && k.Status.Usage.Requests == 6 })
}
