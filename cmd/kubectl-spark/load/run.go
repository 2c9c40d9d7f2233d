// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package load asks an LLM gateway as many users would, and says how it fared. An open loop sends requests when they are due,
// whatever becomes of those before, and measures from when they were due: a gateway that stalls does not thin out its own load.
package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what a run does. Either Profile or Concurrency is given.
type Options struct {
	Mix    Mix
	Sender Sender
	// Profile is that of an open loop, whose requests come by Arrivals.
	Profile  Profile
	Arrivals Arrivals
	// Concurrency is how many ask in a closed loop, each again when it is answered, for Duration. They begin one after the
	// other during the Ramp.
	Concurrency int
	Duration    time.Duration
	Ramp        time.Duration
	// Warmup is the first part of the run, whose requests are in no total.
	Warmup time.Duration
	// Timeout bounds how long a request waits to be sent, and then for its whole answer. At most MaxTimeout.
	Timeout time.Duration
	// MaxInFlight bounds how many requests of an open loop are under way. One that is due while there are so many is sent late.
	MaxInFlight int
	// Each is told each second as it ends, if it is there.
	Each func(Row)
}

// length is how long requests are sent for.
func (o *Options) length() time.Duration {
	if o.Concurrency > 0 {
		return o.Duration
	}
	return o.Profile.Duration()
}

func (o *Options) check() error {
	switch {
	case (o.Concurrency > 0) == (len(o.Profile) > 0):
		return errors.New("a run has either a rate or a concurrency")
	case o.Timeout <= 0 || o.Timeout > MaxTimeout:
		return fmt.Errorf("a timeout lies between 0 and %s", MaxTimeout)
	case o.length() <= 0 || o.length() > MaxDuration:
		return fmt.Errorf("a duration lies between 0 and %s", MaxDuration)
	case o.Warmup < 0 || o.Warmup >= o.length():
		return fmt.Errorf("the warm-up of %s leaves nothing of %s", o.Warmup, o.length())
	case o.Concurrency == 0 && o.MaxInFlight <= 0:
		return errors.New("no request may be in flight")
	case o.Concurrency > 0 && (o.Ramp < 0 || o.Ramp > o.Duration):
		return fmt.Errorf("a ramp of %s does not fit into %s", o.Ramp, o.Duration)
	}
	return nil
}

// run is one run.
type run struct {
	Options
	maker *maker
	tally *tally
	asked sync.WaitGroup
}

// Run sends requests until their time is over, waits for the answers, and says what became of them. When the context ends
// before, what is under way is cut off, and the result says so.
func Run(ctx context.Context, o Options) (*Result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &run{Options: o, maker: newMaker(o.Mix)}
	begun := time.Now()
	r.tally = newTally(begun, o.Profile, o.Warmup)
	stop := r.watch()
	if o.Concurrency > 0 {
		r.closed(ctx)
	} else {
		r.open(ctx)
	}
	r.asked.Wait()
	stop()
	return r.tally.result(time.Since(begun), o.length(), ctx.Err() != nil), nil
}

// watch ends a row each second until stop, which ends the last one.
func (r *run) watch() (stop func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	roll := func() {
		if row := r.tally.roll(time.Now()); r.Each != nil {
			r.Each(row)
		}
	}
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				roll()
			case <-over:
				// What is left of a second is a row of its own if something happened in it.
				if !r.tally.idle() {
					roll()
				}
				return
			}
		}
	}()
	return func() {
		close(over)
		<-ended
	}
}

// open sends requests when they are due.
func (r *run) open(ctx context.Context) {
	times := newSchedule(r.Profile, r.Arrivals, r.Mix.Seed)
	slots := make(chan struct{}, r.MaxInFlight)
	for number := 0; ; number++ {
		after, more := times.next()
		due := r.tally.begun.Add(after)
		if !more {
			await(ctx, r.tally.begun.Add(r.length()))
			return
		}
		if !await(ctx, due) {
			return
		}
		waited, sent := r.take(ctx, slots, due)
		if ctx.Err() != nil {
			return
		}
		if !sent {
			r.tally.unsent(due, time.Now())
			continue
		}
		r.asked.Go(func() {
			defer func() { <-slots }()
			r.ask(ctx, number, due, waited)
		})
	}
}

// take gets a place for a request until its timeout, and says whether it had to wait.
func (r *run) take(ctx context.Context, slots chan<- struct{}, due time.Time) (waited, ok bool) {
	wait := time.Until(due.Add(r.Timeout))
	if wait <= 0 {
		return true, false
	}
	select {
	case slots <- struct{}{}:
		return false, true
	default:
	}
	left := time.NewTimer(wait)
	defer left.Stop()
	select {
	case slots <- struct{}{}:
		return true, true
	case <-left.C:
	case <-ctx.Done():
	}
	return true, false
}

// closed has so many ask again and again.
func (r *run) closed(ctx context.Context) {
	var numbers atomic.Int64
	end := r.tally.begun.Add(r.Duration)
	for i := range r.Concurrency {
		begin := r.tally.begun.Add(r.Ramp * time.Duration(i) / time.Duration(r.Concurrency))
		r.asked.Go(func() {
			for await(ctx, begin) && time.Now().Before(end) {
				begin = time.Now()
				if failure := r.ask(ctx, int(numbers.Add(1)-1), begin, false); failure == KindConnect || failure == KindConnection {
					// Nobody listens: to ask at once would be a busy loop.
					begin = time.Now().Add(100 * time.Millisecond)
				}
			}
		})
	}
}

// ask sends one request and takes down what becomes of it.
func (r *run) ask(ctx context.Context, number int, due time.Time, waited bool) Kind {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	request := r.maker.make(number)
	f := &flight{due: due, sent: time.Now(), stream: request.Stream}
	r.tally.send(f, waited)
	answer := r.Sender.Send(ctx, request, func() { r.tally.token(f, time.Now()) })
	r.tally.end(f, &answer, time.Now())
	return answer.Failure
}

// await sleeps until a time, if it is not over, and says whether the context lasts.
func await(ctx context.Context, until time.Time) bool {
	if wait := time.Until(until); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}
