// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

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

func TestStreamsThatBreak(t *testing.T) {
	tests := map[string]struct {
		end      func(f *Flight)
		want     error
		wantTail string
	}{
		"for all, with an event that says so": {func(f *Flight) {
			_, _ = f.Write([]byte("data: error\n\n"))
			f.Fail(&exchange.Error{Status: 502}, false)
		}, ErrBroken, "data: error\n\n"},
		"for the leader's own reason": {func(f *Flight) { f.Fail(nil, true) }, ErrAbandoned, ""},
		"by a panic":                  {func(f *Flight) { f.Abandon() }, ErrAbandoned, ""},
		"not at all":                  {func(f *Flight) { f.Done(&Entry{TTL: time.Minute}) }, nil, ""},
		"not at all, and is not kept": {func(f *Flight) { f.Share(&Entry{}) }, nil, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *Cache) {
				lead, _ := c.Join(numbered(1), &Terms{})
				f, _ := c.Join(numbered(1), &Terms{})
				var wg sync.WaitGroup
				wg.Go(func() {
					defer f.Leave()
					if a := f.Wait(nil); a.Result != Answered || a.Entry != nil || !a.Stream {
						t.Errorf("a follower got %+v", a)
					}
					var got client
					e, err := f.Tail(&got, nil)
					if !errors.Is(err, test.want) || (e != nil) != (test.want == nil) {
						t.Errorf("it ended with %v, %v", e, err)
					}
					if got.got.String() != events(5)+test.wantTail {
						t.Errorf("it was sent %q", got.got.String())
					}
				})
				lead.Begin(200, sseType, true)
				for i := range 5 {
					synctest.Wait()
					_, _ = lead.Write(event(i))
				}
				synctest.Wait()
				test.end(lead)
				wg.Wait()
				if e := c.Get(numbered(1), 0); (e != nil) != (name == "not at all") {
					t.Errorf("what is kept is %v", e)
				}
			})
		})
	}
}

func TestWhoJoinsAStreamLateGetsItFromItsBeginning(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		const n = 300
		lead, _ := c.Join(numbered(1), &Terms{})
		lead.Begin(200, sseType, true)
		var wg sync.WaitGroup
		for i := range n {
			_, _ = lead.Write(event(i))
			if i%50 != 0 {
				continue
			}
			f, leader := c.Join(numbered(1), &Terms{})
			if leader {
				t.Fatal("there are two leaders")
			}
			wg.Go(func() {
				defer f.Leave()
				f.Wait(nil)
				var got client
				if _, err := f.Tail(&got, nil); err != nil || got.got.String() != events(n) || got.split {
					t.Errorf("it got %d bytes, %v, split: %v", got.got.Len(), err, got.split)
				}
			})
			time.Sleep(time.Millisecond)
		}
		lead.Done(&Entry{TTL: time.Minute})
		wg.Wait()
		// And who comes after the end has the whole.
		f, leader := c.Join(numbered(1), &Terms{})
		if a := f.Wait(nil); leader || a.Result != Answered || a.Entry == nil || string(a.Entry.Body) != events(n) {
			t.Errorf("who comes after the end gets %+v", a)
		}
		var got client
		if _, err := f.Tail(&got, nil); err != nil || got.got.String() != events(n) {
			t.Errorf("tailed, it is %q, %v", got.got.String(), err)
		}
		f.Leave()
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

// A client that reads nothing holds up neither the leader nor others.
func TestASlowFollowerHoldsUpNobody(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		lead, _ := c.Join(numbered(1), &Terms{})
		slow, _ := c.Join(numbered(1), &Terms{})
		quick, _ := c.Join(numbered(1), &Terms{})
		stuck := client{block: make(chan struct{})}
		var wg sync.WaitGroup
		wg.Go(func() {
			defer slow.Leave()
			if _, err := slow.Tail(&stuck, nil); err != nil || stuck.got.String() != events(100) {
				t.Errorf("the slow one got %d bytes, %v", stuck.got.Len(), err)
			}
		})
		wg.Go(func() {
			defer quick.Leave()
			var got client
			if _, err := quick.Tail(&got, nil); err != nil || got.got.String() != events(100) {
				t.Errorf("the quick one got %d bytes, %v", got.got.Len(), err)
			}
		})
		began := time.Now()
		lead.Begin(200, sseType, true)
		for i := range 100 {
			_, _ = lead.Write(event(i))
			synctest.Wait()
		}
		lead.Done(&Entry{TTL: time.Minute})
		if took := time.Since(began); took != 0 {
			t.Errorf("the leader waited for %v", took)
		}
		time.Sleep(time.Hour)
		close(stuck.block)
		wg.Wait()
	})
}

