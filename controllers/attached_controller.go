// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/board"
	"github.com/sparkgateway/spark/controllers/status"
)

// Telling is what the reconcilers of resources with gatewayRefs share.
type Telling struct {
	Client client.Client
	Board  *board.Board
	Events Events
	// Writes bounds status writes over the whole cluster.
	Writes *rate.Limiter
	// Now is the clock.
	Now func() time.Time
}

// AttachedReconciler reconciles one kind of resources with gatewayRefs: it is the only writer of their status, and
// tells there what the gateways' reconciliation put on the board. What differs between kinds are its functions.
type AttachedReconciler[T any, P interface {
	*T
	client.Object
}] struct {
	Telling
	Kind status.Kind
	// Shared gives the part of the status that every kind has.
	Shared func(P) *v1alpha1.AttachedStatus
	// Prepare makes what a resource needs before gateways can speak of it, and says when to do so again, 0 for never; nil for
	// nothing.
	Prepare func(context.Context, P) (again time.Duration, err error)
	// Refused gives what Ready says of a resource that is refused on purpose, nil of others; nil refuses none.
	Refused func(P) *status.Condition
	// Complete fills in the rest of a status whose shared part is there, and says what becomes of it. nil has nothing to fill in.
	Complete func(next, before P, attached []status.AttachedTo) Completion
	// Wrote is told of a status that was written; nil does not care.
	Wrote func(next, before P)
	// Gone drops what is kept of a resource; nil keeps nothing.
	Gone func(types.NamespacedName)
}

// Completion says what becomes of a status.
type Completion struct {
	// Worth says that it is to be written, and Wait how long that has to wait.
	Worth bool
	Wait  time.Duration
	// Again is when to look again even if nobody tells anything new; 0 for never.
	Again time.Duration
}

// Reconcile writes the status where what the gateways say has changed.
func (r *AttachedReconciler[T, P]) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	result, err := r.reconcile(ctx, req)
	r.Events.Metrics.reconciled(false, nil, err)
	return result, err
}

func (r *AttachedReconciler[T, P]) reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	object, err := get(ctx, r.Client, req.NamespacedName, P(new(T)))
	if err != nil {
		return ctrl.Result{}, err
	}
	if object == nil || !object.GetDeletionTimestamp().IsZero() {
		r.Events.Metrics.gone(kindName(P(new(T))), req.NamespacedName)
		if r.Gone != nil {
			r.Gone(req.NamespacedName)
		}
		return ctrl.Result{}, nil
	}
	r.Events.Metrics.seen(object, r.Shared(object).Conditions, r.Now())
	var again time.Duration
	if r.Prepare != nil {
		if again, err = r.Prepare(ctx, object); err != nil {
			return ctrl.Result{}, err
		}
	}
	attached, known, err := r.gather(ctx, object)
	if err != nil || !known {
		return ctrl.Result{RequeueAfter: again}, err
	}
	next, done := r.complete(object, attached)
	again = sooner(again, done.Again)
	if !done.Worth || done.Wait > 0 {
		return ctrl.Result{RequeueAfter: sooner(again, done.Wait)}, nil
	}
	return ctrl.Result{RequeueAfter: again}, r.write(ctx, next, object)
}

// complete gives the whole status.
func (r *AttachedReconciler[T, P]) complete(object P, attached []status.AttachedTo) (P, Completion) {
	next := object.DeepCopyObject().(P)
	var refused *status.Condition
	if r.Refused != nil {
		refused = r.Refused(object)
	}
	shared := r.Shared(next)
	*shared = status.ForRefused(object.GetGeneration(), r.Now(), attached, *shared, refused)
	if r.Complete == nil {
		return next, Completion{Worth: true}
	}
	return next, r.Complete(next, object, attached)
}

// sooner gives the shorter of two times to wait, of which 0 is for ever.
func sooner(a, b time.Duration) time.Duration {
	if a <= 0 || b > 0 && b < a {
		return b
	}
	return a
}

// gather holds, of each of a resource's gatewayRefs, what is known. known is false while some gateway has not been
// heard on this generation.
func (r *AttachedReconciler[T, P]) gather(ctx context.Context, object P) (attached []status.AttachedTo, known bool, err error) {
	for _, name := range gatewayNames(object) {
		gw, err := get(ctx, r.Client, name, &v1alpha1.SparkGateway{})
		if err != nil {
			return nil, false, err
		}
		if gw == nil || !gw.DeletionTimestamp.IsZero() {
			attached = append(attached, status.AttachedTo{Gateway: name})
			continue
		}
		said, ok := r.Board.Report(name).Attachments[r.Kind][client.ObjectKeyFromObject(object)]
		if !ok || said.Verdict.Generation != object.GetGeneration() {
			return nil, false, nil
		}
		attached = append(attached, status.AttachedTo{Gateway: name, Exists: true, Attachment: said})
	}
	return attached, true, nil
}

// write patches the status where it is not what it was, and tells of transitions.
func (r *AttachedReconciler[T, P]) write(ctx context.Context, next, before P) error {
	if equality.Semantic.DeepEqual(next, before) {
		return nil
	}
	if err := r.Writes.Wait(ctx); err != nil {
		return err
	}
	if err := r.Client.Status().Patch(ctx, next, client.MergeFrom(before)); err != nil {
		return client.IgnoreNotFound(err)
	}
	r.Events.Metrics.wrote(next, r.Shared(next).Conditions, r.Now())
	r.Events.transition(next, r.Shared(before).Conditions, r.Shared(next).Conditions)
	if r.Wrote != nil {
		r.Wrote(next, before)
	}
	return nil
}
