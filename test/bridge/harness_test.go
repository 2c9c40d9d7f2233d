// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bridge tests the way of a configuration from resources to a gateway and back to a status, without Kubernetes:
// compile, lay out the Secrets as they are mounted, serve, ask, tell.
package bridge

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/admin"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/source"
)

var main = types.NamespacedName{Namespace: "team", Name: "main"}

func sparkGateway() *v1alpha1.SparkGateway {
	return &v1alpha1.SparkGateway{ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: main.Name, UID: "gateway-uid"}}
}

// secretOf gives the API key of a user.
func secretOf(user string) string { return "spark-bridge-0123456789abcdef-" + user }

// compiled compiles what is declared for some users, and gives the bundle its sequence.
func compiled(t *testing.T, sequence int64, users ...string) (config.Bundle, compiler.Output) {
	t.Helper()
	return compile(t, sequence, declared("http://127.0.0.1:1/v1", users...))
}

// declared gives one provider, a route to it and a key for each user.
func declared(endpoint string, users ...string) compiler.Input {
	refs := []v1alpha1.GatewayReference{{Name: main.Name}}
	in := compiler.Input{
		Gateway: sparkGateway(),
		Providers: []v1alpha1.ProviderPolicy{{
			ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: "llm"},
			Spec: v1alpha1.ProviderPolicySpec{GatewayRefs: refs, Type: v1alpha1.ProviderOpenAICompatible,
				Endpoint: endpoint, Models: []v1alpha1.ProviderModel{{Name: "chat"}},
				Credentials: &v1alpha1.Credentials{SecretRef: &v1alpha1.SecretKeyReference{Name: "llm"}}},
		}},
		Routes: []v1alpha1.ModelRoute{{
			ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: "smart"},
			Spec: v1alpha1.ModelRouteSpec{GatewayRefs: refs, Models: []v1alpha1.ModelName{"smart"}, Targets: []v1alpha1.RouteTarget{
				{TargetReference: v1alpha1.TargetReference{ProviderRef: v1alpha1.ProviderReference{Name: "llm"}, Model: "chat"}}}},
		}},
		Secrets: map[types.NamespacedName]*corev1.Secret{
			{Namespace: main.Namespace, Name: "llm"}: {Data: map[string][]byte{"apiKey": []byte("sk-provider")}},
		},
	}
	for _, user := range users {
		in.Keys = append(in.Keys, v1alpha1.APIKey{
			ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: user},
			Spec:       v1alpha1.APIKeySpec{GatewayRefs: refs, User: user, SecretRef: &v1alpha1.SecretKeyReference{Name: user}},
		})
		in.Secrets[types.NamespacedName{Namespace: main.Namespace, Name: user}] = &corev1.Secret{
			Data: map[string][]byte{"apiKey": []byte(secretOf(user))}}
	}
	return in
}

func compile(t *testing.T, sequence int64, in compiler.Input) (config.Bundle, compiler.Output) {
	t.Helper()
	out := compiler.Compile(in)
	if out.Document == nil {
		t.Fatalf("no document: %+v", out.Gateway)
	}
	bundle := out.Bundle
	bundle.Manifest.Sequence = sequence
	return bundle, out
}

