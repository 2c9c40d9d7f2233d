// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/sparkgateway/spark/gateway/exchange"
)

const (
	// maxQueued bounds the requests that wait to be told of.
	maxQueued = 2048
	// maxBatch is how many spans go in one call, or a few more: collectors take 4 MiB.
	maxBatch = 512
	// maxWait is how long a span waits for others.
	maxWait = time.Second
	// maxFlush is how long what waits may take to be sent, when a tracer ends.
	maxFlush = 5 * time.Second
	// complainEvery is how often a log says that a collector takes nothing.
	complainEvery = time.Minute
)

// Tracer tells one collector. What it is told goes through a bounded queue to a goroutine, and never waits. It is safe for
// concurrent use.
type Tracer struct {
	settings Settings
	client   otlptrace.Client
	idle     func()
	resource *tracepb.ResourceSpans
	queue    chan *sample
	dropped  *atomic.Int64
	log      *slog.Logger

	closed  atomic.Bool
	closing chan struct{}
	ended   chan struct{}
	// life ends what a call has left to wait for.
	life context.Context
	die  context.CancelFunc
	// Of the goroutine.
	complained time.Time
}

// newTracer gives a tracer that has begun.
func newTracer(s Settings, dropped *atomic.Int64, log *slog.Logger) (*Tracer, error) {
	client, idle, err := s.collector()
	if err != nil {
		return nil, err
	}
	if err := client.Start(context.Background()); err != nil {
		return nil, err
	}
	return startTracer(s, client, idle, dropped, log), nil
}

func startTracer(s Settings, client otlptrace.Client, idle func(), dropped *atomic.Int64, log *slog.Logger) *Tracer {
	t := &Tracer{
		settings: s, client: client, idle: idle, resource: resourceOf(&s), queue: make(chan *sample, maxQueued), dropped: dropped, log: log,
		closing: make(chan struct{}), ended: make(chan struct{}),
	}
	t.life, t.die = context.WithCancel(context.Background())
	go t.run()
	return t
}

// Request tells of a request that ended, and of its attempts.
func (t *Tracer) Request(ex *exchange.Exchange, end *Ended) { t.tell(ex, end, false) }

// Attempts tells only of the attempts of an exchange, whose parent is its Trace.Span.
func (t *Tracer) Attempts(ex *exchange.Exchange, end *Ended) { t.tell(ex, end, true) }

func (t *Tracer) tell(ex *exchange.Exchange, end *Ended, alone bool) {
	// Strangers, who can fail as often as they like, do not take the place of others.
	full := cap(t.queue)
	if ex.Principal == nil && !alone {
		full /= 2
	}
	if t.closed.Load() || len(t.queue) >= full {
		t.dropped.Add(1)
		return
	}
	s := sampleOf(ex, end, alone)
	select {
	case t.queue <- s:
	default:
		s.release()
		t.dropped.Add(1)
	}
	select {
	case <-t.ended:
		t.abandon()
	default:
	}
}

// abandon counts what came while the tracer ended, and which nobody sends any more.
func (t *Tracer) abandon() {
	for {
		select {
		case s := <-t.queue:
			s.release()
			t.dropped.Add(1)
		default:
			return
		}
	}
}

// run gathers spans, and sends them.
func (t *Tracer) run() {
	defer close(t.ended)
	wait := time.NewTimer(maxWait)
	wait.Stop()
	b := &batch{}
	for {
		select {
		case s := <-t.queue:
			if b.traces == 0 {
				wait.Reset(maxWait)
			}
			if b.add(s); len(b.spans) >= maxBatch {
				t.send(b)
			}
		case <-wait.C:
			t.send(b)
		case <-t.closing:
			t.drain(b)
			return
		}
	}
}

// drain sends what is left.
func (t *Tracer) drain(b *batch) {
	for {
		select {
		case s := <-t.queue:
			if b.add(s); len(b.spans) >= maxBatch {
				t.send(b)
			}
			continue
		default:
		}
		break
	}
	t.send(b)
	_ = t.client.Stop(t.life)
	t.idle()
}

// batch is what goes in one call.
type batch struct {
	spans  []*tracepb.Span
	traces int
}

func (b *batch) add(s *sample) {
	b.traces++
	b.spans = s.appendSpans(b.spans)
	s.release()
}

func (t *Tracer) send(b *batch) {
	if b.traces == 0 {
		return
	}
	err := t.client.UploadTraces(t.life, []*tracepb.ResourceSpans{{
		Resource: t.resource.Resource, SchemaUrl: t.resource.SchemaUrl,
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: scopeOf(&t.settings), SchemaUrl: t.resource.SchemaUrl, Spans: b.spans}},
	}})
	if n := lost(err, b.traces); n > 0 {
		t.dropped.Add(int64(n))
		t.complain(err)
	}
	clear(b.spans)
	b.spans, b.traces = b.spans[:0], 0
}

// complain logs that a collector takes nothing, once in a while.
func (t *Tracer) complain(err error) {
	if now := time.Now(); now.Sub(t.complained) >= complainEvery {
		t.complained = now
		t.log.Warn("traces were not taken", slog.String("reason", why(err)))
	}
}

// close sends what waits, for as long as ctx allows, and takes no more.
func (t *Tracer) close(ctx context.Context) {
	if t.closed.Swap(true) {
		return
	}
	close(t.closing)
	select {
	case <-t.ended:
	case <-ctx.Done():
		t.die()
		<-t.ended
	}
	t.die()
	t.abandon()
}

// Book keeps the tracer of the configuration, over snapshots. It is safe for concurrent use.
type Book struct {
	log     *slog.Logger
	dropped atomic.Int64
	current atomic.Pointer[Tracer]

	mu      sync.Mutex
	closing sync.WaitGroup
}

// NewBook gives a book without a tracer. The logger takes that a collector takes nothing.
func NewBook(log *slog.Logger) *Book { return &Book{log: log} }

// Use takes up settings. The tracer that there is stays where they are the same; another one sends what it has in the background,
// within 5 s. After an error nothing has changed.
func (b *Book) Use(s Settings) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.current.Load()
	if was != nil && was.settings.same(&s) {
		return nil
	}
	var next *Tracer
	if s.Endpoint != "" {
		var err error
		if next, err = newTracer(s, &b.dropped, b.log); err != nil {
			return err
		}
	}
	b.current.Store(next)
	if was != nil {
		b.closing.Go(func() { closeWithin(was, maxFlush) })
	}
	return nil
}

func closeWithin(t *Tracer, atMost time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), atMost)
	defer cancel()
	t.close(ctx)
}

// Tracer gives the one of now; nil where there is none.
func (b *Book) Tracer() *Tracer { return b.current.Load() }

// Dropped counts the traces, or parts of them, that were lost since the beginning: the queue was full, or the collector did not
// take them.
func (b *Book) Dropped() int64 { return b.dropped.Load() }

// Close sends what waits, within 5 s. Nothing is taken afterwards.
func (b *Book) Close() {
	_ = b.Use(Settings{})
	b.closing.Wait()
}
