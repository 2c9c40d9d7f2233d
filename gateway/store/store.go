// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package store counts what the pods of a gateway use together, in a Redis or Valkey: one script reserves all that a
// request needs, and another settles many requests at once.
//
// All keys of a gateway begin with "spark:{<gateway>}:", so that they are in one slot of a cluster and one script may see
// them all. Times are the server's, so that pods' clocks do not matter. The server needs no module, and of an ACL user
// no more than Rules says.
package store

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Rules are what an ACL user needs at least; the pattern may be narrowed to "~spark:{<namespace>/<name>}:*" for one gateway.
// ACL users of sentinels need SentinelRules.
const (
	Rules = "~spark:* resetchannels -@all +hello +auth +select +ping +eval +evalsha +time +cluster|slots +cluster|shards +asking" +
		" +get +set +unlink +expire +expireat +hget +hset +hmget +hincrby +hdel +hlen +hsetnx +hrandfield" +
		" +zadd +zscore +zrem +zrangebyscore +xadd +xlen +xtrim +xrange +role"
	SentinelRules = "allchannels -@all +hello +auth +ping +subscribe +psubscribe +unsubscribe +punsubscribe" +
		" +sentinel|get-master-addr-by-name +sentinel|sentinels +sentinel|replicas +sentinel|slaves"
)

// Options are what a Store is made with.
type Options struct {
	// Gateway is "namespace/name" of the SparkGateway.
	Gateway string
	Config  config.Store
	// Secrets gives a credential by its name in the document; it is asked for each connection, so that a rotated one is used.
	Secrets func(name string) config.Secret
	Logger  *slog.Logger
	// Now is the wall clock; nil is time.Now. It is only used for State and for settlements without a time.
	Now func() time.Time
	// Learned is told what a holder used in all, as answers bring it, from several goroutines; nil is not told.
	// It must not block, and total is its own.
	Learned func(holder string, total *config.HolderUse)
	// Known gives what Learned was ever told, also by a Store before this one: a store that lost what it knew is told again.
	// It is asked from one goroutine at a time; nil knows nothing.
	Known iter.Seq[config.HolderUse]
	// Retention is how long records are kept; 0 keeps none. MaxBytes bounds all records of the gateway, roughly: with what
	// surrounds them the server's memory is up to a fifth more; the oldest go first.
	Retention time.Duration
	MaxBytes  int64
}

// Reservation is what a request asks for.
type Reservation struct {
	// ID is unique among all that this Store was asked for, and at most 128 bytes.
	ID          string
	Constraints []exchange.Constraint
	// Holders are all that are counted, constrained or not.
	Holders []string
	// Use is the worst case, Least what is charged should the pod die on the way.
	Use, Least exchange.Use
}

// Settlement is what became of a request.
type Settlement struct {
	// ID, Constraints, Holders and Reserve are those of the Reservation and its Use. Nothing of them is kept.
	ID          string
	Constraints []exchange.Constraint
	Holders     []string
	Reserve     exchange.Use
	// Reserved says that Reserve said yes for this ID. Otherwise the request was made without the store.
	Reserved bool
	Used     exchange.Use
	// Sent says that something went on to a provider: only then it counts as used.
	Sent bool
	// At is when the request ended; zero is now.
	At time.Time
	// Record is one line of JSON for the ledger, without its end, at most MaxRecord bytes; nil for none. It is not kept.
	Record []byte
}

// MaxRecord bounds a record.
const MaxRecord = 64 << 10

// Counts is what a Store did since it was opened, for metrics.
type Counts struct {
	// Queued settlements wait for the store.
	Queued int64
	// Merged settlements were summed up by holder because too many waited: nothing is lost but their buckets' level.
	Merged int64
	// RecordsDropped did not fit in the queue, or were larger than MaxRecord.
	RecordsDropped int64
	// Late reservations reached the store after their caller had given up, and took nothing.
	Late int64
	// Downs is how often the store went down.
	Downs int64
}

// ErrDown says that the store does not answer, and that the caller did not wait for it.
var ErrDown = errors.New("the store is down")

