// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"errors"
	"io"

	"github.com/sparkgateway/spark/gateway/exchange"
)

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
	// Entry is the whole answer where it is there: always when Answered, unless it is a stream, which is to be tailed.
	Entry *Entry
}

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

// failure is that of a flight which failed without an error, or of a unary answer that is too large to be shared.
var failure = &exchange.Error{
	Status: 502, Type: exchange.TypeUpstream, Message: "The answer that this request shared with others could not be given.",
	Reason: exchange.ReasonResponseTooLarge, Outcome: exchange.ProviderBroken, Cause: ErrBehind,
}

// Wait waits until the answer is there or, of a stream, has begun, or done is closed.
func (f *Flight) Wait(done <-chan struct{}) Answer {
	for {
		f.mu.Lock()
		answer, ready := f.answer()
		var changed <-chan struct{}
		if !ready {
			changed = f.await()
		}
		f.mu.Unlock()
		if ready {
			return answer
		}
		select {
		case <-changed:
		case <-done:
			return Answer{Result: Left}
		}
	}
}

// answer needs the lock.
func (f *Flight) answer() (Answer, bool) {
	switch e := f.entry; {
	case f.ended && e != nil && e.Body != nil:
		return Answer{Result: Answered, Status: e.Status, ContentType: e.ContentType, Stream: e.Stream, Entry: e}, true
	case f.ended && e == nil && f.own:
		return Answer{Result: TakeOver}, true
	case f.ended && e == nil:
		if f.err == nil {
			return Answer{Result: Failed, Err: failure}, true
		}
		return Answer{Result: Failed, Err: f.err}, true
	case f.body.base() > f.pos:
		return Answer{Result: Failed, Err: failure}, true
	case f.begun && f.stream:
		return Answer{Result: Answered, Status: f.status, ContentType: f.contentType, Stream: true}, true
	case f.ended:
		return Answer{Result: Failed, Err: failure}, true
	default:
		return Answer{}, false
	}
}

// Tail writes a stream from its beginning to w, as the leader writes it: each Write to w is one or more of the leader's. The
// entry is what the leader gave in the end, without a Body where that is too large to be kept. Errors are those above,
// and w's.
func (f *Flight) Tail(w io.Writer, done <-chan struct{}) (*Entry, error) {
	for {
		p, changed, err := f.next()
		switch {
		case err != nil:
			return nil, err
		case p != nil:
			if _, err := w.Write(p); err != nil {
				return nil, err
			}
		case changed == nil:
			return f.entry, nil
		default:
			select {
			case <-changed:
			case <-done:
				return nil, ErrLeft
			}
		}
	}
}

// next gives what is to be written next; what to wait for; or neither, at the end.
func (f *Flight) next() (p []byte, changed <-chan struct{}, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.body.base() > f.pos {
		return nil, nil, ErrBehind
	}
	p = f.body.from(f.pos)
	if p == nil && f.pos == 0 && f.ended && f.entry != nil {
		// An answer that was given as a whole.
		p = f.entry.Body
	}
	f.pos += int64(len(p))
	switch {
	case len(p) > 0:
		return p, nil, nil
	case !f.ended:
		return nil, f.await(), nil
	case f.entry != nil:
		return nil, nil, nil
	case f.own:
		return nil, nil, ErrAbandoned
	default:
		return nil, nil, ErrBroken
	}
}

// Leave ends a follower's part. It may be called again, and must be called once.
func (f *Flight) Leave() {
	f.mu.Lock()
	if f.place < 0 {
		f.mu.Unlock()
		return
	}
	last := len(f.following) - 1
	f.following[f.place] = f.following[last]
	f.following[f.place].place = f.place
	f.following[last] = nil
	f.following, f.place = f.following[:last], -1
	var alone func()
	if last == 0 {
		if f.partial {
			f.body.chunks = nil
		}
		if f.detached && !f.ended {
			alone, f.alone, f.closed = f.alone, nil, true
		}
	}
	f.mu.Unlock()
	if alone != nil {
		alone()
	}
}
