// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package auth finds the principal that a request is made for.
package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"iter"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// MaxKeyBytes bounds what is digested for a caller who is not known yet.
const MaxKeyBytes = 512

// Table knows API keys by their SHA-256 digests. It is immutable and safe for concurrent use.
type Table struct {
	byDigest map[config.Digest]*entry
}

type entry struct {
	digest    config.Digest
	principal exchange.Principal
}

var errMissing = &exchange.Error{
	Status: 401, Type: exchange.TypeInvalidRequest, Code: "invalid_api_key",
	Message: "You didn't provide an API key. Send it in the header Authorization: Bearer YOUR_KEY, or in x-api-key or x-goog-api-key.",
	Reason:  exchange.ReasonMissingKey, Outcome: exchange.Unauthenticated,
}

var errInvalid = &exchange.Error{
	Status: 401, Type: exchange.TypeInvalidRequest, Code: "invalid_api_key",
	Message: "The API key is not valid for this gateway.",
	Reason:  exchange.ReasonInvalidKey, Outcome: exchange.Unauthenticated,
}

// NewTable gives the table of a document's keys; Principal.Index is the place in the slice.
func NewTable(keys []config.Key) *Table {
	t := &Table{byDigest: make(map[config.Digest]*entry, len(keys))}
	for i, k := range keys {
		t.byDigest[k.Digest] = &entry{
			digest:    k.Digest,
			principal: exchange.Principal{ID: k.ID, User: k.User, Master: k.Master, Index: i},
		}
	}
	return t
}

// All gives the principals of all keys, in no order.
func (t *Table) All() iter.Seq[*exchange.Principal] {
	return func(yield func(*exchange.Principal) bool) {
		for _, e := range t.byDigest {
			if !yield(&e.principal) {
				return
			}
		}
	}
}

// Fields is a request's header; keys are in canonical form.
type Fields interface {
	PeekCanonical(key []byte) []byte
}

var authorization = []byte("Authorization")

// keyFields are where Anthropic's, Google's and Azure's SDKs put a key.
var keyFields = [...][]byte{[]byte("X-Api-Key"), []byte("X-Goog-Api-Key"), []byte("Api-Key")}

// Authenticate finds the principal of a request's key, in Authorization as a bearer token or else in a field that some
// SDK uses, or gives a 401 that does not tell a malformed key from an unknown one. It does not allocate.
func (t *Table) Authenticate(f Fields) (*exchange.Principal, *exchange.Error) {
	if key, ok := Bearer(f.PeekCanonical(authorization)); ok {
		return t.Lookup(key)
	}
	for _, name := range keyFields {
		if key := f.PeekCanonical(name); len(key) > 0 {
			return t.Lookup(key)
		}
	}
	return nil, errMissing
}

// Lookup finds the principal of a key, wherever the dialect carries it. Keys are told apart by digest only, so that the
// time it takes says nothing about a key.
func (t *Table) Lookup(key []byte) (*exchange.Principal, *exchange.Error) {
	if len(key) > MaxKeyBytes {
		return nil, errInvalid
	}
	digest := config.Digest(sha256.Sum256(key))
	e, ok := t.byDigest[digest]
	if !ok || subtle.ConstantTimeCompare(e.digest[:], digest[:]) != 1 {
		return nil, errInvalid
	}
	return &e.principal, nil
}

// Bearer gives the token of an Authorization header with the scheme Bearer, in any case (RFC 9110 11.1, RFC 6750 2.1).
// A token has at least one byte and no space or control character.
func Bearer(authorization []byte) ([]byte, bool) {
	const scheme = "bearer"
	if len(authorization) <= len(scheme)+1 || authorization[len(scheme)] != ' ' {
		return nil, false
	}
	for i := range len(scheme) {
		if authorization[i]|0x20 != scheme[i] {
			return nil, false
		}
	}
	token := authorization[len(scheme):]
	for len(token) > 0 && token[0] == ' ' {
		token = token[1:]
	}
	for _, c := range token {
		if c <= ' ' || c >= 0x7f {
			return nil, false
		}
	}
	return token, len(token) > 0
}
