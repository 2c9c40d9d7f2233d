// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/limit"
	"github.com/sparkgateway/spark/gateway/store"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

const (
	// storeRetry is when a client that was refused because the store is down should come back.
	storeRetry = time.Second
	// slotRetry is when a client that found every slot in use should.
	slotRetry = time.Second
	// storeClose is how long a store that is not used any more may take to settle what it still knows.
	storeClose = 5 * time.Second
)

// sharing is what the pods of a gateway have in common, or go without.
type sharing struct {
	current atomic.Pointer[sharedStore]
	// replicas is how many pods share limits: as the operator told, else as the configuration says.
	told, configured atomic.Int64
	mode             atomic.Pointer[limit.Mode]
	// heard says that the operator told what others used.
	heard atomic.Bool

	mu      sync.Mutex
	closing sync.WaitGroup
}

// sharedStore is the store of a configuration.
type sharedStore struct {
	*store.Store
	gateway string
	// config is the store's own: onFailure may change while it stays open.
	config    config.Store
	onFailure atomic.Pointer[config.OnFailure]
	ledger    config.Ledger
	secrets   atomic.Pointer[map[string]config.Secret]
	// answers are those that pods share, made by the first that asks.
	answers func() *store.Answers
}

// share takes up the store of a configuration, and how many pods there are.
func (l *Living) share(doc *config.Document) error {
	g := &doc.Core.Gateway
	l.sharing.configured.Store(int64(max(1, g.Replicas)))
	l.sharing.mu.Lock()
	defer l.sharing.mu.Unlock()
	was := l.sharing.current.Load()
	if g.Store == nil {
		l.leave(was)
		l.sharing.current.Store(nil)
		l.follow()
		return nil
	}
	next := &sharedStore{gateway: g.ID, config: *g.Store}
	next.config.OnFailure = ""
	onFailure := g.Store.OnFailure
	if g.Ledger != nil {
		next.ledger = *g.Ledger
	}
	secrets := doc.Secrets
	if was != nil && was.same(next) {
		was.secrets.Store(&secrets)
		was.onFailure.Store(&onFailure)
		return nil
	}
	next.secrets.Store(&secrets)
	next.onFailure.Store(&onFailure)
	opened, err := store.Open(store.Options{
		Gateway: g.ID, Config: *g.Store, Logger: l.log, Now: l.now, Learned: l.book.Learn, Known: l.book.Learned,
		Secrets:   func(name string) config.Secret { return (*next.secrets.Load())[name] },
		Retention: next.ledger.Retention.Std(), MaxBytes: next.ledger.MaxBytes,
	})
	if err != nil {
		return err
	}
	next.Store = opened
	next.answers = sync.OnceValue(func() *store.Answers { return opened.Answers(store.AnswerBounds{}) })
	l.sharing.current.Store(next)
	l.leave(was)
	l.follow()
	return nil
}

// same says that a store can stay as it is. A password that changed is asked for at the next connection, and what becomes of limits
// without the store is no concern of its.
func (s *sharedStore) same(o *sharedStore) bool {
	return s.gateway == o.gateway && reflect.DeepEqual(s.config, o.config) &&
		s.ledger.Retention == o.ledger.Retention && s.ledger.MaxBytes == o.ledger.MaxBytes
}

// leave closes a store, once it has settled what requests in flight bring.
func (l *Living) leave(was *sharedStore) {
	if was == nil {
		return
	}
	l.sharing.closing.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), storeClose)
		defer cancel()
		if err := was.Close(ctx); err != nil {
			l.log.Warn("the store was left before all was settled", slog.Any("error", err))
		}
	})
}

// store is nil without one.
func (l *Living) store() *store.Store {
	if s := l.sharing.current.Load(); s != nil {
		return s.Store
	}
	return nil
}

// onFailure says what becomes of limits while the store is down.
func (l *Living) onFailure() config.OnFailure {
	if s := l.sharing.current.Load(); s != nil {
		return *s.onFailure.Load()
	}
	return config.LocalShare
}

// unlimited says that nothing is limited just now, because the store is down and the configuration wants it so.
func (l *Living) unlimited() bool {
	s := l.sharing.current.Load()
	return s != nil && *s.onFailure.Load() == config.AllowAll && !s.Up()
}

// replicas is how many pods share limits.
func (l *Living) replicas() int {
	if n := l.sharing.told.Load(); n > 0 {
		return int(n)
	}
	return int(max(1, l.sharing.configured.Load()))
}

// follow makes the book keep as much of each limit as is this pod's just now.
func (l *Living) follow() {
	mode := limit.Gossip(l.replicas())
	if s := l.sharing.current.Load(); s != nil {
		if mode = limit.Whole(); !s.Up() {
			mode = limit.Share(l.replicas())
		}
	}
	if was := l.sharing.mode.Load(); was == nil || *was != mode {
		next := mode
		l.sharing.mode.Store(&next)
		l.book.SetMode(next)
	}
}

// Exchange tells the operator what was counted, and takes over what it tells of other pods.
func (r Report) Exchange(call config.UsageCall) config.UsageAnswer {
	l := r.Server.living
	if call.Instance == r.Reloader.instance && call.Replicas > 0 {
		l.sharing.told.Store(int64(call.Replicas))
		l.follow()
		l.vitals.share(l.clock(), l.replicas)
	}
	answer := l.book.Exchange(l.clock(), call, r.Reloader.instance)
	if call.Instance == r.Reloader.instance {
		l.sharing.hear(&call)
	}
	if s := l.store(); s != nil {
		state := s.State()
		answer.Store = &state
	}
	return answer
}

// useLedger takes up where records go.
func (l *Living) useLedger(doc *config.Document) {
	g := &doc.Core.Gateway
	l.ledger.KeepFiles(g.Store == nil)
	l.ledger.Use(g.Ledger, func(name string) config.Secret { return doc.Secrets[name] })
}

// stored reads the records of all pods.
type stored struct{ *store.Store }

// Read gives those that ended between two times.
func (s stored) Read(ctx context.Context, from, to time.Time, each func(line []byte) error) error {
	return s.Records(ctx, from, to, each)
}

// records is where usage records are read: in the store, where all pods' are, or in this pod's files.
func (l *Living) records() (reader RecordReader, shared bool) {
	if s := l.store(); s != nil {
		return stored{s}, true
	}
	return l.ledger, false
}

// export serves GET /api/export.
func (r *request) export() *exchange.Error { return r.srv.living.exports.serve(r) }

// storeSight is what metrics show of the store.
func (l *Living) storeSight() (telemetry.StoreSight, bool) {
	s := l.store()
	if s == nil {
		return telemetry.StoreSight{}, false
	}
	c := s.Counts()
	return telemetry.StoreSight{
		Up: s.Up(), Queued: c.Queued, Downs: c.Downs, Late: c.Late, Merged: c.Merged, RecordsLost: c.RecordsDropped,
	}, true
}
