// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// Values are binary, which an imitation does not take.
func answerServer(t testing.TB) *redistest.Server {
	return redistest.Start(t, redistest.Options{Real: true})
}

func answersOf(t testing.TB, s *Store, bounds AnswerBounds) *Answers {
	t.Helper()
	a := s.Answers(bounds)
	heardAll(t, a)
	return a
}

func heardAll(t testing.TB, a *Answers) {
	t.Helper()
	waitFor(t, "purges are known", func() bool { _, err := a.Purged(context.Background()); return err == nil })
}

func key(n int) [32]byte { return sha256.Sum256([]byte(strconv.Itoa(n))) }

// stored waits until nothing waits.
func stored(t testing.TB, a *Answers) {
	t.Helper()
	waitFor(t, "answers are stored", func() bool { return a.Counts().Waiting == 0 })
	// The last of them may be on its way: what is asked for on the same connection comes after it.
	waitFor(t, "the last answer is stored", func() bool {
		_, err := a.Fetch(context.Background(), key(-1))
		return err == nil
	})
}

// there waits for a value, and gives it.
func there(t testing.TB, a *Answers, n int) []byte {
	t.Helper()
	var value []byte
	waitFor(t, "the answer is there", func() bool {
		var err error
		value, err = a.Fetch(context.Background(), key(n))
		return err == nil && value != nil
	})
	return value
}

func TestPodsShareAnswers(t *testing.T) {
	server := answerServer(t)
	one, other := answersOf(t, opened(t, single(server)), AnswerBounds{}), answersOf(t, opened(t, single(server)), AnswerBounds{})
	opts := single(server)
	opts.Gateway = "team/other"
	stranger := answersOf(t, opened(t, opts), AnswerBounds{})
	values := [][]byte{[]byte("a"), {0, 1, 0xff, '\r', '\n'}, bytes.Repeat([]byte{0xfe}, 1<<20), {}}
	for n, value := range values {
		if !one.Keep(key(n), bytes.Clone(value), time.Hour) {
			t.Fatalf("value %d was not taken", n)
		}
	}
	for n, value := range values {
		if got := there(t, other, n); !bytes.Equal(got, value) {
			t.Errorf("value %d is %d bytes", n, len(got))
		}
		if got, err := stranger.Fetch(t.Context(), key(n)); got != nil || err != nil {
			t.Errorf("another gateway has value %d: %q, %v", n, got, err)
		}
	}
	if got, err := other.Fetch(t.Context(), key(99)); got != nil || err != nil {
		t.Errorf("what nobody kept is %q, %v", got, err)
	}
	// The latest counts.
	one.Keep(key(0), []byte("b"), time.Hour)
	waitFor(t, "the latest is there", func() bool { got, _ := other.Fetch(t.Context(), key(0)); return string(got) == "b" })
	if c := one.Counts(); c != (AnswerCounts{}) {
		t.Errorf("the counts are %+v", c)
	}
}

func TestNothingIsFetchedBeforePurgesAreKnown(t *testing.T) {
	server := answerServer(t)
	one := answersOf(t, opened(t, single(server)), AnswerBounds{})
	one.Keep(key(0), []byte("x"), time.Hour)
	there(t, one, 0)
	other := opened(t, single(server)).Answers(AnswerBounds{})
	if got, err := other.Fetch(t.Context(), key(0)); got != nil || !errors.Is(err, errResting) {
		t.Errorf("it gives %q, %v", got, err)
	}
	heardAll(t, other)
	there(t, other, 0)
}

