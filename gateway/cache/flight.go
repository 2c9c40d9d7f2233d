// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"errors"
	"io"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// Flight is one participant's part in an answer that is being made: the leader, who makes it, or a follower, who waits for
// it. The leader's methods are Begin, Write, Done, Share, Fail, Abandon, Followers, OnAlone and Detach; a follower's are
// Wait, Tail and Leave. A Flight belongs to one goroutine at a time.
type Flight struct {
	c     *Cache
	key   Key
	terms *Terms
}

// Join takes part in the flight of a key: as its leader where there is none. Who joins as a follower calls Wait, and Leave
// in the end; a leader calls Abandon in the end, whatever happened. An answer that was put in memory meanwhile is a flight
// that is over already. The terms are the leader's, and not kept; they must not change before the flight's end.
func (c *Cache) Join(key Key, terms *Terms) (f *Flight, leader bool) {
	return &Flight{c: c, key: key, terms: terms}, true
}

// Lead makes a flight of its own, for who wants a new answer whatever there is: those who join from now on follow it.
func (c *Cache) Lead(key Key, terms *Terms) *Flight { return &Flight{c: c, key: key, terms: terms} }

// Begin says how the answer begins. What is written before it counts as well.
func (f *Flight) Begin(status int, contentType []byte, stream bool) {}

// Write appends to the body: of a stream whole events. It never fails, and keeps nothing of b.
func (f *Flight) Write(b []byte) (int, error) { return len(b), nil }

// Done ends the flight with a whole and good answer, which is kept. Of the entry, what the flight knows is filled in: a
// Status of 0, with ContentType and Stream, are those of Begin, a nil Body is what was written, Asked, Stored and Labels are
// always the flight's. The entry is the cache's from then on. It says whether the answer was kept: not when it is
// too large, or was purged meanwhile.
func (f *Flight) Done(e *Entry) bool { return false }

// Share ends the flight with a whole answer for those who follow, which is not kept. The entry is as in Done; one that
// Lookup gave is left as it is.
func (f *Flight) Share(e *Entry) {}

// Fail ends the flight. Own says that it failed for a reason of the leader's alone, so that one of the others is to take
// over; else all of them fail by the same error. Of a stream that has begun, the error's event was written before, unless own.
func (f *Flight) Fail(err *exchange.Error, own bool) {}

// Abandon is Fail with own for a flight that is not over, and nothing for one that is.
func (f *Flight) Abandon() {}

// Followers gives how many follow now.
func (f *Flight) Followers() int { return 0 }

// Detach says that the leader's client has left, and whether nobody follows: then the leader is to give up. Otherwise it goes on,
// and what OnAlone was given is called once the last follower has left. Who comes later makes another flight.
func (f *Flight) Detach() (alone bool) { return true }

// OnAlone sets what is called, at most once and from another goroutine, when the last follower leaves after Detach. It must
// not block. It is set before Detach.
func (f *Flight) OnAlone(call func()) {}

// Result is what a follower waited for.
type Result uint8

// The results.
const (
	// Left: the follower's own client left.
	Left Result = iota
	// Answered: there is an answer, of which a stream may have only begun.
	Answered
	// Failed: there is an error, for all.
	Failed
	// TakeOver: the leader gave up; Join again.
	TakeOver
)

// Answer is what Wait gives.
type Answer struct {
	Result Result
	// Status, ContentType and Stream are set when Answered.
	Status      int
	ContentType []byte
	Stream      bool
	// Err is set when Failed.
	Err *exchange.Error
	// Entry is the whole answer where it is there: always when Answered, unless it is a stream that goes on.
	Entry *Entry
}

// Wait waits until the answer is there or, of a stream, has begun, or done is closed.
func (f *Flight) Wait(done <-chan struct{}) Answer { return Answer{} }

var (
	// ErrBroken says that the leader's stream broke, and that its error event was among what was written.
	ErrBroken = errors.New("the stream broke")
	// ErrAbandoned says that the leader gave up a stream without a word: the follower is to say so.
	ErrAbandoned = errors.New("the stream was given up")
	// ErrBehind says that the follower's client was so slow that the rest is not there any more.
	ErrBehind = errors.New("the follower fell too far behind")
	// ErrLeft says that the follower's client left.
	ErrLeft = errors.New("the client left")
)

// Tail writes a stream from its beginning to w, as the leader writes it: each Write to w is one or more of the leader's. The
// entry is what the leader gave in the end. Errors are those above, and w's.
func (f *Flight) Tail(w io.Writer, done <-chan struct{}) (*Entry, error) { return nil, ErrAbandoned }

// Leave ends a follower's part; it may be called again.
func (f *Flight) Leave() {}
