// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package auth finds the principal that a request is made for, and says what it may do.
package auth

import (
	"crypto/sha256"
	"iter"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// MaxKeyBytes bounds what is digested for a caller who is not known yet.
const MaxKeyBytes = 512

// Table knows API keys by their SHA-256 digests. It is immutable and safe for concurrent use.
type Table struct {
	principals []exchange.Principal // in the document's order
	secrets    []secret
	index      index
}

func refusal(code string, reason exchange.Reason, message string) *exchange.Error {
	return &exchange.Error{
		Status: 401, Type: exchange.TypeInvalidRequest, Code: code, Message: message,
		Reason: reason, Outcome: exchange.Unauthenticated,
	}
}

// What is told to those who are not known, and to those who are and may not come in any more.
var (
	errMissing = refusal("missing_api_key", exchange.ReasonMissingKey,
		"You didn't provide an API key. Send it in the header Authorization: Bearer YOUR_KEY, or in x-api-key or x-goog-api-key.")
	errInvalid = refusal("invalid_api_key", exchange.ReasonInvalidKey, "The API key is not valid for this gateway.")
	errDamaged = refusal("invalid_api_key", exchange.ReasonInvalidKey,
		"The API key is not valid: its checksum is wrong, so that a part of it must have been lost or mistyped.")
	errExpired  = refusal("key_expired", exchange.ReasonKeyExpired, "The API key has expired.")
	errReplaced = refusal("key_expired", exchange.ReasonKeyExpired, "The API key was replaced by a newer one and has expired.")
	errDisabled = refusal("key_disabled", exchange.ReasonKeyDisabled, "The API key is disabled.")
)

// NewTable gives the table of a document's keys; Principal.Index is the place in the slice. What previous has in common with
// it is shared; previous may be nil.
func NewTable(keys []config.Key, previous *Table) *Table {
	t := &Table{principals: make([]exchange.Principal, len(keys)), secrets: make([]secret, 0, len(keys))}
	parsed := allowances{}
	for i := range keys {
		k := &keys[i]
		t.principals[i] = exchange.Principal{
			ID: k.ID, User: k.User, Team: k.Labels[config.LabelTeam], Master: k.Master, Allow: parsed.of(k.Allow), Index: i,
		}
		t.secrets = append(t.secrets, secret{digest: k.Digest, key: int32(i), disabled: k.Disabled, notAfter: k.NotAfter})
	}
	for i := range keys {
		k := &keys[i]
		if p := k.Previous; p != nil {
			t.secrets = append(t.secrets, secret{
				digest: p.Digest, key: int32(i), disabled: k.Disabled, replaced: true, notAfter: p.NotAfter, keyNotAfter: k.NotAfter,
			})
		}
	}
	if previous != nil && sameDigests(t.secrets, previous.secrets) {
		t.index = previous.index
	} else {
		t.index = newIndex(t.secrets)
	}
	return t
}

// All gives the principals of all keys, in the document's order.
func (t *Table) All() iter.Seq[*exchange.Principal] {
	return func(yield func(*exchange.Principal) bool) {
		for i := range t.principals {
			if !yield(&t.principals[i]) {
				return
			}
		}
	}
}

// Lookup finds the principal of a key, wherever the dialect carries it, or gives a 401. An unknown key and a malformed one
// are told alike; one that is known and does not hold any more is told why, as whoever shows it had it. It does not
// allocate.
//
// Secrets are only ever compared by their SHA-256: whoever measures how long that takes learns about digests of guesses
// of their own, and to choose a digest is to break SHA-256. The table finds digests by a hash with a seed of its own and
// compares them in constant time.
func (t *Table) Lookup(key []byte, now time.Time) (*exchange.Principal, *exchange.Error) {
	if len(key) > MaxKeyBytes {
		return nil, errInvalid
	}
	if generated, ok := config.CheckAPIKey(key); generated && !ok {
		return nil, errDamaged
	}
	at, ok := t.index.find(t.secrets, sha256.Sum256(key))
	if !ok {
		return nil, errInvalid
	}
	s := &t.secrets[at]
	if err := s.check(now.UnixMilli()); err != nil {
		return nil, err
	}
	return &t.principals[s.key], nil
}

// Authenticate finds the principal of the key that Presented gives, or gives a 401.
func (t *Table) Authenticate(f Fields, now time.Time) (*exchange.Principal, *exchange.Error) {
	key := Presented(f)
	if len(key) == 0 {
		return nil, errMissing
	}
	return t.Lookup(key, now)
}
