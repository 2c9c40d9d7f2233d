// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/controllers/tally"
	"github.com/sparkgateway/spark/controllers/turns"
	"github.com/sparkgateway/spark/gateway/config"
)

// The bounds of the writes that tell of use alone, as the API's comments promise them: for one resource, and over the cluster.
// With what passes until a pod is heard, use is told within 10 seconds while fewer than 175 resources are used.
const (
	usageEvery     = 7 * time.Second
	usagePerSecond = 25
)

// turn names whose status is to be written.
type turn struct {
	kind status.Kind
	name types.NamespacedName
}

// account is whose use is told.
type account struct {
	kind    status.Kind
	name    types.NamespacedName
	holder  string
	budgets []v1alpha1.Budget
}

func (a *account) turn() turn { return turn{a.kind, a.name} }

// spending tells what keys and policies used: what alone has changed in turn, and what changes their conditions at once. It is
// safe for concurrent use.
type spending struct {
	Telling
	books *tally.Books
	turns *turns.Turns[turn]
	// again queues a resource.
	again func(status.Kind, types.NamespacedName)

	mu         sync.Mutex
	thresholds map[turn][]status.Threshold
}

func newSpending(t Telling, books *tally.Books, again func(status.Kind, types.NamespacedName)) *spending {
	return &spending{Telling: t, books: books, again: again, turns: turns.New[turn](usageEvery, usagePerSecond),
		thresholds: map[turn][]status.Threshold{}}
}

// told is what is told of an account's use.
type told struct {
	usage v1alpha1.UsageStatus
	// again is when it is another though nothing is used; 0 for never.
	again time.Duration
}

// tell gives the use, and puts WithinBudget among the conditions. While a gateway's pods are not heard, as after a restart of
// the operator, what was told before stands.
func (s *spending) tell(of account, attached []status.AttachedTo, before v1alpha1.UsageStatus, shared *v1alpha1.AttachedStatus) told {
	now := s.Now()
	if len(of.budgets) == 0 {
		meta.RemoveStatusCondition(&shared.Conditions, string(v1alpha1.WithinBudget))
	}
	uses, ok := s.uses(of.holder, attached, now)
	if !ok {
		return told{usage: before, again: usageEvery}
	}
	if c, ok := status.WithinBudget(of.budgets, uses, now); ok {
		meta.SetStatusCondition(&shared.Conditions, metav1.Condition{
			Type: string(c.Type), Status: c.Status, Reason: string(c.Reason), Message: c.Message,
			ObservedGeneration: shared.ObservedGeneration, LastTransitionTime: metav1.NewTime(now),
		})
	}
	s.mu.Lock()
	if thresholds := status.Thresholds(of.budgets, uses, now); len(thresholds) > 0 {
		s.thresholds[of.turn()] = thresholds
	} else {
		delete(s.thresholds, of.turn())
	}
	s.mu.Unlock()
	return told{status.Usage(of.budgets, uses, now), until(status.WindowEnds(of.budgets, uses, now), now)}
}

// uses gives what a holder used on each gateway that exists; ok is false while one of them cannot say.
func (s *spending) uses(holder string, attached []status.AttachedTo, now time.Time) (uses []status.GatewayUse, ok bool) {
	for _, a := range attached {
		if !a.Exists {
			continue
		}
		t := s.books.Of(a.Gateway)
		if t == nil || !t.Settled(now) {
			return nil, false
		}
		uses = append(uses, status.GatewayUse{Gateway: a.Gateway, Use: t.Use(holder)})
	}
	return uses, true
}

// pace says what becomes of a status of which the use has changed, or the rest: what is not use waits for nothing.
func (s *spending) pace(of account, rest, usage bool) Completion {
	switch {
	case rest:
		s.turns.Wrote(of.turn(), s.Now())
		return Completion{Worth: true}
	case !usage:
		s.turns.Take(of.turn())
		return Completion{}
	case s.turns.Take(of.turn()):
		return Completion{Worth: true}
	}
	s.turns.Ask(of.turn())
	return Completion{}
}

// grew is told by the fleet that holders of a gateway used something.
func (s *spending) grew(gateway types.NamespacedName, holders []string) {
	t, now := s.books.Of(gateway), s.Now()
	for _, holder := range holders {
		who, ok := turnOf(holder)
		if !ok {
			continue
		}
		s.mu.Lock()
		thresholds := s.thresholds[who]
		s.mu.Unlock()
		if t != nil && len(thresholds) > 0 {
			use := t.Use(holder)
			if slices.ContainsFunc(thresholds, func(th status.Threshold) bool { return th.Gateway == gateway && th.Reached(&use, now) }) {
				s.again(who.kind, who.name)
				continue
			}
		}
		s.turns.Ask(who)
	}
}

// turnOf gives the resource that a holder is; ok is false of those that are none, or whose status tells of no use.
func turnOf(holder string) (t turn, ok bool) {
	id := ""
	if id, ok = strings.CutPrefix(holder, config.HolderKey); ok {
		t.kind = status.Keys
	} else if id, ok = strings.CutPrefix(holder, config.HolderPolicy); ok {
		t.kind = status.Policies
	}
	t.name.Namespace, t.name.Name, _ = strings.Cut(id, "/")
	return t, ok && t.name.Name != ""
}

// Start gives turns until the context ends.
func (s *spending) Start(ctx context.Context) error {
	for {
		who, wait, ok := s.turns.Next(s.Now())
		if ok {
			s.again(who.kind, who.name)
			continue
		}
		if wait <= 0 {
			wait = time.Hour
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-s.turns.Asked():
			timer.Stop()
		case <-timer.C:
		}
	}
}

func (s *spending) forget(of account) {
	s.turns.Forget(of.turn())
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.thresholds, of.turn())
}
