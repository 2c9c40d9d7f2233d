// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// bubble runs a test in a time of its own, with a Cache.
func bubble(t *testing.T, test func(t *testing.T, c *Cache)) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{Bytes: 64 << 20})
		defer c.Close()
		test(t, c)
	})
}

func event(n int) []byte { return fmt.Appendf(nil, "data: {\"n\":%d}\n\n", n) }

func events(n int) string {
	var b strings.Builder
	for i := range n {
		b.Write(event(i))
	}
	return b.String()
}

var sseType = []byte("text/event-stream")

// client is who reads a stream. It gives whether each Write was made of whole events.
type client struct {
	got   bytes.Buffer
	split bool
	block chan struct{} // each Write waits for one, unless nil
	fail  error
}

func (c *client) Write(p []byte) (int, error) {
	if c.block != nil {
		<-c.block
	}
	if c.fail != nil {
		return 0, c.fail
	}
	if !bytes.HasSuffix(p, []byte("\n\n")) || !bytes.HasPrefix(p, []byte("data: ")) {
		c.split = true
	}
	return c.got.Write(p)
}

// One of 500 that ask at once makes the answer, of whatever kind, and all get it.
func TestOneMakesTheAnswerForAll(t *testing.T) {
	for _, stream := range []bool{false, true} {
		t.Run(map[bool]string{false: "unary", true: "stream"}[stream], func(t *testing.T) {
			bubble(t, func(t *testing.T, c *Cache) {
				const clients, n = 500, 200
				var calls, followed atomic.Int64
				var wg sync.WaitGroup
				for range clients {
					wg.Go(func() {
						f, leader := c.Join(numbered(1), &Terms{})
						if leader {
							defer f.Abandon()
							calls.Add(1)
							time.Sleep(time.Second)
							f.Begin(200, sseType, stream)
							for i := range n {
								time.Sleep(time.Millisecond)
								_, _ = f.Write(event(i))
							}
							if !f.Done(&Entry{TTL: time.Minute}) {
								t.Error("it was not kept")
							}
							return
						}
						defer f.Leave()
						followed.Add(1)
						a := f.Wait(nil)
						if a.Result != Answered || a.Status != 200 || string(a.ContentType) != string(sseType) || a.Stream != stream {
							t.Errorf("a follower got %+v", a)
							return
						}
						var got client
						if !stream {
							got.got.Write(a.Entry.Body)
						} else if e, err := f.Tail(&got, nil); err != nil || e.Status != 200 || got.split {
							t.Errorf("a follower's stream ended with %v, %v, split: %v", e, err, got.split)
						}
						if got.got.String() != events(n) {
							t.Errorf("a follower got %d bytes", got.got.Len())
						}
					})
				}
				wg.Wait()
				if calls.Load() != 1 || followed.Load() != clients-1 || c.Stats().Followers != clients-1 {
					t.Errorf("%d made it, %d followed, counted %d", calls.Load(), followed.Load(), c.Stats().Followers)
				}
				if e := c.Get(numbered(1), 0); e == nil || string(e.Body) != events(n) || e.Stream != stream {
					t.Errorf("what is kept is %v", e)
				}
			})
		})
	}
}

// Whoever looks, joins and asks, in whatever order it happens, never asks a second time.
func TestNobodySlipsBetweenTheFlightAndTheMemory(t *testing.T) {
	c := New(Options{Bytes: 64 << 20})
	defer c.Close()
	for round := range uint64(300) {
		var calls atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if c.Get(numbered(round), 0) != nil {
					return
				}
				f, leader := c.Join(numbered(round), &Terms{})
				if !leader {
					if a := f.Wait(nil); a.Result != Answered || string(a.Entry.Body) != "yes" {
						t.Errorf("a follower got %+v", a)
					}
					f.Leave()
					return
				}
				calls.Add(1)
				f.Done(&Entry{Status: 200, Body: []byte("yes"), TTL: time.Minute})
			})
		}
		wg.Wait()
		if calls.Load() != 1 {
			t.Fatalf("%d calls", calls.Load())
		}
	}
}