func TestAnswersThatAreNotTaken(t *testing.T) {
	s := opened(t, single(answerServer(t)))
	a := answersOf(t, s, AnswerBounds{Value: 100})
	tests := map[string]struct {
		size int
		ttl  time.Duration
		want bool
	}{
		"as large as may be":        {100, time.Hour, true},
		"too large":                 {101, time.Hour, false},
		"for no time":               {1, 0, false},
		"for less than can be told": {1, time.Millisecond - 1, false},
	}
	for name, test := range tests {
		before := a.Counts().Refused
		if got := a.Keep(key(0), make([]byte, test.size), test.ttl); got != test.want || (a.Counts().Refused == before) != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAnswersExpire(t *testing.T) {
	server := answerServer(t)
	a := answersOf(t, opened(t, single(server)), AnswerBounds{})
	a.Keep(key(0), []byte("short"), 300*time.Millisecond)
	a.Keep(key(1), []byte("long"), time.Hour)
	there(t, a, 1)
	waitFor(t, "the answer expires", func() bool { got, err := a.Fetch(t.Context(), key(0)); return err == nil && got == nil })
	left, err := server.Do("PTTL", a.place(key(1)))
	if ms, _ := strconv.Atoi(strings.TrimPrefix(left, ":")); err != nil || ms < 3_500_000 || ms > 3_600_000 {
		t.Errorf("the other has %s left, %v", left, err)
	}
	// What expired leaves the index at a later answer, and does not count.
	waitFor(t, "the index forgets", func() bool {
		a.Keep(key(2), []byte("x"), time.Hour)
		stored(t, a)
		n, _ := server.Do("ZCARD", a.store.prefix[0]+"ci")
		return n == ":2"
	})
	if n, err := server.Do("GET", a.store.prefix[0]+"cs"); err != nil || n != "2" {
		t.Errorf("%s KiB are taken, %v", n, err)
	}
}

// All answers stay within their bound, so that limits have room; those that expire first go first.
func TestAnswersAreBounded(t *testing.T) {
	server := answerServer(t)
	a := answersOf(t, opened(t, single(server)), AnswerBounds{Bytes: 1 << 20})
	const size, most = 10<<10 - 256, 102 // 10 KiB with what is around it
	for n := range 300 {
		ttl := time.Duration(n+1) * time.Hour
		if n < 50 {
			// The first live longest.
			ttl = time.Duration(n+1000) * time.Hour
		}
		waitFor(t, "there is room in the queue", func() bool { return a.Keep(key(n), make([]byte, size), ttl) })
	}
	stored(t, a)
	count := func(from, to int) (n int) {
		for i := from; i < to; i++ {
			if got, err := a.Fetch(t.Context(), key(i)); err != nil {
				t.Fatal(err)
			} else if got != nil {
				n++
			}
		}
		return n
	}
	if first, last, all := count(0, 50), count(300-most+50, 300), count(0, 300); first != 50 || last != most-50 || all != most {
		t.Errorf("there are %d of the first 50, %d of the last, %d in all", first, last, all)
	}
	if n := a.Counts().Evicted; n != 300-most {
		t.Errorf("%d made room", n)
	}
	taken, err := server.Do("GET", a.store.prefix[0]+"cs")
	if err != nil || taken != strconv.Itoa(10*most) {
		t.Errorf("%s KiB are taken, %v", taken, err)
	}
	// One that is kept again counts once; a large one makes room for itself.
	for range 3 {
		a.Keep(key(0), make([]byte, size), time.Hour)
	}
	a.Keep(key(999), make([]byte, 1<<20-256), time.Hour)
	if got := there(t, a, 999); len(got) != 1<<20-256 {
		t.Errorf("the large one is %d bytes", len(got))
	}
	if n, _ := server.Do("ZCARD", a.store.prefix[0]+"ci"); n != ":1" {
		t.Errorf("beside the large one there are %s", n)
	}
}

func TestTheQueueOfAnswersIsBounded(t *testing.T) {
	server := answerServer(t)
	opts := single(server)
	opts.Config.Timeout = config.Duration(200 * time.Millisecond)
	a := answersOf(t, opened(t, opts), AnswerBounds{})
	server.Pause()
	taken, bytes := 0, 0
	for n := range 3000 {
		size := []int{100, 1 << 20}[n%2]
		if a.Keep(key(n), make([]byte, size), time.Hour) {
			taken++
			bytes += size
		}
	}
	// Some were on their way, and timed out.
	if taken > maxWaiting+8 || bytes > maxWaitingBytes+8<<20 || taken < maxWaiting/2 {
		t.Errorf("%d of %d bytes were taken", taken, bytes)
	}
	server.Resume()
	waitFor(t, "all is stored or dropped", func() bool { return a.Counts().Waiting == 0 })
	if a.mu.Lock(); a.bytes != 0 {
		t.Errorf("%d bytes count as waiting, and nothing waits", a.bytes)
	}
	a.mu.Unlock()
}

// A store that stands still is a miss at once, but for the first that find out; it is asked again a while later.
func TestAnswersOfAStoreThatStandsStill(t *testing.T) {
	server := answerServer(t)
	opts := single(server)
	const timeout = 100 * time.Millisecond
	opts.Config.Timeout = config.Duration(timeout)
	s := opened(t, opts)
	a := answersOf(t, s, AnswerBounds{})
	a.Keep(key(0), []byte("x"), time.Hour)
	there(t, a, 0)
	server.Pause()
	began := time.Now()
	if _, err := a.Fetch(t.Context(), key(0)); err == nil {
		t.Error("it gives something")
	}
	// Some time for a busy machine.
	if took := time.Since(began); took > timeout+5*time.Second {
		t.Errorf("the first waited for %v", took)
	}
	began = time.Now()
	for range 100 {
		if _, err := a.Fetch(t.Context(), key(0)); !errors.Is(err, errResting) {
			if err == nil {
				t.Fatal("it gives something")
			}
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a hundred waited for %v", took)
	}
	if c := a.Counts(); c.Failed == 0 || c.Skipped < 50 {
		t.Errorf("the counts are %+v", c)
	}
	server.Resume()
	waitFor(t, "purges are known again", func() bool { _, err := a.Purged(t.Context()); return err == nil && s.Up() })
	waitFor(t, "it is there again", func() bool {
		_, _ = a.Purged(t.Context())
		got, err := a.Fetch(t.Context(), key(0))
		return err == nil && string(got) == "x"
	})
}

// Large answers that are too slow are no reason to count limits otherwise.
func TestSlowAnswersDoNotTakeTheStoreDown(t *testing.T) {
	s := opened(t, single(answerServer(t)))
	a := answersOf(t, s, AnswerBounds{})
	epoch, _ := s.health.now()
	a.fails(epoch, context.DeadlineExceeded)
	if !s.Up() || a.Counts().Failed != 1 {
		t.Errorf("up: %v, counts %+v", s.Up(), a.Counts())
	}
	if _, err := a.Fetch(t.Context(), key(0)); !errors.Is(err, errResting) {
		t.Errorf("it is asked again at once: %v", err)
	}
	if _, err := s.Reserve(t.Context(), &Reservation{ID: "r", Holders: []string{config.HolderAll}}); err != nil {
		t.Errorf("reserving: %v", err)
	}
	settled := &Settlement{ID: "r", Holders: []string{config.HolderAll}, Reserved: true, Used: exchange.Use{Tokens: 1}}
	s.Settle(settled)
}

func TestAnswersOfAStoreThatIsDown(t *testing.T) {
	server := answerServer(t)
	s := opened(t, single(server))
	a := answersOf(t, s, AnswerBounds{})
	a.Keep(key(0), []byte("x"), time.Hour)
	there(t, a, 0)
	server.Kill()
	waitFor(t, "it is down", func() bool { _, _ = a.Fetch(t.Context(), key(0)); return !s.Up() })
	began := time.Now()
	for range 1000 {
		if got, err := a.Fetch(t.Context(), key(0)); got != nil || err == nil {
			t.Fatalf("it gives %q, %v", got, err)
		}
		if a.Keep(key(1), []byte("y"), time.Hour) {
			t.Fatal("it takes something")
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a thousand took %v", took)
	}
	if _, err := a.Purged(t.Context()); !errors.Is(err, ErrDown) {
		t.Errorf("what was purged: %v", err)
	}
	if err := a.Purge(t.Context(), "all", 1, time.Hour); !errors.Is(err, ErrDown) {
		t.Errorf("purging: %v", err)
	}
	server.Restart()
	waitFor(t, "it is up", s.Up)
	// What others purged meanwhile must be known first.
	a.resting.Store(0)
	if _, err := a.Fetch(t.Context(), key(0)); !errors.Is(err, errResting) {
		t.Errorf("it gives something before it is known what was purged: %v", err)
	}
	heardAll(t, a)
	there(t, a, 0)
	there(t, func() *Answers { a.Keep(key(1), []byte("y"), time.Hour); return a }(), 1)
}

func TestAnswersEndWithTheirStore(t *testing.T) {
	s, err := Open(single(answerServer(t)))
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "it is up", s.Up)
	a := answersOf(t, s, AnswerBounds{})
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := a.Fetch(t.Context(), key(0)); err == nil {
		t.Error("it gives something")
	}
}

func TestEveryPodHearsOfPurges(t *testing.T) {
	server := answerServer(t)
	clock := time.UnixMilli(1_900_000_000_000)
	opts := single(server)
	opts.Now = func() time.Time { return clock }
	one, other := answersOf(t, opened(t, opts), AnswerBounds{}), answersOf(t, opened(t, opts), AnswerBounds{})
	now := clock.UnixMilli()
	purge := func(label string, at int64) {
		t.Helper()
		if err := one.Purge(t.Context(), label, at, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	hears := func(want map[string]int64) {
		t.Helper()
		got, err := other.Purged(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	hears(map[string]int64{})
	purge("model:a b", now)
	purge("all", now-1000)
	hears(map[string]int64{"model:a b": now, "all": now - 1000})
	// The latest of a label counts, whatever comes first.
	purge("all", now-2000)
	purge("model:a b", now+1)
	hears(map[string]int64{"model:a b": now + 1, "all": now - 1000})
	// Of old ones only the whole tells.
	clock = clock.Add(time.Hour)
	purge("tag:new", clock.UnixMilli())
	hears(map[string]int64{"model:a b": now + 1, "all": now - 1000, "tag:new": clock.UnixMilli()})
	hears(map[string]int64{"tag:new": clock.UnixMilli()})
	other.heard.whole = time.Time{}
	hears(map[string]int64{"model:a b": now + 1, "all": now - 1000, "tag:new": clock.UnixMilli()})
	for label, want := range map[string]error{"": errMark, strings.Repeat("x", maxMark+1): errMark, strings.Repeat("x", maxMark): nil} {
		if err := one.Purge(t.Context(), label, now, time.Hour); !errors.Is(err, want) {
			t.Errorf("a label of %d bytes: %v", len(label), err)
		}
	}
}

func TestPurgesInTheStoreAreBounded(t *testing.T) {
	server := answerServer(t)
	now := int64(1_900_000_000_000)
	setClock(t, server, now*1000)
	a := answersOf(t, clocked(t, single(server)), AnswerBounds{})
	a.purge = rueidis.NewLuaScript(strings.Replace(commonLua, "call('TIME')", testTiming, 1) + purgeLua)
	const most = 40
	told := map[string]int64{}
	for n := range 100 {
		label := fmt.Sprint("tag:", n)
		told[label] = now + int64(n)
		err := a.purge.Exec(t.Context(), *a.store.client.Load(), a.store.prefix, []string{
			label, strconv.FormatInt(told[label], 10), "3600000", strconv.Itoa(most),
		}).Error()
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := a.Purged(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) > most || len(got) < most/4 {
		t.Errorf("%d are remembered", len(got))
	}
	for label, at := range told {
		if got[label] < at && got["all"] < at {
			t.Errorf("%s is forgotten", label)
		}
	}
	if got["all"] >= now+99 {
		t.Error("the latest is one of all")
	}
	// Later than they have to be remembered, they are not.
	setClock(t, server, (now+3_700_000)*1000)
	if err := a.Purge(t.Context(), "tag:last", now+3_700_000, time.Hour); err != nil {
		t.Fatal(err)
	}
	a.heard.whole = time.Time{}
	if got, err = a.Purged(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int64{"tag:last": now + 3_700_000}, got); diff != "" {
		t.Error(diff)
	}
	if left, err := server.Do("TTL", a.store.prefix[0]+"cm"); err != nil || left == ":-1" {
		t.Errorf("they are remembered for ever: %s, %v", left, err)
	}
}

// A user with no more than the Rules may do all of it, in a cluster, too.
func TestAnswersNeedNoMoreThanTheRules(t *testing.T) {
	server := redistest.Start(t, redistest.Options{Real: true, Args: append(
		[]string{"--user", "default", "off", "--user", "spark", "on", ">secret"}, strings.Fields(Rules)...)})
	opts := single(server)
	opts.Config.Username, opts.Config.Password = "spark", "p"
	opts.Secrets = func(string) config.Secret { return config.NewSecret("secret") }
	sharesAll(t, opened(t, opts))
}

func TestAnswersInACluster(t *testing.T) {
	servers := redistest.StartCluster(t)
	opts := single(servers[0])
	opts.Config.Mode = config.StoreCluster
	opts.Config.Addresses = nil
	for _, s := range servers {
		opts.Config.Addresses = append(opts.Config.Addresses, s.Addr)
	}
	sharesAll(t, opened(t, opts))
}

func sharesAll(t *testing.T, s *Store) {
	t.Helper()
	a := answersOf(t, s, AnswerBounds{Bytes: 1 << 20})
	for n := range 5 {
		a.Keep(key(n), make([]byte, 300<<10), time.Hour)
	}
	there(t, a, 4)
	at := time.Now().UnixMilli()
	if err := a.Purge(t.Context(), "all", at, time.Hour); err != nil {
		t.Error(err)
	}
	if got, err := a.Purged(t.Context()); err != nil || len(got) != 1 || got["all"] != at {
		t.Errorf("what was purged is %v, %v", got, err)
	}
	if c := a.Counts(); c.Dropped != 0 || c.Failed != 0 || c.Evicted == 0 {
		t.Errorf("the counts are %+v", c)
	}
}
