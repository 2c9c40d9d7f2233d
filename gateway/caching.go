// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"time"

	"github.com/sparkgateway/spark/gateway/cache"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/semantic"
)

// keeping is what a route's requests have to do with the cache. It is immutable.
type keeping struct {
	// exact is how answers are kept; where only single questions' are, by is false.
	exact *config.ExactCache
	by    bool
	// semantic is nil for none.
	semantic *meaning
	// policy is a digest of all of the configuration that an answer may depend on.
	policy [sha256.Size]byte
}

// caching is what one request has to do with the cache. The zero value is of one that has nothing.
type caching struct {
	keeping *keeping
	key     cache.Key
	terms   cache.Terms
	ttl     time.Duration
	// entry is what the request is answered with, where it was kept.
	entry *cache.Entry
	// flight is one that the request leads or follows; nil for neither.
	flight  *cache.Flight
	follows bool
	// begun is how the answer of a flight that is followed begins.
	begun cache.Answer
	// leaving tells a follower that its client has left; leading keeps a leader's call from ending with its client.
	leaving *departure
	leading *leading
	// failed is what the client of a leader was told in place of an answer; told says that a stream said so itself.
	failed *exchange.Error
	// tainted says that the answer is for nobody else, though it is whole.
	tainted bool
	asked   asking // of the semantic cache
	keying  cache.Keying
}

func (c *caching) reset() {
	keying := c.keying
	*c = caching{keying: keying}
}

// cacheable are the operations whose answers depend on their requests alone, and are JSON or events.
func cacheable(op exchange.Operation) bool {
	switch op {
	case exchange.Chat, exchange.Completions, exchange.Embeddings, exchange.Moderation, exchange.Rerank, exchange.CountTokens:
		return true
	default:
		return false
	}
}

// stateful are members of a request that make its answer depend on more than the request, or do more than answer.
var stateful = []string{"background", "conversation"}

// lookUp answers a request from the cache, by entry or by a flight that it follows; else it may lead one, and goes to the
// provider.
func (r *request) lookUp(req *proxy.Request, w *way) *exchange.Error {
	if w.keeping == nil || req.Asked == nil || !cacheable(req.Operation) || r.ex.Principal == nil {
		return nil
	}
	c := &r.caching
	// A request that had nothing to do with the cache, and was refused or screened, leaves that here.
	c.reset()
	c.keeping = w.keeping
	wish := readCacheWish(&r.ctx.Request.Header)
	if why := r.bypasses(req, &wish); why != "" {
		r.ex.Caching = exchange.Caching{Result: exchange.CacheBypass, Why: why}
		return r.wanted(&wish)
	}
	if !r.setKey(req) {
		r.ex.Caching = exchange.Caching{Result: exchange.CacheBypass, Why: "ambiguous"}
		return r.wanted(&wish)
	}
	r.ex.Caching.Result = exchange.CacheMiss
	if !wish.noCache {
		// Memory first, where most is found that is found.
		if e := r.srv.living.cache.Get(c.key, wish.maxAge); e != nil {
			r.hit(e, exchange.TierMemory)
			return nil
		}
	}
	r.setTerms(&wish)
	return r.fly(req, &wish)
}

// wanted refuses a request that wants no new answer, now that there is no other.
func (r *request) wanted(wish *cacheWish) *exchange.Error {
	if !wish.onlyKept {
		return nil
	}
	return &exchange.Error{
		Status: 504, Type: exchange.TypeInvalidRequest, Code: "not_cached", Reason: exchange.ReasonNotCached, Outcome: exchange.Refused,
		Message: "There is no cached answer, and the request wants no other (only-if-cached).", Final: true,
	}
}

// bypasses says, as a word, why a request has nothing to do with the cache.
func (r *request) bypasses(req *proxy.Request, wish *cacheWish) string {
	k := r.caching.keeping
	switch {
	case wish.noStore:
		return "no-store"
	case len(req.ContentType) > 0:
		return "form"
	}
	if !k.exact.AnyTemperature {
		if t, ok := req.Asked.Temperature(); ok && t > 0 {
			return "temperature"
		}
	}
	if !k.by {
		if _, _, ok := semantic.Question(req.Dialect, req.Body); !ok {
			return "not-a-question"
		}
	}
	if req.Dialect == exchange.Responses {
		for _, name := range stateful {
			if req.Asked.Names(name) {
				return name
			}
		}
	}
	return ""
}

