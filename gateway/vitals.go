// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/breaker"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/quota"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

// book keeps living state by identity, for as long as configurations name it. Its user guards it.
type book[T any] map[string]*entry[T]

type entry[T any] struct {
	value T
	used  uint64
}

// use gives the state of an identity, made where there is none.
func (b book[T]) use(key string, generation uint64, create func() T) T {
	e, ok := b[key]
	if !ok {
		e = &entry[T]{value: create()}
		b[key] = e
	}
	e.used = generation
	return e.value
}

// sweep forgets what neither this generation nor the one before used: a request may still be served by the latter.
func (b book[T]) sweep(generation uint64) {
	for key, e := range b {
		if e.used+1 < generation {
			delete(b, key)
		}
	}
}

// vitals is the living state of providers, targets and routes: breakers, loads, quotas, budgets, the last minute.
type vitals struct {
	mu         sync.Mutex
	generation uint64
	pods       int // that share providers' limits
	providers  book[*account]
	targets    book[*proxy.Vital]
	hedges     book[*proxy.HedgeBudget]
}

// account is what lives of a provider.
type account struct {
	proxy.Account
	minute telemetry.Minute
}

func newVitals() *vitals {
	return &vitals{pods: 1, providers: book[*account]{}, targets: book[*proxy.Vital]{}, hedges: book[*proxy.HedgeBudget]{}}
}

// renew begins a generation, and ends the one before the last.
func (v *vitals) renew(fill func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.generation++
	fill()
	v.providers.sweep(v.generation)
	v.targets.sweep(v.generation)
	v.hedges.sweep(v.generation)
}

// share takes up how many pods share providers' limits, those of the former configuration's too, which may still serve.
func (v *vitals) share(now int64, pods func() int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pods = pods() // asked for here, so that of two that tell at once the last word stays
	for _, e := range v.providers {
		e.value.Quota.Share(now, v.pods)
	}
}

// provider gives what lives of a provider, under the configuration's settings.
func (v *vitals) provider(p *config.Provider) *account {
	a := v.providers.use(p.ID, v.generation, func() *account {
		made := &account{Account: proxy.Account{Quota: quota.New(p.Quota)}}
		made.Quota.Share(0, v.pods) // nothing was taken, at whatever time
		return made
	})
	a.Quota.Use(p.Quota)
	return a
}

// target gives what lives of a provider's model, under the configuration's settings.
func (l *Living) target(p *config.Provider, model string) *proxy.Vital {
	v := l.vitals
	vital := v.targets.use(p.ID+targetKey+model, v.generation, func() *proxy.Vital {
		id := p.ID
		return &proxy.Vital{
			Breaker: breaker.New(p.Breaker, rand.Float64, func(c breaker.Change) {
				l.metrics.BreakerTurned(id, model, c.To.String())
				l.log.Info("circuit breaker", slog.String("provider", id), slog.String("model", model),
					slog.String("from", c.From.String()), slog.String("to", c.To.String()), slog.String("reason", c.Reason))
			}),
			Quota: v.provider(p).Quota.Target(),
		}
	})
	vital.Breaker.Use(p.Breaker)
	return vital
}

// breakers tells the state of every target's breaker, of those that the configuration has.
func (l *Living) breakers(tell func(provider, model, state string)) {
	v := l.vitals
	v.mu.Lock()
	defer v.mu.Unlock()
	now := l.clock()
	for key, e := range v.targets {
		provider, model, _ := strings.Cut(key, targetKey)
		if e.used == v.generation && model != "" {
			tell(provider, model, e.value.Breaker.Look(now).State.String())
		}
	}
}

// targetKey stands between a provider's ID and a model's name.
const targetKey = "\x00"

// since is a time of living state on the wall clock.
func (l *Living) since(nanos int64) time.Time { return l.epoch.Add(time.Duration(nanos)) }