func TestLargeStreams(t *testing.T) {
	const size = 64 << 10
	piece := append(bytes.Repeat([]byte("x"), size-2), "\n\n"...)
	copy(piece, "data: ")
	t.Run("nobody joins or keeps what is too large", func(t *testing.T) {
		bubble(t, func(t *testing.T, c *Cache) {
			lead, _ := c.Join(numbered(1), &Terms{MaxBytes: 4 * size})
			early, _ := c.Join(numbered(1), &Terms{})
			lead.Begin(200, sseType, true)
			var wg sync.WaitGroup
			var got client
			wg.Go(func() {
				defer early.Leave()
				if e, err := early.Tail(&got, nil); err != nil || e.Body != nil {
					t.Errorf("it ended with %v, %v", e, err)
				}
			})
			for n := range 600 {
				_, _ = lead.Write(piece)
				synctest.Wait()
				f, leader := c.Join(numbered(1), &Terms{})
				if leader != (n >= 4) {
					t.Fatalf("after %d bytes, the next one leads: %v", (n+1)*size, leader)
				}
				if f.Leave(); leader {
					f.Abandon()
				}
				// All have read all: as good as nothing is left.
				if kept := lead.body.total - lead.body.base(); n >= 4 && kept > 3*size {
					t.Fatalf("%d bytes are kept", kept)
				}
			}
			if lead.Done(&Entry{TTL: time.Minute}) || c.Get(numbered(1), 0) != nil {
				t.Error("it was kept")
			}
			wg.Wait()
			if got.got.Len() != 600*size || got.split {
				t.Errorf("it got %d bytes, split: %v", got.got.Len(), got.split)
			}
		})
	})
	t.Run("nothing is left when nobody follows", func(t *testing.T) {
		bubble(t, func(t *testing.T, c *Cache) {
			lead, _ := c.Join(numbered(1), &Terms{MaxBytes: 4 * size})
			f, _ := c.Join(numbered(1), &Terms{})
			lead.Begin(200, sseType, true)
			for range 5 {
				_, _ = lead.Write(piece)
			}
			f.Leave()
			if n := len(lead.body.chunks); n != 0 {
				t.Errorf("%d pieces are left", n)
			}
			for range 5 {
				_, _ = lead.Write(piece)
			}
			if n := len(lead.body.chunks); n != 0 {
				t.Errorf("%d pieces were added", n)
			}
			lead.Share(&Entry{})
		})
	})
	t.Run("who is too far behind breaks off", func(t *testing.T) {
		bubble(t, func(t *testing.T, c *Cache) {
			lead, _ := c.Join(numbered(1), &Terms{})
			slow, _ := c.Join(numbered(1), &Terms{})
			unread, _ := c.Join(numbered(1), &Terms{})
			stuck := client{block: make(chan struct{})}
			lead.Begin(200, sseType, true)
			_, _ = lead.Write(piece)
			var wg sync.WaitGroup
			wg.Go(func() {
				defer slow.Leave()
				if _, err := slow.Tail(&stuck, nil); !errors.Is(err, ErrBehind) {
					t.Errorf("it ended with %v", err)
				}
			})
			synctest.Wait()
			for range 2 * HardBytes / size {
				_, _ = lead.Write(piece)
				if kept := lead.body.total - lead.body.base(); kept > HardBytes+size {
					t.Fatalf("%d bytes are kept", kept)
				}
			}
			close(stuck.block)
			wg.Wait()
			if a := unread.Wait(nil); a.Result != Failed || a.Err != failure {
				t.Errorf("who had not begun got %+v", a)
			}
			unread.Leave()
			lead.Done(&Entry{TTL: time.Minute})
		})
	})
	t.Run("who follows a large unary answer gets it", func(t *testing.T) {
		bubble(t, func(t *testing.T, c *Cache) {
			lead, _ := c.Join(numbered(1), &Terms{MaxBytes: size})
			f, _ := c.Join(numbered(1), &Terms{})
			lead.Begin(200, nil, false)
			for range 10 {
				_, _ = lead.Write(piece)
			}
			if lead.Done(&Entry{TTL: time.Minute}) {
				t.Error("it was kept")
			}
			if a := f.Wait(nil); a.Result != Answered || len(a.Entry.Body) != 10*size {
				t.Errorf("it got %+v", a.Result)
			}
			f.Leave()
		})
	})
	t.Run("who follows a unary answer beyond all bounds does not", func(t *testing.T) {
		bubble(t, func(t *testing.T, c *Cache) {
			lead, _ := c.Join(numbered(1), &Terms{MaxBytes: size})
			f, _ := c.Join(numbered(1), &Terms{})
			lead.Begin(200, nil, false)
			for range 2 * HardBytes / size {
				_, _ = lead.Write(piece)
			}
			lead.Done(&Entry{TTL: time.Minute})
			if a := f.Wait(nil); a.Result != Failed || a.Err != failure {
				t.Errorf("it got %+v", a)
			}
			f.Leave()
		})
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

func TestABufferIsWhatWasWritten(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var b buffer
		var all []byte
		var places []int64
		for range r.IntN(50) {
			p := bytes.Repeat([]byte{byte(r.IntN(256))}, 1+r.IntN(5000))
			places = append(places, b.total)
			b.write(p)
			all = append(all, p...)
		}
		if diff := cmp.Diff(len(all), len(b.whole())); diff != "" || !bytes.Equal(all, b.whole()) {
			t.Fatalf("the whole is not what was written: %s", diff)
		}
		var from int64
		if len(places) > 0 {
			from = places[r.IntN(len(places))]
		}
		b.drop(from)
		if b.base() > from {
			t.Fatalf("it begins at %d, and was to begin at %d", b.base(), from)
		}
		rest := slices.Clone(all[from:])
		for at := from; ; {
			p := b.from(at)
			if p == nil {
				break
			}
			if at += int64(len(p)); at < b.total && !slices.Contains(places, at) {
				t.Fatalf("a write was cut at %d", at)
			}
			if !bytes.HasPrefix(rest, p) {
				t.Fatal("it gives something else")
			}
			rest = rest[len(p):]
		}
		if len(rest) != 0 {
			t.Fatalf("%d bytes are missing", len(rest))
		}
	}
}
