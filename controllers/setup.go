// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/time/rate"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/apply"
	"github.com/sparkgateway/spark/controllers/board"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/controllers/tally"
)

// Options of the controllers.
type Options struct {
	Render render.Options
	// StatusWritesPerSecond bounds the status writes of the resources that attach to gateways, over the whole cluster. Default: 50.
	StatusWritesPerSecond float64
}

// ClientOptions gives the client that the controllers need: what it wrote, it reads.
func ClientOptions() client.Options {
	return client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: ptr.To(true)}}
}

// CacheOptions gives the cache that the controllers need: of pods only gateways', and nothing's managed fields.
func CacheOptions() cache.Options {
	gateways, err := labels.NewRequirement(render.GatewayLabel, selection.Exists, nil)
	if err != nil {
		panic("the gateway label is not a label: " + err.Error())
	}
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject:         map[client.Object]cache.ByObject{&corev1.Pod{}: {Label: labels.NewSelector().Add(*gateways)}},
	}
}

// Setup adds the controllers to a manager, whose client and cache must be made with ClientOptions and CacheOptions.
// The context ends the conversations with pods.
func Setup(ctx context.Context, mgr ctrl.Manager, o Options) error {
	if err := addIndexes(ctx, mgr); err != nil {
		return err
	}
	if o.StatusWritesPerSecond <= 0 {
		o.StatusWritesPerSecond = 50
	}
	feeds := map[status.Kind]*feed{}
	for _, kind := range status.Kinds {
		feeds[kind] = newFeed()
	}
	counting := NewMetrics(metrics.Registry)
	shared := Telling{
		Client: mgr.GetClient(),
		Board:  board.New(func(kind status.Kind, name types.NamespacedName) { feeds[kind].tell(name) }),
		Events: Events{mgr.GetEventRecorder("spark-operator"), counting},
		Writes: rate.NewLimiter(rate.Limit(o.StatusWritesPerSecond), int(max(o.StatusWritesPerSecond, 1))),
		Now:    time.Now,
	}
	books := tally.NewBooks(time.Now)
	used := newSpending(shared, books, func(kind status.Kind, name types.NamespacedName) { feeds[kind].tell(name) })
	keeper := newBookkeeper(mgr.GetAPIReader(), mgr.GetClient(), books, mgr.GetLogger().WithName("books"), time.Now)
	pods := fleet.New(ctx, fleet.NewHTTPCaller(), status.Grace, passOn(shared.Board, feeds[status.Providers]))
	pods.Share(books, used.grew)
	pods.Measure(counting)
	seen := Sight{Lagging: pods.Lagging, Gateways: func() ([]GatewaySight, bool) { return seenGateways(mgr.GetClient()) }}
	applier := &apply.Applier{Client: mgr.GetClient()}
	gateways := &GatewayReconciler{
		Client: mgr.GetClient(), Applier: applier, Fleet: pods, Books: keeper, Board: shared.Board, Events: shared.Events,
		Render: o.Render, Now: time.Now,
	}
	return errors.Join(
		seen.Register(metrics.Registry),
		mgr.Add(used),
		mgr.Add(keeper),
		gateways.setup(mgr, pods.Changes()),
		providers(shared, pods).setup(mgr, &v1alpha1.ProviderPolicyList{}, feeds[status.Providers]),
		routes(shared).setup(mgr, &v1alpha1.ModelRouteList{}, feeds[status.Routes]),
		keys(shared, applier, used).setup(mgr, &v1alpha1.APIKeyList{}, feeds[status.Keys], &corev1.Secret{}),
		policies(shared, used).setup(mgr, &v1alpha1.UsagePolicyList{}, feeds[status.Policies]),
	)
}

// passOn queues the providers that pods say something new of.
func passOn(b *board.Board, queue *feed) fleet.Heard {
	return func(gateway types.NamespacedName, providers []string) {
		if providers == nil {
			b.Again(gateway, status.Providers)
		}
		for _, id := range providers {
			if namespace, name, ok := strings.Cut(id, "/"); ok {
				queue.tell(types.NamespacedName{Namespace: namespace, Name: name})
			}
		}
	}
}

