// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	_ "embed" // the scripts
	"encoding/hex"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// AnswerBounds bound what pods keep together. A zero is its default.
type AnswerBounds struct {
	// Bytes is what all answers of the gateway may take of the server's memory, roughly; 256 MiB by default, 1 MiB at least.
	// Without this bound, answers would take the room that limits are counted in.
	Bytes int64
	// Value is how large one of them may be; 1 MiB by default.
	Value int
}

// AnswerCounts is what was done since Answers began, for metrics.
type AnswerCounts struct {
	// Waiting are on their way to the store.
	Waiting int64
	// Dropped were taken, and did not reach the store; Refused were not taken.
	Dropped, Refused int64
	// Evicted had to make room in the store for those of this process.
	Evicted int64
	// Skipped were not asked for, and Failed were in vain.
	Skipped, Failed int64
}

const (
	defaultAnswerBytes = 256 << 20
	leastAnswerBytes   = 1 << 20
	defaultAnswerValue = 1 << 20
	// Of what waits for the store.
	maxWaitingBytes, maxWaiting = 32 << 20, 1024
	// maxFetching keeps answers, which are large, from standing before reservations on the connection.
	maxFetching = 64
	// restFor is how long the store is not asked after it was too slow.
	restFor = time.Second
)

var (
	//go:embed lua/keep.lua
	keepLua string
	//go:embed lua/purge.lua
	purgeLua string

	// errResting says that the store was not asked.
	errResting = errors.New("the store is not asked for answers now")
)

// Answers are the cached answers that the pods of a gateway share. Values mean nothing to it. It is safe for concurrent use,
// and ends with its Store. Nothing that it does, or fails to do, makes the Store be taken for down, but a connection that
// is lost.
type Answers struct {
	store       *Store
	bounds      AnswerBounds
	keep, purge *rueidis.Lua

	fetching atomic.Int64
	resting  atomic.Int64 // until then, in own time of the store's clock

	mu      sync.Mutex
	waiting []answer
	bytes   int
	wake    chan struct{}

	heard heard

	dropped, refused, evicted, skipped, failed atomic.Int64
}

// answer is one that waits.
type answer struct {
	key   [32]byte
	value []byte
	until time.Time
}

// Answers begins to share answers. It is called once at most.
func (s *Store) Answers(bounds AnswerBounds) *Answers {
	if bounds.Bytes <= 0 {
		bounds.Bytes = defaultAnswerBytes
	}
	bounds.Bytes = max(bounds.Bytes, leastAnswerBytes)
	if bounds.Value <= 0 {
		bounds.Value = defaultAnswerValue
	}
	a := &Answers{
		store: s, bounds: bounds, wake: make(chan struct{}, 1),
		keep: rueidis.NewLuaScript(commonLua + keepLua), purge: rueidis.NewLuaScript(commonLua + purgeLua),
	}
	a.heard.epoch = -1
	s.tasks.Go(a.work)
	return a
}

// Counts gives what was done so far.
func (a *Answers) Counts() AnswerCounts {
	a.mu.Lock()
	waiting := int64(len(a.waiting))
	a.mu.Unlock()
	return AnswerCounts{
		Waiting: waiting, Dropped: a.dropped.Load(), Refused: a.refused.Load(), Evicted: a.evicted.Load(),
		Skipped: a.skipped.Load(), Failed: a.failed.Load(),
	}
}

// Fetch gives a value, nil where there is none. It waits at most Config.Timeout, and not at all while the store is down, or was
// too slow a moment ago, or Purged did not yet say what was purged while it was away.
func (a *Answers) Fetch(ctx context.Context, key [32]byte) ([]byte, error) {
	s := a.store
	epoch, up := s.health.now()
	if !up || a.heard.of() != epoch || s.clock.own() < a.resting.Load() {
		a.skipped.Add(1)
		return nil, errResting
	}
	if a.fetching.Add(1) > maxFetching {
		a.fetching.Add(-1)
		a.skipped.Add(1)
		return nil, errResting
	}
	defer a.fetching.Add(-1)
	waiting, cancel := context.WithTimeout(ctx, time.Duration(s.opts.Config.Timeout))
	defer cancel()
	client := *s.client.Load()
	value, err := client.Do(waiting, client.B().Get().Key(a.place(key)).Build()).AsBytes()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	if err != nil && ctx.Err() == nil {
		a.fails(epoch, err)
	}
	return value, err
}

func (a *Answers) place(key [32]byte) string {
	return a.store.prefix[0] + "c:" + hex.EncodeToString(key[:])
}

// fails takes note of a failure. Answers are large, and may be too slow where nothing else is.
func (a *Answers) fails(epoch int64, err error) {
	a.failed.Add(1)
	a.resting.Store(a.store.clock.own() + restFor.Microseconds())
	if _, said := rueidis.IsRedisErr(err); !said && !errors.Is(err, context.DeadlineExceeded) {
		a.store.down(epoch, err)
	}
}

// Keep stores a value for a while, in the background, and says whether it took it: not while the store is down, too many wait,
// or the value is too large. The value is its own from then on.
func (a *Answers) Keep(key [32]byte, value []byte, ttl time.Duration) bool {
	if len(value) > a.bounds.Value || ttl < time.Millisecond || !a.store.Up() || !a.push(answer{key, value, time.Now().Add(ttl)}) {
		a.refused.Add(1)
		return false
	}
	select {
	case a.wake <- struct{}{}:
	default:
	}
	return true
}

func (a *Answers) push(next answer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) >= maxWaiting || a.bytes+len(next.value) > maxWaitingBytes {
		return false
	}
	a.waiting = append(a.waiting, next)
	a.bytes += len(next.value)
	return true
}

func (a *Answers) pop() (answer, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) == 0 {
		a.waiting = nil
		return answer{}, false
	}
	next := a.waiting[0]
	a.waiting[0] = answer{}
	a.waiting = a.waiting[1:]
	a.bytes -= len(next.value)
	return next, true
}

// work stores what waits, one after the other.
func (a *Answers) work() {
	for {
		next, ok := a.pop()
		if ok {
			a.write(&next)
			continue
		}
		select {
		case <-a.wake:
		case <-a.store.ctx.Done():
			return
		}
	}
}

func (a *Answers) write(next *answer) {
	s := a.store
	epoch, up := s.health.now()
	left := time.Until(next.until).Milliseconds()
	if !up || left <= 0 {
		a.dropped.Add(1)
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.pace.patient)
	defer cancel()
	evicted, err := a.keep.Exec(ctx, *s.client.Load(), s.prefix, []string{
		hex.EncodeToString(next.key[:]), rueidis.BinaryString(next.value), strconv.FormatInt(left, 10),
		strconv.FormatInt(a.bounds.Bytes>>10, 10),
	}).AsInt64()
	if err != nil {
		a.dropped.Add(1)
		if s.ctx.Err() == nil {
			a.fails(epoch, err)
		}
		return
	}
	a.evicted.Add(evicted)
}