// setKey makes the key of the request: of who may share its answer, the configuration, and all that the provider may read of
// it. False says that two readers could take the request for different ones.
func (r *request) setKey(req *proxy.Request) bool {
	c := &r.caching
	k := &c.keying
	k.Reset()
	r.addScope(k, c.keeping.exact.Scope)
	k.Add(c.keeping.policy[:])
	k.AddString(req.Operation.String())
	k.AddString(req.Dialect.String())
	k.Add(r.ex.Model)
	// What follows the path says how the answer comes; its query, too, where it has one.
	k.Add(r.ownPath())
	k.Add(r.ctx.QueryArgs().Peek("alt"))
	for _, name := range provider.Meaningful(req.Dialect) {
		k.Add(r.ctx.Request.Header.PeekCanonical(name))
	}
	k.Add(r.ctx.Request.Header.PeekCanonical(headerSparkCacheKey))
	// An id says nothing here of the provider that issued it.
	k.Add([]byte{byte(req.Only), byte(req.Only >> 8), byte(req.Only >> 16), byte(req.Only >> 24)})
	if !k.AddCanonical(req.Body) {
		return false
	}
	c.key = k.Key()
	return true
}

// addScope adds who may be answered alike.
func (r *request) addScope(k *cache.Keying, scope config.CacheScope) {
	p := r.ex.Principal
	switch h := r.limits.holding; {
	case scope == config.CacheGateway:
		k.AddString("gateway")
		return
	case scope == config.CachePolicy && h != nil && len(h.policies) > 0:
		k.AddString("policy")
		k.Add([]byte{byte(len(h.policies)), byte(len(h.policies) >> 8)})
		for _, id := range h.policies {
			k.AddString(id)
		}
		return
	case scope == config.CacheUser && p.User != "":
		k.AddString("user")
		k.AddString(p.User)
		return
	}
	k.AddString("key")
	k.Add([]byte{byte(p.Kind)})
	k.AddString(p.ID)
	// A key that is given to somebody else is another one.
	k.AddString(p.User)
}

func (r *request) setTerms(wish *cacheWish) {
	c, exact := &r.caching, r.caching.keeping.exact
	c.ttl = exact.TTL.Std()
	if wish.ttl > 0 {
		c.ttl = min(c.ttl, wish.ttl)
	}
	c.terms = cache.Terms{
		MaxAge: wish.maxAge, MaxBytes: int(exact.MaxEntryBytes),
		Labels: cache.Labels{Model: string(r.ex.Model), Route: r.ex.Route, Tags: readCacheTags(&r.ctx.Request.Header)},
	}
	if p := r.ex.Principal; p.Kind == exchange.ByKey {
		c.terms.Labels.Holder = p.ID
	}
	if exact.Shared {
		c.terms.Tier = r.srv.living.answers()
	}
}

// fly joins who asks the same, or leads.
func (r *request) fly(req *proxy.Request, wish *cacheWish) *exchange.Error {
	c, kept := &r.caching, r.srv.living.cache
	if wish.noCache {
		if err := r.wanted(wish); err != nil {
			return err
		}
		c.flight = kept.Lead(c.key, &c.terms)
		if err := r.means(req, wish); err != nil {
			return err
		}
		r.lead(req)
		return nil
	}
	for {
		flight, leads := kept.Join(c.key, &c.terms)
		c.flight = flight
		if leads {
			return r.leadOrFind(req, wish)
		}
		again, err := r.follow()
		if !again {
			return err
		}
	}
}

// leadOrFind looks into the store, and for another question that means the same, for all who ask this one meanwhile; then it
// leads them.
func (r *request) leadOrFind(req *proxy.Request, wish *cacheWish) *exchange.Error {
	c := &r.caching
	if e, from := r.srv.living.cache.Lookup(r.ctx, c.key, &c.terms); e != nil {
		tier := exchange.TierMemory
		if from == cache.Shared {
			tier = exchange.TierShared
		}
		r.hit(e, tier)
		return nil
	}
	if err := r.means(req, wish); err != nil || c.entry != nil {
		return err
	}
	if err := r.wanted(wish); err != nil {
		return err
	}
	r.lead(req)
	return nil
}

// lead lets others follow the request: its call goes on for them should its client leave.
func (r *request) lead(req *proxy.Request) {
	c := &r.caching
	c.leading = &leading{conn: r.conn, guard: req.Guard, flight: c.flight}
	req.Guard = c.leading
}

// hit answers from an entry.
func (r *request) hit(e *cache.Entry, tier exchange.CacheTier) {
	c := &r.caching
	c.entry = e
	r.ex.Caching.Result, r.ex.Caching.Tier = exchange.CacheHit, tier
	r.charge(e)
}

// charge says what an answer that was kept costs.
func (r *request) charge(e *cache.Entry) {
	ex := &r.ex
	ex.Provider, ex.UpstreamModel, ex.Target = e.Provider, e.Model, e.Target
	ex.Caching.Saved, ex.Caching.SavedCost = e.Usage, e.Cost
	charge := r.caching.keeping.exact.Charge
	if ex.Caching.Tier == exchange.TierSemantic {
		charge = r.caching.keeping.semantic.from.Charge
	}
	if charge == config.CacheFull {
		ex.Usage, ex.Cost, ex.Priced = e.Usage, e.Cost, e.Priced
	}
}

