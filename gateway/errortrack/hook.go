// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxWaiting bounds the groups that wait for one hook.
	maxWaiting = 1000
	// callTimeout bounds one call of a hook.
	callTimeout = 10 * time.Second
	// maxReply bounds what is read of an answer, in bytes.
	maxReply = 64 << 10
)

// teller tells a hook of groups; its methods are called by one goroutine.
type teller interface {
	// tell tells of those groups that are due, or of all when it is the last time. It gives the others, and how long to wait for
	// them; 0 is until something comes.
	tell(waiting []*group, last bool) ([]*group, time.Duration)
	// end gives up what the teller holds.
	end()
}

// follower brings to one hook the groups that grow. Each waits at most once, so that a slow hook costs no memory, and is told
// what is true when its turn comes. Its methods are safe for concurrent use.
type follower struct {
	hook int
	on   atomic.Bool
	// taken and dropped count what the hook took, and what it was to be told and was not.
	taken, dropped atomic.Int64
	// size is how many groups wait: those that just came, and those that the teller was shown and left.
	size atomic.Int64

	mu      sync.Mutex
	waiting []*group

	wake   chan struct{}
	closed chan struct{}
	ended  chan struct{}
	// life ends when nothing more may be told.
	life   context.Context
	giveUp context.CancelFunc
}

func newFollower(hook int) *follower {
	f := &follower{hook: hook, wake: make(chan struct{}, 1), closed: make(chan struct{}), ended: make(chan struct{})}
	f.life, f.giveUp = context.WithCancel(context.Background())
	return f
}

// grown is called when a group has grown, by whom holds its shard.
func (f *follower) grown(g *group) {
	if !f.on.Load() || g.told[f.hook].waiting {
		return
	}
	if f.size.Load() >= maxWaiting {
		f.dropped.Add(1)
		return
	}
	g.told[f.hook].waiting = true
	f.size.Add(1)
	f.mu.Lock()
	f.waiting = append(f.waiting, g)
	f.mu.Unlock()
	f.rouse()
}

// rouse has the teller look again.
func (f *follower) rouse() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// follow runs until the follower is closed.
func (f *follower) follow(to teller) {
	defer close(f.ended)
	defer to.end()
	var held []*group
	var wait time.Duration
	for last := false; !last; {
		last = f.await(wait)
		f.mu.Lock()
		held = append(held, f.waiting...)
		clear(f.waiting)
		f.waiting = f.waiting[:0]
		f.mu.Unlock()
		shown := len(held)
		left, next := to.tell(held, last)
		wait = next
		clear(held[len(left):])
		held = left
		f.size.Add(int64(len(held) - shown))
	}
	f.dropped.Add(int64(len(held)))
}

// await returns when there is something to look at; true when it is for the last time.
func (f *follower) await(most time.Duration) bool {
	var due <-chan time.Time
	if most > 0 {
		timer := time.NewTimer(most)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-f.closed:
		return true
	default:
	}
	select {
	case <-f.closed:
		return true
	case <-f.wake:
	case <-due:
	}
	return false
}

// take gives what to tell of a group, and how often it came since the hook was told. From now on it may wait again.
func (f *follower) take(g *group, now time.Time) (Group, int64) {
	g.shard.mu.Lock()
	defer g.shard.mu.Unlock()
	known := &g.told[f.hook]
	since := g.count - known.count
	*known = told{count: g.count, at: time.Now()}
	return g.view(now), since
}

// settle counts what became of what was taken. What the hook did not take counts for the next time.
func (f *follower) settle(g *group, since int64, taken bool) {
	if taken {
		f.taken.Add(1)
		return
	}
	f.dropped.Add(1)
	g.shard.mu.Lock()
	defer g.shard.mu.Unlock()
	g.told[f.hook].count -= since
}

// leave forgets groups that nobody is to be told of any more.
func (f *follower) leave(waiting []*group) {
	for _, g := range waiting {
		g.shard.mu.Lock()
		g.told[f.hook].waiting = false
		g.shard.mu.Unlock()
	}
}

// close tells the last, for as long as the context lasts.
func (f *follower) close(ctx context.Context) {
	stop := context.AfterFunc(ctx, f.giveUp)
	defer stop()
	<-f.ended
	f.giveUp()
}

// complaints logs what goes wrong with hooks, not too often. It is safe for concurrent use.
type complaints struct {
	logger *slog.Logger
	now    func() time.Time

	mu   sync.Mutex
	last map[string]time.Time
}

func (c *complaints) complain(hook string, err error) {
	if c.logger == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.last[hook]) >= time.Minute {
		c.last[hook] = now
		c.logger.Warn("errors were not reported", slog.String("to", hook), slog.Any("error", err))
	}
}

// newClient gives a client that goes where it is told and nowhere else.
func newClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Timeout: callTimeout, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// withoutURL takes the address out of an error, as it may hold a secret.
func withoutURL(err error) error {
	if at := (*url.Error)(nil); errors.As(err, &at) {
		return at.Err
	}
	return err
}
