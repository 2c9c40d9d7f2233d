// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllers reconciles SparkGateways and the resources that attach to them: it reads everything first,
// decides by pure functions, writes what differs, and tells the truth in status.
package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/apply"
	"github.com/sparkgateway/spark/controllers/board"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/render"
)

// renewalCheck is how often certificates are looked at when nothing else happens.
const renewalCheck = 12 * time.Hour

// blockedCheck is how often an object that is in the way is looked at again.
const blockedCheck = 30 * time.Second

// Conversation is what the reconciler needs of the fleet.
type Conversation interface {
	Want(gateway types.NamespacedName, t fleet.Target)
	Observe(gateway types.NamespacedName) map[string]fleet.Observation
	Forget(gateway types.NamespacedName)
}

// Bookkeeping is what the reconciler needs of whoever keeps what is used.
type Bookkeeping interface {
	Want(gateway *v1alpha1.SparkGateway, pods []string, serving int)
	Forget(gateway types.NamespacedName)
}

// GatewayReconciler makes a SparkGateway real.
type GatewayReconciler struct {
	Client  client.Client
	Applier *apply.Applier
	Fleet   Conversation
	Books   Bookkeeping
	Board   *board.Board
	Events  Events
	Render  render.Options
	// Now is the clock.
	Now func() time.Time

	memos    memos
	monitors monitors
}

// memos holds what the compiler remembers of each gateway. Two reconciliations of one gateway never run at once.
type memos struct {
	mu sync.Mutex
	of map[types.NamespacedName]*compiler.Memo
}

func (m *memos) get(gateway types.NamespacedName) *compiler.Memo {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil {
		m.of = map[types.NamespacedName]*compiler.Memo{}
	}
	if m.of[gateway] == nil {
		m.of[gateway] = &compiler.Memo{}
	}
	return m.of[gateway]
}

func (m *memos) drop(gateway types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.of, gateway)
}

// +kubebuilder:rbac:groups=sparkgateway.dev,resources=sparkgateways;providerpolicies;modelroutes;apikeys;usagepolicies,verbs=get;list;watch
// +kubebuilder:rbac:groups=sparkgateway.dev,resources=sparkgateways/status;providerpolicies/status;modelroutes/status;apikeys/status;usagepolicies/status,verbs=patch;update
// +kubebuilder:rbac:groups=sparkgateway.dev,resources=sparkgateways/finalizers;apikeys/finalizers,verbs=update
// +kubebuilder:rbac:groups="",resources=secrets;services;serviceaccounts,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;create;update
// +kubebuilder:rbac:groups="",resources=pods;namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=autoscaling,resources=horizontalpodautoscalers,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=monitoring.coreos.com,resources=servicemonitors,verbs=get;create;patch;delete
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile brings one gateway nearer to what is declared, and tells how far it is on every path.
func (r *GatewayReconciler) Reconcile(ctx context.Context, req ctrl.Request) (result ctrl.Result, err error) {
	gw, err := get(ctx, r.Client, req.NamespacedName, &v1alpha1.SparkGateway{})
	if err != nil {
		return ctrl.Result{}, err
	}
	if gw == nil || !gw.DeletionTimestamp.IsZero() {
		r.Fleet.Forget(req.NamespacedName)
		r.Books.Forget(req.NamespacedName)
		r.Board.Drop(req.NamespacedName)
		r.memos.drop(req.NamespacedName)
		r.monitors.news(req.NamespacedName, "")
		r.Events.Metrics.gone(v1alpha1.KindSparkGateway, req.NamespacedName)
		return ctrl.Result{}, nil
	}
	s := &scope{gateway: gw.DeepCopy()}
	r.Events.Metrics.seen(gw, gw.Status.Conditions, r.Now())
	defer func() {
		again, failed := r.tell(ctx, s)
		result.RequeueAfter, err = sooner(result.RequeueAfter, again), errors.Join(err, failed)
		r.Events.Metrics.reconciled(!s.output.Gateway.Served(), s.failure, err)
	}()
	if err := r.gather(ctx, s); err != nil {
		return ctrl.Result{}, err
	}
	s.output = r.memos.get(req.NamespacedName).Compile(s.input)
	r.order(s)
	if err := r.write(ctx, s); err != nil {
		s.failure = err
		if blockedBy(err) != nil {
			// Only a user can mend it. A change to the resource wakes us, one to somebody else's object may not.
			return ctrl.Result{RequeueAfter: blockedCheck}, nil
		}
		return ctrl.Result{}, err
	}
	if s.unwatched {
		return ctrl.Result{RequeueAfter: blockedCheck}, nil
	}
	return ctrl.Result{RequeueAfter: renewalCheck}, nil
}