// onlyMeaning is how the answers to single questions are kept where no others are.
const (
	onlyMeaningBytes = 64 << 20
	onlyMeaningEntry = 1 << 20
)

// keepingOf gives what a route's requests have to do with the cache; nil for nothing.
func (b *build) keepingOf(routed *config.Route, targets []proxy.Target) *keeping {
	from, sanitizer := b.doc.Core.Gateway.Cache, b.doc.Core.Gateway.Sanitizer
	if routed != nil && routed.Cache != nil {
		from = routed.Cache
	}
	if routed != nil && routed.Sanitizer != nil {
		sanitizer = routed.Sanitizer
	}
	if from == nil || from.Exact == nil && from.Semantic == nil {
		return nil
	}
	k := &keeping{exact: from.Exact, by: from.Exact != nil}
	if s := from.Semantic; s != nil {
		target := b.asideTarget(&s.Embeddings)
		if target == nil && k.exact == nil {
			return nil
		}
		if target != nil {
			k.semantic = &meaning{from: s, threshold: float32(float64(s.Threshold) / 1e6), target: target}
			b.meanings = max(b.meanings, s.MaxEntries)
		}
		if k.exact == nil {
			k.exact = &config.ExactCache{Kept: s.Kept, MaxBytes: onlyMeaningBytes, MaxEntryBytes: onlyMeaningEntry}
		}
	}
	b.kept = max(b.kept, k.exact.MaxBytes)
	b.keptShared = b.keptShared || k.exact.Shared
	k.policy = b.policyOf(routed, sanitizer, targets)
	return k
}

// policyOf digests all of the configuration that an answer may depend on. It is plain data, which can always be written.
func (b *build) policyOf(routed *config.Route, sanitizer *config.Sanitizer, targets []proxy.Target) (digest [sha256.Size]byte) {
	h := sha256.New()
	write := json.NewEncoder(h)
	_ = write.Encode([]any{"answers-1", routed, sanitizer, b.doc.Core.Gateway.RequestLimits})
	for i := range targets {
		t := &targets[i]
		_ = write.Encode([]any{t.Name, t.Model, t.MaxTokens})
		for j := range b.doc.Core.Providers {
			if p := &b.doc.Core.Providers[j]; p.ID == t.Provider.ID {
				_ = write.Encode(p)
			}
		}
	}
	h.Sum(digest[:0])
	return digest
}

// answers is where pods share answers; nil where they do not.
func (l *Living) answers() cache.Tier {
	if s := l.sharing.current.Load(); s != nil {
		return s.answers()
	}
	return nil
}

// keep takes up how much may be kept. What is there stays, but for what has no room any more.
func (l *Living) keep(b *build) {
	l.cache.Resize(b.kept)
	l.cacheBytes.Store(b.kept)
	if b.meanings > 0 {
		l.meanings.Resize(b.meanings)
	}
	l.sharesAnswers.Store(b.keptShared)
}

// Purge forgets cached answers, here and, where there is a store, in it, so that every pod does.
func (r Report) Purge(of config.CachePurge) (config.CachePurged, error) {
	l, label := r.Server.living, labelOf(of)
	at := l.now()
	removed := l.cache.Purge(label, at)
	l.meanings.Purge(func(labels []string) bool { return label == cache.PurgeAll || slices.Contains(labels, label) })
	told := config.CachePurged{Removed: removed}
	shared := l.answers()
	if shared == nil || !l.sharesAnswers.Load() {
		return told, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), purgeTimeout)
	defer cancel()
	err := shared.Purge(ctx, label, at.UnixMilli(), cache.MaxTTL)
	told.Shared = err == nil
	return told, err
}

// purgeTimeout bounds the telling of the store.
const purgeTimeout = 5 * time.Second

func labelOf(of config.CachePurge) string {
	switch {
	case of.Key != "":
		return cache.PurgeKey + of.Key
	case of.Route != "":
		return cache.PurgeRoute + of.Route
	case of.Model != "":
		return cache.PurgeModel + of.Model
	case of.Tag != "":
		return cache.PurgeTag + of.Tag
	default:
		return cache.PurgeAll
	}
}

// purgeEvery is how often what other pods purged is asked for.
const purgeEvery = time.Second

// followPurges takes up what other pods purged, for as long as the process lives.
func (l *Living) followPurges(ctx context.Context) {
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		shared := l.answers()
		if shared == nil || !l.sharesAnswers.Load() {
			continue
		}
		if marks, err := shared.Purged(ctx); err == nil {
			l.cache.Learn(marks)
		}
	}
}
