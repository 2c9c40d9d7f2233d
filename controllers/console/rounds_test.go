// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestManyViewersCostOneRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRounds(2 * time.Second)
		made := 0
		slow := func(context.Context) ([]byte, error) {
			time.Sleep(time.Second)
			made++
			return []byte{byte(made)}, nil
		}
		ask := func(want byte) {
			t.Helper()
			if got, err := r.get(t.Context(), "", slow); err != nil || got[0] != want {
				t.Errorf("answer %v, %v, want %d", got, err, want)
			}
		}
		var viewers sync.WaitGroup
		for range 100 {
			viewers.Go(func() { ask(1) })
		}
		viewers.Wait()
		time.Sleep(1999 * time.Millisecond)
		ask(1)
		time.Sleep(time.Millisecond)
		ask(2)
		if got, err := r.get(t.Context(), "other", slow); err != nil || got[0] != 3 {
			t.Errorf("another question has the answer %v, %v", got, err)
		}
		time.Sleep(time.Minute)
		ask(4)
		if len(r.of) != 1 {
			t.Errorf("%d answers are kept", len(r.of))
		}
	})
}

func TestAViewerWhoLeavesDoesNotSpoilItForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRounds(time.Second)
		slow := func(ctx context.Context) ([]byte, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Second):
				return []byte("all"), nil
			}
		}
		impatient, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer leave()
		var viewers sync.WaitGroup
		viewers.Go(func() {
			if _, err := r.get(impatient, "", slow); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("who leaves is told %v", err)
			}
		})
		synctest.Wait()
		if got, err := r.get(t.Context(), "", slow); err != nil || string(got) != "all" {
			t.Errorf("who stays is told %q, %v", got, err)
		}
		viewers.Wait()
	})
}

func TestARoundHasItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := newRounds(time.Second).get(t.Context(), "", func(ctx context.Context) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ends with %v", err)
		}
	})
}

func TestErrorsAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRounds(time.Hour)
		if _, err := r.get(t.Context(), "x", func(context.Context) ([]byte, error) { return nil, errNoGateway }); !errors.Is(err, errNoGateway) {
			t.Fatal(err)
		}
		synctest.Wait()
		if got, err := r.get(t.Context(), "x", func(context.Context) ([]byte, error) { return []byte("well"), nil }); err != nil || string(got) != "well" {
			t.Errorf("then %q, %v", got, err)
		}
	})
}