// cluster holds a gateway's Secrets as an API server would, by name.
type cluster struct {
	t       *testing.T
	secrets map[string]*corev1.Secret
	admin   map[string][]byte
	written config.Bundle
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	data, _, err := issue.Admin(nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{t: t, admin: data, secrets: map[string]*corev1.Secret{
		render.AdminSecretName(main.Name): render.AdminSecret(sparkGateway(), data)}}
}

// write puts a bundle into the Secrets as the reconciler does: shards first, then the manifest.
func (c *cluster) write(bundle config.Bundle) {
	c.t.Helper()
	live := map[string]*corev1.Secret{}
	for shard := range config.KeyShards {
		if s := c.secrets[render.ShardSecretName(main.Name, config.ShardPart(shard))]; s != nil {
			live[config.ShardPart(shard)] = s
		}
	}
	for _, s := range render.ShardSecrets(sparkGateway(), bundle, c.written.Manifest, live) {
		c.secrets[s.Name] = s
	}
	s, err := render.ConfigSecret(sparkGateway(), bundle)
	if err != nil {
		c.t.Fatal(err)
	}
	c.secrets[s.Name] = s
	for _, s := range render.EmptyShards(bundle.Manifest, live) {
		delete(c.secrets, s.Name)
	}
	c.written = bundle
}

// mount lays out a volume of the gateway's pods as the kubelet does, without the swaps.
func (c *cluster) mount(volume, dir string) {
	c.t.Helper()
	for _, v := range render.Deployment(sparkGateway(), render.Options{Image: "gateway"}, nil).Spec.Template.Spec.Volumes {
		if v.Name != volume {
			continue
		}
		for _, p := range v.Projected.Sources {
			s := c.secrets[p.Secret.Name]
			if s == nil && !ptr.Deref(p.Secret.Optional, false) {
				c.t.Fatalf("a pod could not start: no Secret %s", p.Secret.Name)
			}
			if s != nil {
				c.project(s, p.Secret.Items, dir)
			}
		}
		return
	}
	c.t.Fatalf("pods have no volume %s", volume)
}

func (c *cluster) project(s *corev1.Secret, items []corev1.KeyToPath, dir string) {
	c.t.Helper()
	if len(items) == 0 {
		for key := range s.Data {
			items = append(items, corev1.KeyToPath{Key: key, Path: key})
		}
	}
	for _, item := range items {
		path := filepath.Join(dir, item.Path)
		// A file is replaced at once, as the gateway may be reading it.
		if err := os.WriteFile(path+".new", s.Data[item.Key], 0o600); err != nil {
			c.t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			c.t.Fatal(err)
		}
	}
}

// pod is a gateway's process, wired as cmd/gateway wires it.
type pod struct {
	uid, address, admin string
	config              string
	reloader            *gateway.Reloader
}

// start runs a pod on the cluster's Secrets as they are. apply may replace what takes up documents.
func (c *cluster) start(uid string, apply func(*config.Document) error) *pod {
	t := c.t
	t.Helper()
	p := &pod{uid: uid, config: t.TempDir()}
	adminDir := t.TempDir()
	if c.written.Parts != nil {
		c.mount("config", p.config)
	}
	c.mount("admin", adminDir)
	server := gateway.NewServer(gateway.Options{})
	if apply == nil {
		apply = server.Apply
	}
	p.reloader = gateway.NewReloader(gateway.Identity{Gateway: main.String(), Pod: uid, Version: "test"}, apply)
	adminTLS, err := admin.TLS(adminDir)
	if err != nil {
		t.Fatal(err)
	}
	adminServer := admin.Server(admin.Handler(p.reloader, gateway.Report{Reloader: p.reloader, Server: server}))
	adminServer.ErrorLog = log.New(io.Discard, "", 0)
	p.address = listen(t, nil, server.Serve)
	p.admin = listen(t, adminTLS, adminServer.Serve)
	ctx, cancel := context.WithCancel(t.Context())
	directory := &source.Directory{Path: p.config, Offer: p.reloader.Offer, Logger: slog.New(slog.DiscardHandler)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		directory.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		_ = adminServer.Close()
		ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
		defer stop()
		_ = server.Shutdown(ctx)
	})
	return p
}

func listen(t *testing.T, config *tls.Config, serve func(net.Listener) error) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	if config != nil {
		ln = tls.NewListener(ln, config)
	}
	go func() { _ = serve(ln) }()
	return address
}

// answers gives the status with which a pod answers a user who lists the models; 0 where it does not answer.
func (p *pod) answers(t *testing.T, user string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.address+"/v1/models", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+secretOf(user))
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}

// operator is the operator's side: a real fleet, and the pure status.
type operator struct {
	t       *testing.T
	cluster *cluster
	fleet   *fleet.Fleet
}

func (c *cluster) operator() *operator {
	ctx, cancel := context.WithCancel(c.t.Context())
	caller := fleet.NewHTTPCaller()
	c.t.Cleanup(func() {
		cancel()
		caller.Forget(main)
	})
	return &operator{c.t, c, fleet.New(ctx, caller, status.Grace, func(types.NamespacedName, []string) {})}
}

func (o *operator) want(bundle config.Bundle, pods ...*pod) {
	target := fleet.Target{Bundle: bundle, Admin: o.cluster.admin}
	for _, p := range pods {
		target.Pods = append(target.Pods, fleet.Pod{UID: p.uid, Name: p.uid, Address: p.admin, Instance: "container"})
	}
	o.fleet.Want(main, target)
}

// programmed computes the condition from what the pods say now.
func (o *operator) programmed(bundle config.Bundle, pods ...*pod) status.Condition {
	facts := status.Programming{Written: true, TemplateCurrent: true, Revision: bundle.Manifest.Revision, Sequence: bundle.Manifest.Sequence}
	observed := o.fleet.Observe(main)
	for _, p := range pods {
		seen := observed[p.uid]
		facts.Pods = append(facts.Pods, status.Pod{Name: p.uid, UID: p.uid, Ready: true, Ack: seen.Ack, Silence: seen.Silence, Problem: seen.Problem})
	}
	return status.Programmed(facts)
}

// eventually waits until the condition has the reason.
func (o *operator) eventually(want v1alpha1.Reason, bundle config.Bundle, pods ...*pod) status.Condition {
	o.t.Helper()
	var got status.Condition
	poll(o.t, func() bool {
		got = o.programmed(bundle, pods...)
		return got.Reason == want
	}, func() string { return fmt.Sprintf("Programmed is %s/%s: %s", got.Status, got.Reason, got.Message) })
	return got
}

func poll(t *testing.T, ok func() bool, message func() string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 20 s: %s", message())
		}
	}
}
