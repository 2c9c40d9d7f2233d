// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

const (
	// maxBatch bounds the records of one call.
	maxBatch = 500
	// callTimeout bounds one call.
	callTimeout = 10 * time.Second
	// The first wait before another try, and the longest.
	minBackoff = 500 * time.Millisecond
	maxBackoff = 30 * time.Second
	// maxReply bounds what is read of an answer.
	maxReply = 64 << 10
)

// Target is where a Sink sends records.
type Target struct {
	URL string
	// Authorization is the value of that header; empty sends none.
	Authorization config.Secret
}

// Format is how a Sink sends them.
type Format struct {
	contentType string
	// encode appends the body for some lines.
	encode func(dst, lines []byte) []byte
	// rejected says how many records an answer of success says were not taken; nil believes in all.
	rejected func(reply []byte) int
}

// JSONLines sends lines as they are.
var JSONLines = Format{contentType: "application/x-ndjson", encode: func(dst, lines []byte) []byte { return append(dst, lines...) }}

// SinkOptions of a Sink. The zero value of each field but Format has a use.
type SinkOptions struct {
	Format Format
	// Dropped is told how many records were lost; nil is not.
	Dropped func(n int)
	// Logger takes what goes wrong, once a minute, without what the receiver says and without its address; nil discards.
	Logger *slog.Logger
	// Now is the clock of the Logger; nil is time.Now. Waiting is real time.
	Now func() time.Time
}

// Sink sends lines to one receiver, up to 500 at a time and at most a second after they came. What a receiver cannot take now
// is tried again until there is a Target that can; when too much waits, what comes is dropped. Send never waits. A Sink is safe
// for concurrent use.
type Sink struct {
	format  Format
	dropped func(n int)
	log     complaints
	queue   *queue
	client  *http.Client
	ended   chan struct{}

	mu      sync.Mutex
	target  Target
	changed chan struct{} // closed when the target changes
	closing context.Context
	giveUp  context.CancelFunc
}

// NewSink gives a Sink without a Target, which drops nothing as it takes nothing. Close it to end its goroutine.
func NewSink(o SinkOptions) *Sink {
	s := &Sink{
		format: o.Format, dropped: o.Dropped, queue: newQueue(keepBytes, maxBatch), ended: make(chan struct{}),
		changed: make(chan struct{}),
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if s.dropped == nil {
		s.dropped = func(int) {}
	}
	s.log = complaints{logger: o.Logger, now: o.Now}
	s.closing, s.giveUp = context.WithCancel(context.Background())
	s.client = &http.Client{
		Timeout:   callTimeout,
		Transport: &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
		// A record is for the receiver that was named, and for no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	go s.follow()
	return s
}

// Use sends what waits, and what will come, to another target; one without a URL takes nothing more, and drops what waits.
func (s *Sink) Use(t Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.URL == s.target.URL && t.Authorization.Reveal() == s.target.Authorization.Reveal() {
		return
	}
	s.target = t
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Sink) aim() (Target, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.target, s.changed
}

// Send takes a line, which it copies.
func (s *Sink) Send(line []byte) {
	if t, _ := s.aim(); t.URL == "" {
		return
	}
	if !s.queue.add(line) {
		s.dropped(1)
	}
}

// Close sends what waits, for as long as the context lasts; what is then left is dropped.
func (s *Sink) Close(ctx context.Context) {
	s.queue.close()
	stop := context.AfterFunc(ctx, s.giveUp)
	defer stop()
	<-s.ended
	s.giveUp()
	s.client.CloseIdleConnections()
}

func (s *Sink) follow() {
	defer close(s.ended)
	for more := true; more; {
		more = s.queue.wait()
		batch, lines := s.queue.take()
		for rest := batch; lines > 0; {
			n := min(lines, maxBatch)
			part := head(rest, n)
			rest, lines = rest[len(part):], lines-n
			// The client may still read a body when the answer is there, so that its memory is used once.
			s.lose(s.deliver(s.format.encode(nil, part), n))
		}
		s.queue.giveBack(batch)
	}
}

// lose counts records that were not delivered, if any.
func (s *Sink) lose(n int) {
	if n > 0 {
		s.dropped(n)
	}
}

// deliver tries until the records were taken or refused, and gives the number of those that were not taken.
func (s *Sink) deliver(body []byte, records int) int {
	wait, closed := minBackoff, s.queue.done
	for {
		target, changed := s.aim()
		if target.URL == "" || s.closing.Err() != nil {
			return records
		}
		lost, after, err := s.call(target, body, records)
		if err == nil {
			return lost
		}
		s.log.complain("usage records were not sent", slog.Any("error", err), slog.Int("records", records), slog.Bool("again", after >= 0))
		if after < 0 {
			return records
		}
		pause := time.NewTimer(max(after, wait/2+rand.N(wait/2)))
		select {
		case <-pause.C:
			wait = min(2*wait, maxBackoff)
		case <-changed:
			wait = minBackoff
		case <-closed:
			// There may be little time left.
			wait, closed = minBackoff, nil
		case <-s.closing.Done():
		}
		pause.Stop()
	}
}

// call sends once. Of an error, after says how long to wait at least before the next time; it is negative when that would be
// refused as well.
func (s *Sink) call(t Target, body []byte, records int) (lost int, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(s.closing, http.MethodPost, t.URL, bytes.NewReader(body))
	if err != nil {
		return 0, -1, errors.New("the address is no URL")
	}
	req.Header.Set("Content-Type", s.format.contentType)
	if t.Authorization.Reveal() != "" {
		req.Header.Set("Authorization", t.Authorization.Reveal())
	}
	resp, err := s.client.Do(req)
	if err != nil {
		// The address may hold a secret.
		if at := (*url.Error)(nil); errors.As(err, &at) {
			err = at.Err
		}
		return 0, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	reply, _ := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	switch status := resp.StatusCode; {
	case status >= 200 && status < 300:
		if s.format.rejected != nil {
			lost = min(max(s.format.rejected(reply), 0), records)
		}
		return lost, 0, nil
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= 500:
		return 0, retryAfter(resp.Header.Get("Retry-After")), errors.New("the receiver answered with status " + strconv.Itoa(status))
	default:
		return 0, -1, errors.New("the receiver refused with status " + strconv.Itoa(status))
	}
}

// retryAfter reads that header, in seconds, within reason.
func retryAfter(text string) time.Duration {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, int(2*maxBackoff/time.Second))) * time.Second
}
