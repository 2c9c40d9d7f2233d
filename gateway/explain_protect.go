// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"slices"
	"strings"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/proxy"
)

// notConfigured says that there is no cache, or no sanitizer, for the request.
const notConfigured = "not configured"

// sanitizer tells what would be found in the request's words, without asking a guard.
func (e *explaining) sanitizer(req *proxy.Request, w *way) {
	g := w.guarding
	if w.from == nil {
		g = e.snap.guarding
	}
	if g == nil {
		return
	}
	if refused := g.unseen(req.Operation, e.ctx.IsPost()); refused != nil {
		e.told.Sanitizer = "cannot look into this"
		e.refuse(refused)
		return
	}
	told := []string{"looks at nothing of the request"}
	if g.content.ReadsRequests() && req.Asked != nil {
		e.readTexts(req)
		result := g.content.Request(e.words.values, &e.words.scratch)
		told[0] = "finds nothing in the request"
		if !result.Findings.Empty() {
			told[0] = "finds " + string(result.Findings.AppendHeader(nil))
		}
		if len(result.Replaced) > 0 {
			told[0] += ", and replaces it"
		}
		if result.Block != nil {
			e.refuse(blocked(result.Block))
		}
	}
	for _, direction := range config.Directions {
		half := strings.ToLower(string(direction))
		if g.webhook != nil && slices.Contains(g.webhook.from.Directions, direction) {
			told = append(told, "asks the webhook about the "+half)
		}
		if g.moderation != nil && slices.Contains(g.moderation.from.Directions, direction) {
			told = append(told, "asks the moderation about the "+half)
		}
	}
	if g.content.ReadsAnswers() {
		told = append(told, "looks at the answer")
	}
	e.told.Sanitizer = strings.Join(told, "; ")
}

// cached tells whether the cache is asked, not what it would answer.
func (e *explaining) cached(req *proxy.Request, w *way) {
	k := w.keeping
	if k == nil || req.Asked == nil || !cacheable(req.Operation) {
		return
	}
	e.caching.keeping = k
	wish := readCacheWish(&e.ctx.Request.Header)
	if why := e.bypasses(req, &wish); why != "" {
		e.told.Cache = exchange.CacheBypass.String() + ": " + why
		return
	}
	told := "looked up, scope " + string(k.exact.Scope) + ", kept for " + k.exact.TTL.String()
	if wish.noCache {
		told = "asked anew, and kept for " + k.exact.TTL.String()
	}
	if k.semantic != nil {
		told += "; questions that mean the same count"
	}
	e.told.Cache = told
}
