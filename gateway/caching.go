// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"time"

	"github.com/sparkgateway/spark/gateway/cache"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/semantic"
)

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
		if scope := k.exact.Scope; (scope == config.CacheGateway || scope == config.CachePolicy) && req.Asked.Stores() {
			// Whoever has the id of what a provider keeps can read and delete it there.
			return "store"
		}
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
		if leads {
			c.flight = flight
			return r.leadOrFind(req, wish)
		}
		again, err := r.follow(flight)
		if !again {
			return err
		}
	}
}

// leadOrFind looks into the store, and for another question that means the same, for all who ask this one meanwhile; then it
// leads them.
func (r *request) leadOrFind(req *proxy.Request, wish *cacheWish) *exchange.Error {
	c := &r.caching
	if e, from := r.srv.living.cache.Lookup(r.aside(), c.key, &c.terms); e != nil {
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
	c, ex := &r.caching, &r.ex
	c.entry = e
	ex.Caching.Result, ex.Caching.Tier = exchange.CacheHit, tier
	if e.Status >= 400 {
		// Those who asked together are told together what the provider said.
		ex.Outcome, ex.Reason, ex.UpstreamStatus = exchange.ProviderRefused, exchange.ReasonProviderStatus, e.Status
		if e.Status >= 500 {
			ex.Outcome = exchange.ProviderFailed
		}
	}
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
