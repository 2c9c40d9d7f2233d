// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package token verifies tokens (JWT, RFC 7519) of issuers whose public keys it keeps at hand.
package token

import (
	"context"
	"crypto/sha256"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Options of a Book. The zero value is of use.
type Options struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Allowed parses what an issuer's tokens may be used for; nil is for tests only, and allows everything.
	Allowed func(*config.Allow) *exchange.Allowed
	// Transport asks issuers instead of one that has the issuer's CA; nil asks over the network.
	Transport http.RoundTripper
	// Failed is told, for a log, that an issuer's keys could not be had. The error holds no secret and no token. It may be
	// called from several goroutines; nil tells nobody.
	Failed func(issuer string, err error)
}

// Book keeps the keys of issuers, and the tokens that were found good, across snapshots. It is safe for concurrent use.
type Book struct {
	options Options
	seen    seen
	life    context.Context
	end     context.CancelFunc

	mu      sync.Mutex
	sources map[sourceID]*source
	issuers map[string]*issuer // of the last Use, by URL
}

// issuer is a config.Issuer made ready. One that does not change is the same in the next snapshot.
type issuer struct {
	config config.Issuer
	allow  *exchange.Allowed
	source *source
}

// Verifier verifies tokens of the issuers of one snapshot. It is immutable and safe for concurrent use.
type Verifier struct {
	book  *Book
	byURL map[string]*issuer
}

// NewBook gives a Book that knows no issuers yet.
func NewBook(options Options) *Book {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Allowed == nil {
		options.Allowed = func(*config.Allow) *exchange.Allowed { return nil }
	}
	if options.Failed == nil {
		options.Failed = func(string, error) {}
	}
	b := &Book{options: options, sources: map[sourceID]*source{}, issuers: map[string]*issuer{}}
	b.life, b.end = context.WithCancel(context.Background())
	return b
}

// Use takes up issuers, whose keys are asked for at once and then now and again in the background, and gives their
// verifier. The keys of those that are not among them any more are asked for no longer; verifiers of earlier snapshots go
// on with what is known of them.
func (b *Book) Use(issuers []config.Issuer) *Verifier {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := &Verifier{book: b, byURL: make(map[string]*issuer, len(issuers))}
	used := map[sourceID]bool{}
	for i := range issuers {
		is := b.issuers[issuers[i].URL]
		if is == nil || !reflect.DeepEqual(is.config, issuers[i]) {
			is = &issuer{config: issuers[i], allow: b.options.Allowed(issuers[i].Allow), source: b.source(&issuers[i])}
		}
		used[is.source.id] = true
		v.byURL[is.config.URL] = is
	}
	for id, s := range b.sources {
		if !used[id] {
			s.stop()
			delete(b.sources, id)
		}
	}
	b.issuers = v.byURL
	return v
}

// source finds or begins to keep an issuer's keys; the lock is held.
func (b *Book) source(is *config.Issuer) *source {
	id := sourceID{is.URL, is.JWKSURI, is.CA}
	s, ok := b.sources[id]
	if !ok {
		s = newSource(b.life, id, b.options)
		b.sources[id] = s
		s.begin()
	}
	return s
}

// State is how an issuer's keys stand.
type State struct {
	// Issuer is its URL.
	Issuer string
	// Keys is how many are known.
	Keys int
	// Heard is when they were last had; zero for never.
	Heard time.Time
	// Failure says why they could not be had when last asked for; nil where they could, or were not asked for yet.
	Failure error
}

// States gives how the issuers of the last Use stand, in order of their URLs.
func (b *Book) States() []State {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]State, 0, len(b.issuers))
	for _, url := range slices.Sorted(maps.Keys(b.issuers)) {
		all = append(all, b.issuers[url].source.state())
	}
	return all
}

// Close ends what goes on in the background. Keys that are known remain.
func (b *Book) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, s := range b.sources {
		s.stop()
		delete(b.sources, id)
	}
	b.end()
}

// Empty says that there are no issuers, so that nothing is a token. A nil Verifier is empty.
func (v *Verifier) Empty() bool { return v == nil || len(v.byURL) == 0 }

// Verify gives the principal of a token, a 401 that says what is wrong with it, or a 503 where its issuer's keys are not
// known and cannot be had just now; for them it waits as long as ctx lasts, and at most five seconds. A token that was
// found good before is not verified again as long as it lasts and its key is the issuer's; it then does not allocate.
func (v *Verifier) Verify(ctx context.Context, raw []byte) (*exchange.Principal, *exchange.Error) {
	if v.Empty() {
		return nil, errIssuer
	}
	if len(raw) > MaxBytes {
		return nil, errTooLarge
	}
	now, digest := v.book.options.Now(), sha256.Sum256(raw)
	if known := v.book.seen.get(digest); known != nil && known.holds(v, now) {
		return known.principal, nil
	}
	t, err := parse(raw)
	if err != nil {
		return nil, err
	}
	is := v.byURL[t.issuer]
	if is == nil {
		return nil, errIssuer
	}
	until, err := t.check(&is.config, now)
	if err != nil {
		return nil, err
	}
	found, err := v.verified(ctx, raw, t, is)
	if err != nil {
		return nil, err
	}
	principal, err := t.principal(is)
	if err != nil {
		return nil, err
	}
	v.book.seen.put(digest, &accepted{principal: principal, issuer: is, key: found, until: until})
	return principal, nil
}

// verified gives the key that the token was signed with.
func (v *Verifier) verified(ctx context.Context, raw []byte, t *parsed, is *issuer) (*key, *exchange.Error) {
	candidates, err := is.source.find(ctx, t.header.KeyID, t.header.Algorithm)
	if err != nil {
		return nil, err
	}
	for _, k := range candidates {
		if k.signed(raw, t.header.Algorithm) {
			return k, nil
		}
	}
	return nil, errSignature
}