// Store is one process' way to the store. It is safe for concurrent use.
type Store struct {
	opts     Options
	tls      *tls.Config // nil for plain TCP
	prefix   []string    // the one key of every script
	instance string
	scripts  scripts
	pace     pace

	seen     atomic.Pointer[sight]
	heritage heritage // the keeper's own

	client atomic.Pointer[rueidis.Client] // nil before the first connection
	dialed time.Time                      // when it was made; the keeper's own
	health health
	clock  clock
	queue  queue

	reserving, late, downs atomic.Int64
	open                   atomic.Int64 // reservations that are not settled

	ctx   context.Context // ends with the Store
	stop  context.CancelFunc
	tasks sync.WaitGroup
}

// pace is how often what happens in the background happens.
type pace struct {
	silence time.Duration // after which a process is taken for dead
	renew   time.Duration // how often it says that it lives, at most; so it sees as well that the store is down, while idle
	patient time.Duration // how long what nobody waits for may take
	probe   time.Duration // between the first two probes of a store that is down
	slowest time.Duration // between later ones
	grace   time.Duration // until a store that was emptied is used again: any that lives has found it, and told what it knows
	batch   int           // settlements in one script
	queued  int           // settlements that wait, before they are merged
}

var usual = pace{
	silence: 30 * time.Second, renew: 2 * time.Second, patient: 2 * time.Second, probe: 50 * time.Millisecond, slowest: 800 * time.Millisecond,
	grace: 3 * time.Second,
	batch: 32, queued: 16384,
}

// Open connects in the background, and keeps at it until Close. Errors are only of what can never work.
func Open(opts Options) (*Store, error) { return open(opts, tuning{pace: usual}) }

// tuning is what tests have otherwise: unless empty, another expression for the server's TIME, and a name.
type tuning struct {
	pace
	timing, instance string
}

func open(opts Options, tuned tuning) (*Store, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Secrets == nil {
		opts.Secrets = func(string) config.Secret { return config.Secret{} }
	}
	if tuned.instance == "" {
		tuned.instance = rand.Text()[:16]
	}
	s := &Store{opts: opts, prefix: []string{"spark:{" + opts.Gateway + "}:"}, instance: tuned.instance, pace: tuned.pace}
	var err error
	if s.tls, err = tlsConfig(opts.Config.TLS); err != nil {
		return nil, err
	}
	s.scripts = newScripts(tuned.timing)
	s.seen.Store(&sight{heard: "0"})
	s.clock.begin = time.Now()
	s.health.state = config.StoreState{Since: opts.Now(), Reason: "connecting"}
	s.health.kick = make(chan struct{}, 1)
	s.health.changed = make(chan struct{})
	s.queue.wake = make(chan struct{}, 1)
	s.queue.idle = make(chan struct{})
	close(s.queue.idle)
	s.queue.most = tuned.queued
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.tasks.Go(s.keep)
	s.tasks.Go(s.drain)
	return s, nil
}

// Counts gives what was done so far.
func (s *Store) Counts() Counts {
	c := s.queue.counts()
	c.Late, c.Downs = s.late.Load(), s.downs.Load()
	return c
}

// Close waits until all that was reserved is settled and stored, or ctx ends, and ends. Reserve may not be called any more,
// and requests that are under way settle with the Store that they reserved with.
func (s *Store) Close(ctx context.Context) error {
	err := s.settledAll(ctx)
	if s.Up() {
		leaving, cancel := context.WithTimeout(ctx, s.pace.patient)
		// Others sweep up what is left, should this fail.
		_, _ = s.renew(leaving, true)
		cancel()
	}
	s.stop()
	s.tasks.Wait()
	if client := s.client.Load(); client != nil {
		(*client).Close()
	}
	return err
}

func (s *Store) settledAll(ctx context.Context) error {
	const step = 10 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	for s.open.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d reservations are not settled: %w", s.open.Load(), ctx.Err())
		}
	}
	return s.Flush(ctx)
}