// order gives the desired bundle its sequence. A gateway that is not served keeps the document that is written.
func (r *GatewayReconciler) order(s *scope) {
	if !s.output.Gateway.Served() {
		s.desired = s.written
		return
	}
	s.desired = s.output.Bundle
	unchanged := s.written.Manifest.Revision == s.desired.Manifest.Revision
	acks := r.Fleet.Observe(client.ObjectKeyFromObject(s.gateway))
	s.desired.Manifest.Sequence = nextSequence(s.written.Manifest.Sequence, unchanged, acks, r.Now())
}

// write makes the gateway's objects as desired: credentials, then key shards, then the manifest that names them, then
// what runs the pods, and last what is no longer wanted goes.
func (r *GatewayReconciler) write(ctx context.Context, s *scope) error {
	if err := r.writeAdmin(ctx, s); err != nil {
		return err
	}
	if err := r.writeConfig(ctx, s); err != nil {
		return err
	}
	// Pods that run have their configuration whatever happens to the objects around them: a key that was deleted must
	// not live on because a Service cannot be written.
	r.Books.Want(s.gateway, uids(s.pods), serving(s.pods))
	r.Fleet.Want(client.ObjectKeyFromObject(s.gateway), fleet.Target{Bundle: s.desired, Admin: s.admin.Data, Pods: audience(s.pods)})
	if s.written.Manifest.Sequence == 0 && !s.current {
		// Pods without a configuration would only wait.
		return nil
	}
	core, err := s.desired.ReadCore()
	if err != nil {
		return fmt.Errorf("read the configuration that is written: %w", err)
	}
	options := r.Render
	options.ServiceMonitors = r.monitors.known(r.Client.RESTMapper(), r.Now())
	desired, absent := render.Workload(s.gateway, options, core.Audiences())
	for _, object := range desired {
		changed, err := r.Applier.Apply(ctx, object)
		if err := r.forgive(s, object, err); err != nil {
			return err
		}
		if changed && object.GetObjectKind().GroupVersionKind().Kind == "Deployment" {
			s.replacing = true
		}
	}
	for _, object := range absent {
		if err := r.forgive(s, object, r.Applier.Prune(ctx, s.gateway, object)); err != nil {
			return err
		}
	}
	return nil
}

func (r *GatewayReconciler) writeAdmin(ctx context.Context, s *scope) error {
	var present map[string][]byte
	if s.admin != nil {
		present = s.admin.Data
	}
	data, _, err := issue.Admin(present, r.Now())
	if err != nil {
		return fmt.Errorf("issue administrative credentials: %w", err)
	}
	s.admin = render.AdminSecret(s.gateway, data)
	_, err = r.Applier.Apply(ctx, s.admin)
	return err
}

func (r *GatewayReconciler) writeConfig(ctx context.Context, s *scope) error {
	if !s.output.Gateway.Served() {
		return nil
	}
	for _, shard := range render.ShardSecrets(s.gateway, s.desired, s.written.Manifest, s.shards) {
		if _, err := r.Applier.Apply(ctx, shard); err != nil {
			return err
		}
	}
	secret, err := render.ConfigSecret(s.gateway, s.desired)
	if err != nil {
		return err
	}
	if _, err := r.Applier.Apply(ctx, secret); err != nil {
		return err
	}
	s.current = true
	for _, empty := range render.EmptyShards(s.desired.Manifest, s.shards) {
		if err := r.Applier.Prune(ctx, s.gateway, empty); err != nil {
			return err
		}
	}
	return nil
}
