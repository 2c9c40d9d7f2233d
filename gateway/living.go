// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparkgateway/spark/gateway/auth"
	"github.com/sparkgateway/spark/gateway/cache"
	"github.com/sparkgateway/spark/gateway/catalog"
	"github.com/sparkgateway/spark/gateway/credential"
	"github.com/sparkgateway/spark/gateway/errortrack"
	"github.com/sparkgateway/spark/gateway/guard"
	"github.com/sparkgateway/spark/gateway/health"
	"github.com/sparkgateway/spark/gateway/ledger"
	"github.com/sparkgateway/spark/gateway/limit"
	"github.com/sparkgateway/spark/gateway/semantic"
	"github.com/sparkgateway/spark/gateway/telemetry"
	"github.com/sparkgateway/spark/gateway/token"
	"github.com/sparkgateway/spark/gateway/trace"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// LivingOptions of a Living. The zero value of each field has a use.
type LivingOptions struct {
	// Now is the clock of limits and logs; nil is time.Now. Timeouts are real time.
	Now func() time.Time
	// Registry takes the metrics; nil makes a new one.
	Registry *prometheus.Registry
	// Dial opens connections to providers; nil is a net.Dialer.
	Dial upstream.Dial
	// Credentials says how clouds are asked for proof of identity.
	Credentials credential.Options
	// Logger takes what happens to providers, such as that a breaker opens; nil discards.
	Logger *slog.Logger
	// Ledger takes the records of requests, and is closed with the Living; nil keeps none but in a store.
	Ledger *ledger.Ledger
	// Errors groups requests that failed, and is closed with the Living; nil makes one.
	Errors *errortrack.Tracker
	// MaxAddresses bounds the client addresses that limits remember; 0 is limit.DefaultTransient.
	MaxAddresses int
}

// Living is what outlives snapshots, keyed by identity: rate-limit buckets, connections to providers, their credentials'
// tokens, breakers and quotas, health checks, metrics.
// It is safe for concurrent use.
type Living struct {
	now      func() time.Time
	epoch    time.Time
	registry *prometheus.Registry
	metrics  *telemetry.Metrics

	book       *limit.Book
	sharing    sharing
	hour       telemetry.Hour
	spend      *telemetry.Spend
	courses    courses
	ledger     *ledger.Ledger
	exports    *exports
	tokens     *token.Book
	pools      *upstream.Pools
	catalog    *catalog.Catalog
	identities *credential.Book
	vitals     *vitals
	health     *health.Book
	mirrors    *mirrors
	cache      *cache.Cache
	meanings   *semantic.Index
	guards     *guard.Book
	errors     *errortrack.Tracker
	traces     *trace.Book
	log        *slog.Logger
	clock      func() int64

	// sharesAnswers says that a cache uses the store; stop ends what goes on in the background.
	sharesAnswers atomic.Bool
	cacheBytes    atomic.Int64 // that may be kept; 0 keeps nothing
	stop          context.CancelFunc
	background    sync.WaitGroup
}

// NewLiving gives an empty Living. Close it to end its goroutine.
func NewLiving(opts LivingOptions) *Living {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Registry == nil {
		opts.Registry = prometheus.NewRegistry()
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Ledger == nil {
		// Without a directory there is nothing that could fail.
		opts.Ledger, _ = ledger.New(ledger.Options{Logger: opts.Logger, Now: opts.Now})
	}
	if opts.Errors == nil {
		opts.Errors = NewTracker(Identity{}, opts.Logger)
	}
	metrics := telemetry.NewMetrics(opts.Registry)
	l := &Living{
		now: opts.Now, registry: opts.Registry, metrics: metrics,
		// Buckets start at 0, so the epoch lies before all requests.
		epoch:  opts.Now().Add(-time.Second),
		book:   limit.NewBook(limit.Options{MaxTransient: opts.MaxAddresses, Now: opts.Now}),
		spend:  telemetry.NewSpend(),
		ledger: opts.Ledger,
		tokens: token.NewBook(token.Options{Now: opts.Now, Allowed: auth.Allowed, Failed: func(issuer string, err error) {
			opts.Logger.Warn("the keys of an issuer cannot be had", slog.String("issuer", issuer), slog.Any("error", err))
		}}),
		pools:      upstream.NewPools(opts.Dial),
		catalog:    catalog.New(opts.Now),
		identities: credential.NewBook(opts.Credentials),
		vitals:     newVitals(),
		health:     health.NewBook(opts.Now),
		mirrors:    newMirrors(),
		cache:      cache.New(cache.Options{Now: opts.Now}),
		meanings:   semantic.New(semantic.Options{Now: opts.Now}),
		guards:     guard.NewBook(),
		errors:     opts.Errors,
		traces:     trace.NewBook(opts.Logger),
		log:        opts.Logger,
	}
	var ctx context.Context
	ctx, l.stop = context.WithCancel(context.Background())
	l.background.Go(func() { l.followPurges(ctx) })
	l.exports = newExports(l.records)
	l.clock = func() int64 { return l.nanos(l.now()) }
	opts.Registry.MustRegister(telemetry.NewBreakers(l.breakers), telemetry.NewStores(l.storeSight),
		telemetry.NewCaches(l.cacheSight), telemetry.NewErrors(l.errorSight),
		newDroppedTraces(l.traces))
	return l
}

// nanos is the time as limits count it. It keeps to the monotonic clock, so that setting the wall clock moves no limit.
func (l *Living) nanos(at time.Time) int64 { return int64(at.Sub(l.epoch)) }

// Registry holds every metric of the process's data plane; others may register theirs beside.
func (l *Living) Registry() *prometheus.Registry { return l.registry }

// Close ends the idle connections to providers, and what clouds are being asked. Call it after the server's Shutdown.
func (l *Living) Close() {
	l.stop()
	l.background.Wait()
	l.sharing.mu.Lock()
	l.leave(l.sharing.current.Swap(nil))
	l.sharing.mu.Unlock()
	l.sharing.closing.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), storeClose)
	defer cancel()
	if err := l.ledger.Close(ctx); err != nil {
		l.log.Warn("usage records were left behind", slog.Any("error", err))
	}
	l.errors.Close(ctx)
	l.mirrors.close()
	l.traces.Close()
	l.cache.Close()
	l.guards.Close()
	l.tokens.Close()
	l.health.Close()
	l.pools.Close()
	l.identities.Close()
}
