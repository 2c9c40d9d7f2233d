// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/gateway/config"
)

// maxShares bounds the calls in which a pod tells what it counted in one round; the next round goes on.
const maxShares = 64

// Accounts keep what the pods counted.
type Accounts interface {
	// Ask gives the call for a pod's process, and what takes its answer: that gives the holders that used more than was known,
	// and false where another process answered. ok is false while the gateway's pods are not to be asked.
	Ask(gateway types.NamespacedName, pod, instance string) (call config.UsageCall, hear func(*config.UsageAnswer) (grown []string, ok bool), ok bool)
}

// Grown is told which holders of a gateway used more than was known. It is called without locks held, and holds up the
// conversation with one pod only.
type Grown func(gateway types.NamespacedName, holders []string)

// Share has every round with a pod tell what others counted and ask what it counted itself. It is called before Want.
func (f *Fleet) Share(accounts Accounts, grown Grown) { f.accounts, f.grown = accounts, grown }

// Sharing is how far a pod shares what it counts.
type Sharing struct {
	// Told says that it did so under its present instance.
	Told bool
	// Silence is the time since then or, before the first time, since it was first asked.
	Silence time.Duration
	// Problem says, in stable words, why it last could not; empty when it could.
	Problem string
	// Store is how the pod finds its store, nil without one.
	Store *config.StoreState
}

// sharing is of one line.
type sharing struct {
	since   time.Time
	told    bool
	problem string
	// silent says that the silence was made known.
	silent bool
	store  *config.StoreState
}

// share tells a pod, which has just given an ack, what others counted, and asks what it counted itself.
func (f *Fleet) share(ctx context.Context, gateway types.NamespacedName, t Target, l *line, instance string) {
	if f.accounts == nil {
		return
	}
	var store *config.StoreState
	for range maxShares {
		call, hear, ok := f.accounts.Ask(gateway, l.pod.UID, instance)
		if !ok {
			f.shared(ctx, gateway, l, nil, problem("what was used before is not read yet"))
			return
		}
		answer, err := f.caller.Usage(ctx, gateway, t, l.pod, call)
		if err == nil {
			var grown []string
			if grown, ok = hear(&answer); !ok {
				err = problem("another process answers at its address")
			}
			if len(grown) > 0 && f.grown != nil {
				f.grown(gateway, grown)
			}
		}
		if err != nil {
			f.shared(ctx, gateway, l, nil, err)
			return
		}
		store = answer.Store
		if !answer.More && len(call.Elsewhere) < config.MaxHolders {
			break
		}
	}
	f.shared(ctx, gateway, l, store, nil)
}

// shared keeps how a round went, and makes known what is new in it.
func (f *Fleet) shared(ctx context.Context, gateway types.NamespacedName, l *line, store *config.StoreState, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil || f.accounts == nil {
		return
	}
	s, now := &l.sharing, time.Now()
	silent := now.Sub(s.since) > f.grace
	if err != nil {
		s.problem = err.Error()
		if silent && !s.silent {
			s.silent = true
			f.tell(gateway)
		}
		return
	}
	news := !s.told || s.silent || silent || !sameStore(s.store, store)
	s.since, s.told, s.problem, s.silent, s.store = now, true, "", false, store
	if news {
		f.tell(gateway)
	}
}

func sameStore(a, b *config.StoreState) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Up == b.Up && a.Reason == b.Reason && a.Since.Equal(b.Since)
}