func TestHowFlightsEnd(t *testing.T) {
	refused := &exchange.Error{Status: 503, Reason: exchange.ReasonConnect}
	tests := map[string]struct {
		lead      func(f *Flight)
		want      Result
		wantErr   *exchange.Error
		wantBody  string
		wantAgain bool // the next to join leads
	}{
		"an answer that is kept": {
			func(f *Flight) { f.Done(&Entry{Status: 200, Body: []byte("x"), TTL: time.Minute}) }, Answered, nil, "x", false,
		},
		"an answer that is written and kept": {func(f *Flight) {
			f.Begin(200, nil, false)
			_, _ = f.Write([]byte("ab"))
			_, _ = f.Write(nil)
			_, _ = f.Write([]byte("c"))
			f.Done(&Entry{TTL: time.Minute})
		}, Answered, nil, "abc", false},
		"an answer that is shared only": {func(f *Flight) {
			f.Begin(200, nil, false)
			_, _ = f.Write([]byte("abc"))
			f.Share(&Entry{TTL: time.Minute})
		}, Answered, nil, "abc", true},
		"an answer without a body":        {func(f *Flight) { f.Begin(200, nil, false); f.Done(&Entry{TTL: time.Minute}) }, Answered, nil, "", false},
		"a failure of all":                {func(f *Flight) { f.Fail(refused, false) }, Failed, refused, "", true},
		"a failure of all without a word": {func(f *Flight) { f.Fail(nil, false) }, Failed, failure, "", true},
		"a failure of the leader's own":   {func(f *Flight) { f.Fail(refused, true) }, TakeOver, nil, "", true},
		"a leader that forgets":           {func(*Flight) {}, TakeOver, nil, "", true},
		"a leader that breaks off an answer it began": {func(f *Flight) {
			f.Begin(200, nil, false)
			_, _ = f.Write([]byte("ab"))
		}, TakeOver, nil, "", true},
		"an answer that breaks for all": {func(f *Flight) {
			f.Begin(200, nil, false)
			_, _ = f.Write([]byte("ab"))
			f.Fail(refused, false)
		}, Failed, refused, "", true},
		"a leader that says two things": {func(f *Flight) {
			f.Fail(refused, false)
			if f.Done(&Entry{Status: 200, Body: []byte("x"), TTL: time.Minute}) {
				panic("it was kept")
			}
			f.Begin(200, nil, true)
			_, _ = f.Write([]byte("late"))
			f.Share(&Entry{})
		}, Failed, refused, "", true},
		"a leader that panics": {func(f *Flight) {
			defer func() { _ = recover() }()
			defer f.Abandon()
			panic("no")
		}, TakeOver, nil, "", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *Cache) {
				lead, _ := c.Join(numbered(1), &Terms{})
				var wg sync.WaitGroup
				for range 3 {
					f, leader := c.Join(numbered(1), &Terms{})
					if leader {
						t.Fatal("there are two leaders")
					}
					wg.Go(func() {
						defer f.Leave()
						a := f.Wait(nil)
						if a.Result != test.want || a.Err != test.wantErr {
							t.Errorf("a follower got %+v", a)
						}
						if a.Result == Answered && (string(a.Entry.Body) != test.wantBody || a.Status != 200) {
							t.Errorf("a follower got %+v", a.Entry)
						}
					})
				}
				synctest.Wait()
				test.lead(lead)
				lead.Abandon()
				lead.Abandon()
				wg.Wait()
				f, again := c.Join(numbered(1), &Terms{})
				if again != test.wantAgain {
					t.Errorf("the next one leads: %v", again)
				}
				if f.Leave(); again {
					f.Abandon()
				}
			})
		})
	}
}

// A leader that gives up for itself is followed by one of the others, until one succeeds.
func TestOneTakesOver(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		const clients, failing = 50, 10
		var led, got atomic.Int64
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for {
					f, leader := c.Join(numbered(1), &Terms{})
					if leader {
						time.Sleep(time.Second)
						if led.Add(1) <= failing {
							f.Abandon()
							return
						}
						f.Done(&Entry{Status: 200, Body: []byte("x"), TTL: time.Minute})
						got.Add(1)
						return
					}
					a := f.Wait(nil)
					f.Leave()
					if a.Result == Answered {
						got.Add(1)
						return
					}
					if a.Result != TakeOver {
						t.Errorf("a follower got %+v", a)
						return
					}
				}
			})
		}
		wg.Wait()
		if led.Load() != failing+1 || got.Load() != clients-failing {
			t.Errorf("%d led, %d got an answer", led.Load(), got.Load())
		}
	})
}

func TestWhoLeaves(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		lead, _ := c.Join(numbered(1), &Terms{})
		first, _ := c.Join(numbered(1), &Terms{})
		second, _ := c.Join(numbered(1), &Terms{})
		alone := make(chan struct{})
		lead.OnAlone(func() { close(alone) })
		if n := lead.Followers(); n != 2 {
			t.Errorf("%d follow", n)
		}
		// One leaves while it waits, and the flight goes on.
		gone := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(gone) })
		if a := first.Wait(gone); a.Result != Left {
			t.Errorf("who left got %+v", a)
		}
		first.Leave()
		first.Leave()
		if lead.Detach() {
			t.Error("it is alone, with one that follows")
		}
		lead.Begin(200, sseType, true)
		_, _ = lead.Write(event(0))
		select {
		case <-alone:
			t.Error("it is alone, with one that follows")
		default:
		}
		// One more may join as long as there is somebody.
		third, leader := c.Join(numbered(1), &Terms{})
		if leader {
			t.Fatal("there are two leaders")
		}
		second.Leave()
		gone = make(chan struct{})
		time.AfterFunc(time.Second, func() { close(gone) })
		var got client
		if _, err := third.Tail(&got, gone); !errors.Is(err, ErrLeft) || got.got.String() != events(1) {
			t.Errorf("who left got %q, %v", got.got.String(), err)
		}
		third.Leave()
		<-alone
		// Who comes now does not follow one that is being given up.
		next, leader := c.Join(numbered(1), &Terms{})
		if !leader {
			t.Error("it follows a flight that is given up")
		}
		lead.Abandon()
		if f, leader := c.Join(numbered(1), &Terms{}); leader {
			t.Error("the flight given up took the next with it")
		} else {
			f.Leave()
		}
		next.Abandon()
	})
}

func TestALeaderThatIsAloneGivesUpAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		lead, _ := c.Join(numbered(1), &Terms{})
		lead.OnAlone(func() { t.Error("it is told what it knows") })
		f, _ := c.Join(numbered(1), &Terms{})
		f.Leave()
		if !lead.Detach() {
			t.Error("it is not alone")
		}
		if f, leader := c.Join(numbered(1), &Terms{}); !leader {
			t.Error("one follows a flight that is given up")
		} else {
			f.Abandon()
		}
		lead.Abandon()
	})
}

func TestWhoWantsANewAnswerGetsOne(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		answered(c, numbered(1), &Terms{}, "old")
		old, _ := c.Join(numbered(2), &Terms{})
		waiting, _ := c.Join(numbered(2), &Terms{})
		for n := range uint64(2) {
			f := c.Lead(numbered(n+1), &Terms{})
			if n == 1 {
				follower, leader := c.Join(numbered(2), &Terms{})
				if leader {
					t.Error("who comes later does not follow the new one")
				}
				old.Share(&Entry{Status: 200, Body: []byte("old")})
				if a := waiting.Wait(nil); string(a.Entry.Body) != "old" {
					t.Errorf("who followed the old one got %q", a.Entry.Body)
				}
				defer follower.Leave()
			}
			f.Done(&Entry{Status: 200, Body: []byte("new"), TTL: time.Minute})
			if e := c.Get(numbered(n+1), 0); string(e.Body) != "new" {
				t.Errorf("what is kept is %q", e.Body)
			}
		}
		waiting.Leave()
	})
}

func TestAFollowersClientThatFailsEndsItAlone(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		lead, _ := c.Join(numbered(1), &Terms{})
		f, _ := c.Join(numbered(1), &Terms{})
		lead.Begin(200, sseType, true)
		_, _ = lead.Write(event(0))
		broken := errors.New("broken pipe")
		if _, err := f.Tail(&client{fail: broken}, nil); !errors.Is(err, broken) {
			t.Errorf("it ended with %v", err)
		}
		f.Leave()
		if !lead.Done(&Entry{TTL: time.Minute}) {
			t.Error("it was not kept")
		}
	})
}

// Whatever comes and goes, whoever gets an answer gets all of it, and nothing is left behind.
func TestFlightsUnderLoad(t *testing.T) {
	c := New(Options{Bytes: 1 << 20})
	defer c.Close()
	want := func(key uint64) string { return strings.Repeat(fmt.Sprintf("data: %d\n\n", key), 20) }
	var wg sync.WaitGroup
	var got, led atomic.Int64
	for g := range uint64(16) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(g, 3))
			for range 400 {
				key := r.Uint64N(8)
				f, leader := c.Join(numbered(key), &Terms{})
				if leader {
					led.Add(1)
					lead(r, f, want(key))
					continue
				}
				done := make(chan struct{})
				if r.IntN(4) == 0 {
					close(done)
				}
				var body client
				switch a := f.Wait(done); {
				case a.Result == Answered && a.Entry != nil:
					body.got.Write(a.Entry.Body)
				case a.Result == Answered:
					_, err := f.Tail(&body, done)
					if broken := err != nil; broken && strings.HasPrefix(want(key), body.got.String()) {
						body.got.Reset()
						body.got.WriteString(want(key))
					}
				default:
					body.got.WriteString(want(key))
				}
				f.Leave()
				if got.Add(1); body.got.String() != want(key) {
					t.Errorf("it got %q", body.got.String())
				}
				if r.IntN(50) == 0 {
					c.Purge(PurgeAll, time.Now())
				}
			}
		})
	}
	wg.Wait()
	if led.Load() == 0 || got.Load() == 0 {
		t.Errorf("%d led, %d followed", led.Load(), got.Load())
	}
	for i := range c.flights {
		if n := len(c.flights[i].flights); n != 0 {
			t.Errorf("%d flights are left", n)
		}
	}
}

// lead makes an answer in pieces, and fails now and then.
func lead(r *rand.Rand, f *Flight, body string) {
	defer f.Abandon()
	f.Begin(200, sseType, true)
	piece := body[:len(body)/20]
	for range 20 {
		_, _ = f.Write([]byte(piece))
		if r.IntN(100) == 0 {
			return
		}
	}
	switch r.IntN(4) {
	case 0:
		f.Fail(nil, false)
	case 1:
		f.Share(&Entry{})
	default:
		f.Done(&Entry{TTL: time.Millisecond})
	}
}
