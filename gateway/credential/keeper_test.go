// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// mint is what a keeper asks, in a bubble of time.
type mint struct {
	calls int
	takes time.Duration
	lasts time.Duration // 0 for ever
	err   error
	panic bool
}

func (m *mint) fetch(ctx context.Context) (int, time.Time, error) {
	m.calls++
	n := m.calls
	if m.panic {
		panic("canary")
	}
	select {
	case <-time.After(m.takes):
	case <-ctx.Done():
		return 0, time.Time{}, ctx.Err()
	}
	if m.err != nil || m.lasts == 0 {
		return n, time.Time{}, m.err
	}
	return n, time.Now().Add(m.lasts), nil
}

func bubble(t *testing.T, m *mint, test func(t *testing.T, k *keeper[int])) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper[int]{fetch: m.fetch, now: time.Now, life: t.Context()}
		test(t, k)
		synctest.Wait()
	})
}

// wantGet asks and says how long it may have taken.
func wantGet(t *testing.T, k *keeper[int], want int, within time.Duration) {
	t.Helper()
	began := time.Now()
	got, err := k.get(t.Context())
	if err != nil || got != want {
		t.Errorf("got %d, %v, want %d", got, err, want)
	}
	if took := time.Since(began); took != within {
		t.Errorf("it took %s, want %s", took, within)
	}
}

func TestWhatIsHeldIsNotAskedForAgain(t *testing.T) {
	bubble(t, &mint{takes: time.Second, lasts: time.Hour}, func(t *testing.T, k *keeper[int]) {
		wantGet(t, k, 1, time.Second)
		for range 49 {
			time.Sleep(time.Minute)
			wantGet(t, k, 1, 0)
		}
	})
}

func TestWhatNeverExpiresIsNotRenewed(t *testing.T) {
	m := &mint{}
	bubble(t, m, func(t *testing.T, k *keeper[int]) {
		wantGet(t, k, 1, 0)
		time.Sleep(1000 * time.Hour)
		wantGet(t, k, 1, 0)
		synctest.Wait()
		if m.calls != 1 {
			t.Errorf("asked %d times", m.calls)
		}
	})
}

func TestManyWaitForOneAttempt(t *testing.T) {
	m := &mint{takes: time.Second, lasts: time.Hour}
	bubble(t, m, func(t *testing.T, k *keeper[int]) {
		answers := make(chan int)
		for range 100 {
			go func() {
				got, err := k.get(t.Context())
				if err != nil {
					t.Error(err)
				}
				answers <- got
			}()
		}
		for range 100 {
			if got := <-answers; got != 1 {
				t.Errorf("got %d", got)
			}
		}
		if m.calls != 1 {
			t.Errorf("asked %d times", m.calls)
		}
	})
}

func TestWhatIsAboutToExpireIsRenewedWhileItIsUsed(t *testing.T) {
	tests := map[string]struct{ lasts, before, after time.Duration }{
		"an hour, ten minutes ahead":     {time.Hour, 50*time.Minute - 1, 50 * time.Minute},
		"five minutes, a minute ahead":   {5 * time.Minute, 4*time.Minute - 1, 4 * time.Minute},
		"ten seconds, two seconds ahead": {10 * time.Second, 8*time.Second - 1, 8 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := &mint{lasts: test.lasts}
			bubble(t, m, func(t *testing.T, k *keeper[int]) {
				wantGet(t, k, 1, 0)
				m.takes = time.Second / 2
				time.Sleep(test.before)
				wantGet(t, k, 1, 0)
				synctest.Wait()
				if m.calls != 1 {
					t.Fatal("it is renewed too early")
				}
				time.Sleep(test.after - test.before)
				wantGet(t, k, 1, 0)
				wantGet(t, k, 1, 0)
				time.Sleep(time.Second)
				wantGet(t, k, 2, 0)
				if m.calls != 2 {
					t.Errorf("asked %d times", m.calls)
				}
			})
		})
	}
}

func TestWhatIsStillValidGoesOnWhenItCannotBeRenewed(t *testing.T) {
	m := &mint{lasts: time.Hour}
	bubble(t, m, func(t *testing.T, k *keeper[int]) {
		wantGet(t, k, 1, 0)
		m.err = errors.New("down")
		time.Sleep(50 * time.Minute)
		for range 589 { // to a second before the ten seconds at the end
			wantGet(t, k, 1, 0)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		// 1, 2, 4, 8, 16 and then 30 seconds after each other.
		if m.calls < 20 || m.calls > 27 {
			t.Errorf("asked %d times", m.calls)
		}
		time.Sleep(time.Second)
		if _, err := k.get(t.Context()); !errors.Is(err, m.err) {
			t.Errorf("what has expired is used: %v", err)
		}
		m.err = nil
		time.Sleep(maxRefusal)
		calls := m.calls
		wantGet(t, k, calls+1, 0)
	})
}

func TestAFailureIsToldAtOnceAndTriedAgainSoon(t *testing.T) {
	m := &mint{takes: time.Second, err: errors.New("down")}
	bubble(t, m, func(t *testing.T, k *keeper[int]) {
		for i, pause := range []time.Duration{1, 2, 4, 5, 5} {
			began := time.Now()
			if _, err := k.get(t.Context()); !errors.Is(err, m.err) || time.Since(began) != time.Second {
				t.Fatalf("attempt %d: %v after %s", i, err, time.Since(began))
			}
			time.Sleep(pause*time.Second - 1)
			if _, err := k.get(t.Context()); !errors.Is(err, m.err) || m.calls != i+1 {
				t.Fatalf("in the pause: %v, asked %d times", err, m.calls)
			}
			time.Sleep(time.Nanosecond)
		}
		m.err, m.lasts = nil, time.Hour
		wantGet(t, k, 6, time.Second)
		if k.failed != 0 || k.err != nil {
			t.Errorf("%d failures are remembered, %v", k.failed, k.err)
		}
	})
}

func TestWhoeverAsksIsBoundByTheirOwnContext(t *testing.T) {
	m := &mint{takes: 10 * time.Second, lasts: time.Hour}
	bubble(t, m, func(t *testing.T, k *keeper[int]) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := k.get(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		// The attempt goes on for others.
		wantGet(t, k, 1, 9*time.Second)
		if m.calls != 1 {
			t.Errorf("asked %d times", m.calls)
		}
	})
}

func TestAnAttemptIsBounded(t *testing.T) {
	bubble(t, &mint{takes: time.Hour, lasts: time.Hour}, func(t *testing.T, k *keeper[int]) {
		began := time.Now()
		if _, err := k.get(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != fetchTimeout {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

func TestWhatArrivesExpiredIsAFailure(t *testing.T) {
	m := &mint{lasts: -time.Second}
	bubble(t, m, func(t *testing.T, k *keeper[int]) {
		if _, err := k.get(t.Context()); !errors.Is(err, errExpired) || m.calls != 1 {
			t.Errorf("%v, asked %d times", err, m.calls)
		}
	})
}

func TestAPanicOfALibraryIsAFailure(t *testing.T) {
	bubble(t, &mint{panic: true}, func(t *testing.T, k *keeper[int]) {
		if _, err := k.get(t.Context()); err == nil || err.Error() != "a cloud's library panicked" {
			t.Errorf("%v", err)
		}
	})
}

func TestTheEndOfLifeEndsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life, end := context.WithCancel(t.Context())
		k := &keeper[int]{fetch: (&mint{takes: 10 * time.Second}).fetch, now: time.Now, life: life}
		time.AfterFunc(time.Second, end)
		began := time.Now()
		if _, err := k.get(t.Context()); !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}
