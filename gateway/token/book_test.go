// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/config"
)

// One issuer cannot speak for another, whoever signs with whatever name of a key.
func TestSeveralIssuers(t *testing.T) {
	const other = "https://other.example.com"
	synctest.Test(t, func(t *testing.T) {
		_, v := book(t, newProvider(publicKey("k", ecKey())), settings(), settings(func(is *config.Issuer) {
			is.URL, is.JWKSURI = other, "https://idp.example.com/elsewhere"
		}))
		mine := wantAccepted(t, v, byEC(good(nil)))
		// The other one's keys are not to be had, and nobody else's are taken for them.
		wantRefused(t, v, byEC(good(claims{"iss": other})), "issuer_unavailable")

		_, both := book(t, newProvider(publicKey("k", ecKey())), settings(), settings(func(is *config.Issuer) {
			is.URL, is.JWKSURI = other, "https://idp.example.com/keys"
		}))
		theirs := wantAccepted(t, both, byEC(good(claims{"iss": other})))
		if mine.ID == theirs.ID {
			t.Error("alice is the same for both")
		}
	})
}

func TestStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(publicKey("k", ecKey()), publicKey("r", rsaKey()))
		b, _ := book(t, p, settings(), settings(func(is *config.Issuer) {
			is.URL, is.JWKSURI = "https://a.example.com", "https://idp.example.com/nothing"
		}))
		if got := b.States(); len(got) != 2 || got[0].Keys+got[1].Keys != 0 || got[0].Failure != nil {
			t.Errorf("at first %+v", got)
		}
		synctest.Wait()
		start := time.Now()
		want := []State{
			{Issuer: "https://a.example.com", Failure: errors.New("the key set: status 404")},
			{Issuer: issuerURL, Keys: 2, Heard: start},
		}
		sameText := cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) })
		if diff := cmp.Diff(want, b.States(), sameText, cmpopts.EquateApproxTime(0)); diff != "" {
			t.Error(diff)
		}
		p.set(func(p *provider) { p.down = true })
		time.Sleep(usualAge)
		synctest.Wait()
		want[1].Failure = errors.New("the OpenID configuration: connection refused")
		want[0].Failure = errors.New("the key set: connection refused")
		if diff := cmp.Diff(want, b.States(), sameText, cmpopts.EquateApproxTime(0)); diff != "" {
			t.Error(diff)
		}
		b.Use(nil)
		if got := b.States(); len(got) != 0 {
			t.Errorf("at last %+v", got)
		}
	})
}

// A library's panic over what an issuer sent is a failure like another.
func TestAnAttemptThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, v := book(t, newProvider(publicKey("k", ecKey())), settings())
		synctest.Wait()
		b.mu.Lock()
		s := v.byURL[issuerURL].source
		b.mu.Unlock()
		s.mu.Lock()
		s.fetch = func(context.Context) (keySet, time.Duration, error) { panic("no") }
		s.mu.Unlock()
		time.Sleep(usualAge)
		synctest.Wait()
		if err := b.States()[0].Failure; err == nil || !strings.Contains(err.Error(), "cannot be read") {
			t.Errorf("%v", err)
		}
		wantAccepted(t, v, byEC(good(nil)))
	})
}

// Snapshots come and go, keys rotate and tokens are verified all at once; run with the race detector. No good token is
// ever refused meanwhile.
func TestAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(publicKey("k", ecKey()))
		p.cacheControl, p.slow = "max-age=60", 10*time.Millisecond
		b, first := book(t, p, settings())
		wantAccepted(t, first, byEC(good(nil)))
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				v := first
				for round := range 20 {
					wantAccepted(t, v, byEC(good(claims{"jti": round % 7})))
					wantRefused(t, v, sign(fmt.Sprint(worker, round), ecKey(), "ES256", good(nil), nil), "invalid_token")
					if round%5 == worker%5 {
						v = b.Use([]config.Issuer{settings(func(is *config.Issuer) { is.Skew += config.Duration(round % 2) })})
					}
					b.States()
					time.Sleep(time.Duration(worker+1) * time.Second)
				}
			})
		}
		all.Go(func() {
			for round := range 10 {
				time.Sleep(20 * time.Second)
				p.set(func(p *provider) {
					p.keys = []jose.JSONWebKey{publicKey("k", ecKey()), publicKey(fmt.Sprint("new", round), otherECKey())}
				})
			}
		})
		all.Wait()
		if p.fetches() > 40 {
			t.Errorf("%d fetches in some three minutes", p.fetches())
		}
	})
}