func (r *GatewayReconciler) setup(mgr ctrl.Manager, changes <-chan types.NamespacedName) error {
	m := mapping{mgr.GetClient()}
	onSpec := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	return ctrl.NewControllerManagedBy(mgr).
		Named("sparkgateway").
		For(&v1alpha1.SparkGateway{}, onSpec).
		Owns(&appsv1.Deployment{}).
		Owns(&corev1.Service{}).
		Owns(&corev1.ServiceAccount{}).
		Owns(&corev1.Secret{}).
		Owns(&policyv1.PodDisruptionBudget{}).
		Owns(&networkingv1.NetworkPolicy{}).
		Owns(&autoscalingv2.HorizontalPodAutoscaler{}).
		Watches(&v1alpha1.ProviderPolicy{}, handler.EnqueueRequestsFromMapFunc(m.attached), onSpec).
		Watches(&v1alpha1.ModelRoute{}, handler.EnqueueRequestsFromMapFunc(m.attached), onSpec).
		// Policies select keys by their labels.
		Watches(&v1alpha1.APIKey{}, handler.EnqueueRequestsFromMapFunc(m.attached),
			builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{}))).
		Watches(&v1alpha1.UsagePolicy{}, handler.EnqueueRequestsFromMapFunc(m.attached), onSpec).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(m.secret)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(m.pod)).
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(m.namespace),
			builder.WithPredicates(predicate.LabelChangedPredicate{})).
		WatchesRawSource(fromChannel(changes)).
		WithOptions(controller.Options{MaxConcurrentReconciles: 4}).
		Complete(r)
}

func (r *AttachedReconciler[T, P]) setup(mgr ctrl.Manager, list client.ObjectList, news *feed, owned ...client.Object) error {
	b := ctrl.NewControllerManagedBy(mgr).
		Named(strings.ToLower(string(r.Kind))).
		For(P(new(T)), builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, asked{}))).
		Watches(&v1alpha1.SparkGateway{}, handler.EnqueueRequestsFromMapFunc(mapping{mgr.GetClient()}.attachedTo(list)), onExistence()).
		WatchesRawSource(news).
		WithOptions(controller.Options{MaxConcurrentReconciles: 4})
	for _, o := range owned {
		b = b.Owns(o)
	}
	return b.Complete(r)
}

// asked lets through that somebody asks for a rotation.
type asked struct{}

// Create, Update, Delete and Generic implement predicate.Predicate.
func (asked) Create(event.CreateEvent) bool { return false }

func (asked) Update(e event.UpdateEvent) bool {
	return e.ObjectOld.GetAnnotations()[compiler.RotateAnnotation] != e.ObjectNew.GetAnnotations()[compiler.RotateAnnotation]
}

func (asked) Delete(event.DeleteEvent) bool { return false }

func (asked) Generic(event.GenericEvent) bool { return false }

// onExistence lets through that a gateway comes, is asked to go, or goes.
func onExistence() builder.WatchesOption {
	return builder.WithPredicates(predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
		},
		GenericFunc: func(event.GenericEvent) bool { return false },
	})
}

// fromChannel queues every name that comes by a channel.
func fromChannel(names <-chan types.NamespacedName) source.Source {
	events := make(chan event.GenericEvent)
	go func() {
		for name := range names {
			events <- event.GenericEvent{Object: &metav1.PartialObjectMetadata{
				ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}}
		}
	}()
	return source.Channel(events, &handler.EnqueueRequestForObject{})
}

// feed is a source that queues what it is told, however much, without blocking: the queue keeps each name once.
type feed struct {
	queue chan workqueue.TypedRateLimitingInterface[reconcile.Request]
}

func newFeed() *feed {
	return &feed{queue: make(chan workqueue.TypedRateLimitingInterface[reconcile.Request], 1)}
}

// Start implements source.Source.
func (f *feed) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	f.queue <- queue
	return nil
}

// tell queues a name; before Start it waits for it.
func (f *feed) tell(name types.NamespacedName) {
	queue := <-f.queue
	f.queue <- queue
	queue.Add(reconcile.Request{NamespacedName: name})
}
