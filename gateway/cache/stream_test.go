// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

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

func TestALeaderReadsWhatItWrote(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		f, _ := c.Join(numbered(1), &Terms{MaxBytes: 100})
		follower, _ := c.Join(numbered(1), &Terms{})
		if got := f.Recorded(); got == nil || len(got) != 0 {
			t.Errorf("before it wrote, it is %q", got)
		}
		_, _ = f.Write([]byte("ab"))
		_, _ = f.Write([]byte("c"))
		first := f.Recorded()
		_, _ = f.Write([]byte("d"))
		if got := f.Recorded(); string(got) != "abcd" || string(first) != "abc" || cap(got) != 4 {
			t.Errorf("it is %q, and was %q", got, first)
		}
		_, _ = f.Write(make([]byte, 97))
		if got := f.Recorded(); got != nil {
			t.Errorf("too large, it is %q", got)
		}
		f.Share(&Entry{Status: 200})
		if f.Recorded() != nil {
			t.Error("after its end it is something")
		}
		follower.Leave()
	})
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
