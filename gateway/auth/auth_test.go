// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// now is a moment at which nothing has expired.
var now = time.UnixMilli(1_000_000)

func table(keys ...string) *Table {
	var all []config.Key
	for _, k := range keys {
		all = append(all, config.Key{ID: "ns/" + k, User: "user of " + k, Digest: config.DigestKey(k)})
	}
	return NewTable(all, nil)
}

func TestAuthenticate(t *testing.T) {
	tests := map[string]struct {
		authorization string
		wantID        string
		wantIndex     int
		wantReason    exchange.Reason
	}{
		"the first key":               {authorization: "Bearer alpha", wantID: "ns/alpha"},
		"the second key":              {authorization: "Bearer beta", wantID: "ns/beta", wantIndex: 1},
		"any case of the scheme":      {authorization: "bEaReR beta", wantID: "ns/beta", wantIndex: 1},
		"several spaces":              {authorization: "Bearer   alpha", wantID: "ns/alpha"},
		"nothing":                     {wantReason: exchange.ReasonMissingKey},
		"the scheme alone":            {authorization: "Bearer", wantReason: exchange.ReasonMissingKey},
		"the scheme and a space":      {authorization: "Bearer ", wantReason: exchange.ReasonMissingKey},
		"the key alone":               {authorization: "alpha", wantReason: exchange.ReasonMissingKey},
		"another scheme":              {authorization: "Basic alpha", wantReason: exchange.ReasonMissingKey},
		"a scheme that begins alike":  {authorization: "Bearers alpha", wantReason: exchange.ReasonMissingKey},
		"no space":                    {authorization: "Beareralpha", wantReason: exchange.ReasonMissingKey},
		"a tab in place of the space": {authorization: "Bearer\talpha", wantReason: exchange.ReasonMissingKey},
		"two keys":                    {authorization: "Bearer alpha beta", wantReason: exchange.ReasonMissingKey},
		"a space behind":              {authorization: "Bearer alpha ", wantReason: exchange.ReasonMissingKey},
		"a control character":         {authorization: "Bearer al\x00pha", wantReason: exchange.ReasonMissingKey},
		"a key that is not ASCII":     {authorization: "Bearer älpha", wantReason: exchange.ReasonMissingKey},
		"an unknown key":              {authorization: "Bearer gamma", wantReason: exchange.ReasonInvalidKey},
		"the beginning of a key":      {authorization: "Bearer alph", wantReason: exchange.ReasonInvalidKey},
		"a key in another case":       {authorization: "Bearer ALPHA", wantReason: exchange.ReasonInvalidKey},
		"the longest key that is looked up": {
			authorization: "Bearer " + strings.Repeat("x", MaxKeyBytes), wantReason: exchange.ReasonInvalidKey,
		},
		"a longer one": {authorization: "Bearer " + strings.Repeat("x", MaxKeyBytes+1), wantReason: exchange.ReasonInvalidKey},
	}
	keys := table("alpha", "beta")
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			principal, err := keys.Authenticate(fields{"Authorization": tc.authorization}, now)
			if tc.wantReason != "" {
				if err == nil || err.Reason != tc.wantReason || err.Status != 401 || err.Outcome != exchange.Unauthenticated {
					t.Fatalf("got %v and %v, want %s", principal, err, tc.wantReason)
				}
				return
			}
			if err != nil || principal.ID != tc.wantID || principal.Index != tc.wantIndex ||
				principal.User != "user of "+strings.TrimPrefix(tc.wantID, "ns/") {
				t.Errorf("got %+v and %v", principal, err)
			}
		})
	}
}

func TestAKeyLongerThanTheBoundIsNotFoundEvenWhenItIsInTheTable(t *testing.T) {
	long := strings.Repeat("k", MaxKeyBytes+1)
	if _, err := table(long).Lookup([]byte(long), now); err == nil {
		t.Error("digested without bound")
	}
	fits := long[1:]
	if _, err := table(fits).Lookup([]byte(fits), now); err != nil {
		t.Errorf("a key of the bound: %v", err)
	}
}

func TestAnEmptyTableKnowsNobody(t *testing.T) {
	if p, err := NewTable(nil, nil).Lookup([]byte("x"), now); err == nil {
		t.Errorf("found %+v", p)
	}
}

func TestErrorsHoldNoKey(t *testing.T) {
	_, err := table("alpha").Authenticate(fields{"Authorization": "Bearer sk-secret"}, now)
	if strings.Contains(err.Message, "sk-secret") || strings.Contains(err.Error(), "sk-secret") {
		t.Errorf("%s / %s", err.Message, err.Error())
	}
}

func TestAuthenticateDoesNotAllocate(t *testing.T) {
	keys, header := table("alpha"), Fields(bearer("Bearer alpha"))
	if n := testing.AllocsPerRun(100, func() { _, _ = keys.Authenticate(header, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// fields is a request's header, and bearer one that has an Authorization only.
type (
	fields map[string]string
	bearer []byte
)

func (f fields) PeekCanonical(key []byte) []byte { return []byte(f[string(key)]) }

func (b bearer) PeekCanonical([]byte) []byte { return b }

func BenchmarkAuthenticate(b *testing.B) {
	var names []string
	for i := range 1000 {
		names = append(names, strings.Repeat("k", i+1))
	}
	keys, header := table(names...), Fields(bearer("Bearer "+strings.Repeat("k", 50)))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = keys.Authenticate(header, now)
	}
}

func TestAllGivesEachPrincipalOnce(t *testing.T) {
	seen := map[string]int{}
	for p := range table("alpha", "beta", "gamma").All() {
		seen[p.ID]++
	}
	want := map[string]int{"ns/alpha": 1, "ns/beta": 1, "ns/gamma": 1}
	if !maps.Equal(seen, want) {
		t.Errorf("got %v", seen)
	}
	n := 0
	for range table("alpha", "beta").All() {
		n++
		break
	}
	if n != 1 {
		t.Errorf("went on after the end: %d", n)
	}
}
