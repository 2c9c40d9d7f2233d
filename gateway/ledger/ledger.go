// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// The names of where records go, as Dropped has them.
const (
	SinkFiles   = "files"
	SinkWebhook = "webhook"
	SinkOTLP    = "otlp"
)

// Options of a Ledger. The zero value of each field has a use.
type Options struct {
	// Dir is where files are kept; empty keeps none.
	Dir string
	// Gateway is "namespace/name" of the SparkGateway, Version the release: OTLP tells them.
	Gateway, Version string
	// Logger takes what goes wrong, without secrets; nil discards.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Dropped is told how many records were lost on the way to a sink; nil is not. It is called by several goroutines.
	Dropped func(sink string, n int)
}

// Ledger takes the records of requests to wherever the configuration says. Its methods are safe for concurrent use, and Add
// never waits.
type Ledger struct {
	files     *Files // nil without a directory
	keepFiles atomic.Bool
	on        atomic.Bool
	options   Options

	mu            sync.Mutex
	closed        bool
	webhook, otlp atomic.Pointer[Sink] // made when first needed
}

// New gives a Ledger that takes nothing before the first Use. It fails where the directory cannot be written. Close it.
func New(o Options) (*Ledger, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Dropped == nil {
		o.Dropped = func(string, int) {}
	}
	l := &Ledger{options: o}
	if o.Dir == "" {
		return l, nil
	}
	files, err := OpenFiles(FilesOptions{
		Dir: o.Dir, Now: o.Now, Logger: o.Logger, Dropped: func(n int) { o.Dropped(SinkFiles, n) },
	})
	if err != nil {
		return nil, err
	}
	l.files = files
	l.keepFiles.Store(true)
	return l, nil
}

// Use follows a configuration; nil takes nothing more. What waits for a receiver goes to the one that takes its place.
func (l *Ledger) Use(cfg *config.Ledger, secrets func(name string) config.Secret) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	var webhook, otlp Target
	if cfg != nil && cfg.Webhook != nil {
		webhook = target(cfg.Webhook.URL, cfg.Webhook.Authorization, secrets)
	}
	if cfg != nil && cfg.OTLP != nil {
		otlp = target(cfg.OTLP.Endpoint, cfg.OTLP.Authorization, secrets)
	}
	l.point(&l.webhook, SinkWebhook, webhook)
	l.point(&l.otlp, SinkOTLP, otlp)
	if cfg != nil && l.files != nil {
		l.files.Limit(cfg.Retention.Std(), cfg.MaxBytes)
	}
	l.on.Store(cfg != nil)
}

func target(address, authorization string, secrets func(string) config.Secret) Target {
	t := Target{URL: address}
	if authorization != "" {
		t.Authorization = secrets(authorization)
	}
	return t
}

// point aims a sink, which is made when first there is something to aim at.
func (l *Ledger) point(at *atomic.Pointer[Sink], name string, t Target) {
	sink := at.Load()
	if sink == nil {
		if t.URL == "" {
			return
		}
		format := JSONLines
		if name == SinkOTLP {
			format = OTLPLogs(l.options.Gateway, l.options.Version, l.options.Now)
		}
		sink = NewSink(SinkOptions{
			Format: format, Logger: l.options.Logger, Now: l.options.Now,
			Dropped: func(n int) { l.options.Dropped(name, n) },
		})
		at.Store(sink)
	}
	sink.Use(t)
}

// KeepFiles says whether records are kept in files, as they are but where a store keeps them. Those that are there stay as
// long as they would have.
func (l *Ledger) KeepFiles(keep bool) { l.keepFiles.Store(keep) }

// Kept says whether Add keeps, or sends, anything, so that a record is worth writing.
func (l *Ledger) Kept() bool { return l.on.Load() }

// Add takes a line of AppendJSON, which it copies.
func (l *Ledger) Add(line []byte) {
	if !l.on.Load() {
		return
	}
	if l.files != nil && l.keepFiles.Load() {
		l.files.Append(line)
	}
	if s := l.webhook.Load(); s != nil {
		s.Send(line)
	}
	if s := l.otlp.Load(); s != nil {
		s.Send(line)
	}
}

// Read is Files.Read; without files there is nothing to read.
func (l *Ledger) Read(ctx context.Context, from, to time.Time, each func(line []byte) error) error {
	if l.files == nil {
		return nil
	}
	return l.files.Read(ctx, from, to, each)
}

// Close writes and sends what waits, for as long as the context lasts. What comes later is lost.
func (l *Ledger) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.on.Store(false)
	var all sync.WaitGroup
	for _, at := range []*atomic.Pointer[Sink]{&l.webhook, &l.otlp} {
		if s := at.Load(); s != nil {
			all.Go(func() { s.Close(ctx) })
		}
	}
	var err error
	if l.files != nil {
		err = l.files.Close()
	}
	all.Wait()
	return err
}
