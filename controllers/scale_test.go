// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/controllers/status"
)

// crowd is a client beside whose objects there are many keys with their Secrets, given as a cache does that does not copy.
type crowd struct {
	client.Client
	keys    []v1alpha1.APIKey
	secrets []corev1.Secret
}

func newCrowd(beside client.Client, n int) *crowd {
	c := &crowd{Client: beside}
	for i := range n {
		key := generatedKey(fmt.Sprint("user-", i), nil)
		secret := render.KeySecret(key, func() string { return fmt.Sprintf("spark-key-of-many-%020d", i) }, noon)
		key.ResourceVersion, secret.ResourceVersion = "1", "1"
		c.keys, c.secrets = append(c.keys, *key), append(c.secrets, *secret)
	}
	return c
}

func (c *crowd) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	switch list := list.(type) {
	case *v1alpha1.APIKeyList:
		list.Items = append([]v1alpha1.APIKey(nil), c.keys...)
		return nil
	case *corev1.SecretList:
		list.Items = append([]corev1.Secret(nil), c.secrets...)
		return nil
	}
	return c.Client.List(ctx, list, options...)
}

// A gateway with many keys is reconciled in a time that grows with their number only, and at rest tells of none of them.
func TestAGatewayOfManyKeys(t *testing.T) {
	const keys = 8_000
	b := newBed(t, sparkGateway(), runningPod("a", "192.0.2.1"))
	many := newCrowd(b.client, keys)
	b.gateways.Client = many
	b.mustReconcile()
	b.rollOut(1)
	b.fleetObeys("a")
	b.mustReconcile()
	if got := len(b.told); got < keys {
		t.Errorf("%d keys were told of, want %d", got, keys)
	}
	b.told = nil
	began := time.Now()
	s := b.mustReconcile()
	took := time.Since(began)
	t.Logf("at rest %d keys take %s, %s each", keys, took.Round(time.Millisecond), took/keys)
	if b.told != nil || len(b.writes) != 0 || s.Attached.Keys != keys {
		t.Errorf("at rest: told of %d, %d writes, %d keys", len(b.told), len(b.writes), s.Attached.Keys)
	}
	if took > 20*time.Second {
		t.Errorf("at rest a reconciliation takes %s", took)
	}
	disabled := true
	changed := &many.keys[7]
	changed.Spec.Disabled, changed.Generation, changed.ResourceVersion = &disabled, 2, "2"
	b.mustReconcile()
	if len(b.told) > keys+1 || b.gateways.Board.Report(main).Attachments[status.Keys][inTeam("user-7")].Verdict.Generation != 2 {
		t.Errorf("after one change %d were told of", len(b.told))
	}
	shards := 0
	for _, verb := range b.writes {
		if verb == "apply" {
			shards++
		}
	}
	if shards != 2 {
		t.Errorf("after one change %d objects were written, want the shard and the manifest", shards)
	}
}
