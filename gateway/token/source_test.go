// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sparkgateway/spark/gateway/config"
)

// A key that the issuer took up a moment ago is known at once, and one that it gave up is not taken any more, not even
// from those whose token was seen before.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(publicKey("old", ecKey()))
		_, v := book(t, p, settings())
		old := sign("old", ecKey(), "ES256", good(nil), nil)
		wantAccepted(t, v, old)

		p.set(func(p *provider) {
			p.keys = []jose.JSONWebKey{publicKey("old", ecKey()), publicKey("new", otherECKey())}
		})
		wantAccepted(t, v, sign("new", otherECKey(), "ES256", good(nil), nil))
		wantAccepted(t, v, old)
		if got := p.fetches(); got != 2 {
			t.Errorf("%d fetches", got)
		}

		p.set(func(p *provider) { p.keys = p.keys[1:] })
		time.Sleep(usualAge)
		synctest.Wait()
		wantRefused(t, v, old, "key is not one")
		wantAccepted(t, v, sign("new", otherECKey(), "ES256", good(nil), nil))
	})
}

// Another key under the name of an earlier one is another key.
func TestAKeyThatChangesUnderItsName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(publicKey("k", ecKey()))
		_, v := book(t, p, settings())
		raw := byEC(good(nil))
		wantAccepted(t, v, raw)
		p.set(func(p *provider) { p.keys = []jose.JSONWebKey{publicKey("k", otherECKey())} })
		time.Sleep(usualAge)
		synctest.Wait()
		wantRefused(t, v, raw, "signature")
	})
}

func TestKeysAreAskedForAsOftenAsTheIssuerSays(t *testing.T) {
	for name, tc := range map[string]struct {
		control string
		want    time.Duration
	}{
		"nothing":        {"", usualAge},
		"ten minutes":    {"public, max-age=600, must-revalidate", 10 * time.Minute},
		"no time":        {"max-age=0", minAge},
		"a year":         {"max-age=31536000", maxAge},
		"no number":      {"max-age=x", usualAge},
		"beyond numbers": {"max-age=99999999999999999999", usualAge},
		"no store":       {"no-store", usualAge},
		"in quotes":      {`MAX-AGE="120"`, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(publicKey("k", ecKey()))
				p.cacheControl = tc.control
				book(t, p, settings())
				synctest.Wait()
				before := p.fetches()
				time.Sleep(tc.want*9/10 - time.Second)
				synctest.Wait()
				early := p.fetches()
				time.Sleep(tc.want/10 + time.Second)
				synctest.Wait()
				if before != 1 || early != 1 || p.fetches() != 2 {
					t.Errorf("%d, %d and %d fetches", before, early, p.fetches())
				}
			})
		})
	}
}

// Tokens with made-up keys make the gateway ask every ten seconds, however many they are; and not one of them keeps a good
// one from being served.
func TestAStormOfUnknownKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(publicKey("k", ecKey()))
		p.slow = 100 * time.Millisecond
		_, v := book(t, p, settings())
		sound := byEC(good(nil))
		wantAccepted(t, v, sound)
		start, before := time.Now(), p.fetches()
		n := 0
		for time.Since(start) < time.Minute {
			var all sync.WaitGroup
			for range 20 {
				n++
				id := fmt.Sprintf("made up %d", n)
				all.Go(func() {
					wantRefused(t, v, sign(id, otherECKey(), "ES256", good(nil), nil), "invalid_token")
				})
			}
			all.Wait()
			at := time.Now()
			wantAccepted(t, v, sound)
			if waited := time.Since(at); waited > 0 {
				t.Errorf("a good token waited for %s", waited)
			}
			time.Sleep(500 * time.Millisecond)
		}
		if got := p.fetches() - before; got < 5 || got > 7 {
			t.Errorf("%d fetches for %d tokens in a minute", got, n)
		}
	})
}

// One attempt is under way at a time, and those who wait for it all have what it gave.
func TestAllWaitForOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(publicKey("k", ecKey()))
		p.slow = time.Second
		_, v := book(t, p, settings())
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { wantAccepted(t, v, byEC(good(nil))) })
		}
		all.Wait()
		if p.fetches() != 1 {
			t.Errorf("%d fetches", p.fetches())
		}
	})
}

func TestWhoWaitsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(publicKey("k", ecKey()))
		p.slow = time.Second
		_, v := book(t, p, settings())
		raw := byEC(good(nil))
		var all sync.WaitGroup
		for range maxWaiting {
			all.Go(func() { wantAccepted(t, v, raw) })
		}
		synctest.Wait()
		wantRefused(t, v, raw, "issuer_unavailable")
		all.Wait()
	})
}

func TestWaitingEndsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(publicKey("k", ecKey()))
		p.slow = 4 * time.Second
		_, v := book(t, p, settings())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := v.Verify(ctx, byEC(good(nil)))
		if err == nil || err.Status != 503 || time.Since(start) != time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		// Two answers of four seconds each are more than anyone waits for.
		start = time.Now()
		_, err = v.Verify(t.Context(), byEC(good(nil)))
		if err == nil || err.Status != 503 || time.Since(start) != maxWait {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

// While the issuer is away the keys that are known go on to be used, for as long as it takes.
func TestAnIssuerThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(publicKey("k", ecKey()))
		var mu sync.Mutex
		failures := 0
		b := NewBook(Options{Transport: p, Failed: func(issuer string, err error) {
			mu.Lock()
			defer mu.Unlock()
			failures++
			if issuer != issuerURL || !strings.Contains(err.Error(), "connection refused") {
				t.Errorf("told %q of %q", err, issuer)
			}
		}})
		defer b.Close()
		v := b.Use([]config.Issuer{settings()})
		raw := byEC(good(claims{"exp": time.Now().Add(1000 * time.Hour).Unix()}))
		wantAccepted(t, v, raw)
		p.set(func(p *provider) { p.down = true })
		for range 48 {
			time.Sleep(time.Hour)
			wantAccepted(t, v, raw)
			wantAccepted(t, v, byEC(good(claims{"jti": time.Now().String()})))
		}
		// A key that may be new is not called wrong.
		p503, err := v.Verify(t.Context(), sign("new", otherECKey(), "ES256", good(nil), nil))
		if p503 != nil || err == nil || err.Status != 503 || err.RetryAfter < time.Second || err.RetryAfter > lastRefresh {
			t.Errorf("%+v, %+v", p503, err)
		}
		synctest.Wait()
		mu.Lock()
		if want := int(48 * time.Hour / lastRefresh); failures < want || failures > want*12/10 {
			t.Errorf("%d failures in two days, of some %d", failures, want)
		}
		mu.Unlock()
		p.set(func(p *provider) { p.down, p.keys = false, []jose.JSONWebKey{publicKey("new", otherECKey())} })
		time.Sleep(lastRefresh)
		synctest.Wait()
		wantAccepted(t, v, sign("new", otherECKey(), "ES256", good(nil), nil))
		wantRefused(t, v, raw, "key is not one")
	})
}

// Without any keys nobody can tell, so that a client is told to try again, and soon can.
func TestAnIssuerThatWasNeverThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(publicKey("k", ecKey()))
		p.down = true
		_, v := book(t, p, settings())
		synctest.Wait()
		for range 1000 {
			_, err := v.Verify(t.Context(), byEC(good(nil)))
			if err == nil || err.Status != 503 || err.Reason != "issuer_unavailable" || err.RetryAfter != time.Second {
				t.Fatalf("%+v", err)
			}
		}
		if got := p.attempts(); got != 1 {
			t.Errorf("%d attempts", got)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := p.attempts(); got < 20 || got > 35 {
			t.Errorf("%d attempts in ten minutes", got)
		}
		p.set(func(p *provider) { p.down = false })
		time.Sleep(lastRetry)
		wantAccepted(t, v, byEC(good(nil)))
	})
}

// A key set without a key that could be used does not replace one that has some.
func TestAnIssuerThatForgetsItsKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(publicKey("k", ecKey()))
		_, v := book(t, p, settings())
		wantAccepted(t, v, byEC(good(nil)))
		p.set(func(p *provider) { p.keys = nil })
		time.Sleep(2 * usualAge)
		synctest.Wait()
		wantAccepted(t, v, byEC(good(nil)))
	})
}

// What is kept of an issuer outlives snapshots as long as one names it; its settings are those of each snapshot.
func TestSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(publicKey("k", ecKey()))
		b, first := book(t, p, settings())
		raw := byEC(good(nil))
		known := wantAccepted(t, first, raw)
		same := b.Use([]config.Issuer{settings()})
		if wantAccepted(t, same, raw) != known {
			t.Error("verified again")
		}
		narrower := b.Use([]config.Issuer{settings(func(is *config.Issuer) { is.Audiences = []string{"spark-2"} })})
		wantRefused(t, narrower, raw, "audience")
		if wantAccepted(t, first, raw) != known {
			t.Error("the snapshot before changed")
		}
		if p.fetches() != 1 {
			t.Errorf("%d fetches", p.fetches())
		}
		none := b.Use(nil)
		wantRefused(t, none, raw, "issuer")
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if p.fetches() != 1 {
			t.Errorf("%d fetches, though nobody uses the keys", p.fetches())
		}
		wantAccepted(t, first, byEC(good(nil)))
		wantRefused(t, first, sign("new", otherECKey(), "ES256", good(nil), nil), "key is not one")
		again := b.Use([]config.Issuer{settings()})
		wantAccepted(t, again, byEC(good(nil)))
		if p.fetches() != 2 {
			t.Errorf("%d fetches", p.fetches())
		}
	})
}

func TestAClosedBookAsksNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(publicKey("k", ecKey()))
		b, v := book(t, p, settings())
		wantAccepted(t, v, byEC(good(nil)))
		b.Close()
		time.Sleep(24 * time.Hour)
		wantAccepted(t, v, byEC(good(nil)))
		p.set(func(p *provider) { p.slow = time.Hour })
		b.Use([]config.Issuer{settings()})
		b.Close()
		synctest.Wait()
		if p.fetches() != 1 {
			t.Errorf("%d fetches", p.fetches())
		}
	})
}
