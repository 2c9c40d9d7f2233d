// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/sha256"
	"time"

	"github.com/sparkgateway/spark/gateway/cache"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/semantic"
)

// meaning is a semantic cache. It is immutable.
type meaning struct {
	from      *config.SemanticCache
	threshold float32
	target    *proxy.Target
}

// asking is what a request has to do with a semantic cache.
type asking struct {
	scope  [sha256.Size]byte
	vector []float32
	ttl    time.Duration
}

// embeddingPatience is how long a request waits for its question's vector, whatever the provider's timeouts: it can do without.
const embeddingPatience = 5 * time.Second

// means looks for the answer to a question that means the same. It is for a request whose own answer is not kept, and fails open:
// without a vector there is none.
func (r *request) means(req *proxy.Request, wish *cacheWish) *exchange.Error {
	c := &r.caching
	m := c.keeping.semantic
	if m == nil || req.Operation != exchange.Chat {
		return nil
	}
	if t, ok := req.Asked.Temperature(); ok && t > 0 && !m.from.AnyTemperature {
		return nil
	}
	text, rest, ok := semantic.Question(req.Dialect, req.Body)
	if !ok {
		return nil
	}
	c.asked.scope = r.scopeOf(rest)
	body, err := r.askAside(&aside{
		kind: exchange.EmbeddingAttempt, operation: exchange.Embeddings, shape: dialect.Embeddings, target: m.target,
		body: semantic.AppendQuestion(nil, m.target.Model, text), within: embeddingPatience,
	})
	if err != nil {
		if r.ends(err) {
			return err
		}
		return nil
	}
	vector, bad := semantic.ReadEmbedding(body)
	if bad != nil {
		return nil
	}
	c.asked.vector = vector
	c.asked.ttl = m.from.TTL.Std()
	if wish.noCache {
		return nil
	}
	ref, similarity, ok := r.srv.living.meanings.Nearest(c.asked.scope, vector, m.threshold)
	if !ok {
		return nil
	}
	if e := r.srv.living.cache.Get(cache.Key(ref), wish.maxAge); e != nil {
		r.ex.Caching.Similarity = similarity
		r.hit(e, exchange.TierSemantic)
		return nil
	}
	if wish.maxAge == 0 {
		r.srv.living.meanings.Remove(ref)
	}
	return nil
}

// scopeOf is all that must be equal but the question.
func (r *request) scopeOf(rest [32]byte) [sha256.Size]byte {
	c := &r.caching
	k := &c.keying
	k.Reset()
	k.AddString("meaning")
	r.addScope(k, c.keeping.semantic.from.Scope)
	k.Add(c.keeping.policy[:])
	k.AddString(c.keeping.semantic.from.Embeddings.Provider)
	k.AddString(c.keeping.semantic.from.Embeddings.Upstream)
	k.AddString(r.dialect.String())
	k.Add(r.ex.Model)
	k.Add(r.ownPath())
	k.Add(r.ctx.QueryArgs().Peek("alt"))
	for _, name := range provider.Meaningful(r.dialect) {
		k.Add(r.ctx.Request.Header.PeekCanonical(name))
	}
	k.Add(r.ctx.Request.Header.PeekCanonical(headerSparkCacheKey))
	k.Add(rest[:])
	return k.Key()
}

// remember makes the answer that was kept one to questions that mean the same.
func (r *request) remember() {
	c := &r.caching
	if c.asked.vector == nil {
		return
	}
	now := r.srv.living.now()
	r.srv.living.meanings.Add(c.asked.scope, c.asked.vector, semantic.Ref(c.key), c.labels(), now.Add(min(c.asked.ttl, c.ttl)))
}

// labels are those that a purge finds the answer by.
func (c *caching) labels() []string {
	l := &c.terms.Labels
	labels := []string{cache.PurgeModel + l.Model}
	if l.Holder != "" {
		labels = append(labels, cache.PurgeKey+l.Holder)
	}
	if l.Route != "" {
		labels = append(labels, cache.PurgeRoute+l.Route)
	}
	for _, tag := range l.Tags {
		labels = append(labels, cache.PurgeTag+tag)
	}
	return labels
}
