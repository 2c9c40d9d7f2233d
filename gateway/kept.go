// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"strconv"
	"time"

	"github.com/sparkgateway/spark/gateway/cache"
	"github.com/sparkgateway/spark/gateway/exchange"
)

var (
	headerSparkCache       = []byte("X-Spark-Cache")
	headerSparkCacheReason = []byte("X-Spark-Cache-Reason")
	headerSimilarity       = []byte("X-Spark-Cache-Similarity")
	headerAge              = []byte("Age")
	headerSanitizer        = []byte("X-Spark-Sanitizer")
)

// protected says what the cache and the sanitizer had to do with the request.
func (r *request) protected() {
	h, c := &r.ctx.Response.Header, &r.ex.Caching
	if c.Result != exchange.CacheNone {
		h.SetCanonical(headerSparkCache, cacheWords[c.Result])
	}
	if c.Why != "" {
		h.SetCanonical(headerSparkCacheReason, []byte(c.Why))
	}
	if c.Tier == exchange.TierSemantic {
		h.SetCanonical(headerSimilarity, strconv.AppendFloat(nil, float64(c.Similarity), 'f', 4, 32))
	}
	if !r.ex.Findings.Empty() {
		h.SetCanonical(headerSanitizer, r.ex.Findings.AppendHeader(nil))
	}
}

var cacheWords = [exchange.CacheResults][]byte{
	exchange.CacheBypass: []byte("bypass"), exchange.CacheMiss: []byte("miss"), exchange.CacheHit: []byte("hit"),
}

// answerKept answers with what was kept.
func (r *request) answerKept(e *cache.Entry) {
	r.common()
	resp := &r.ctx.Response
	r.ex.Status = e.Status
	resp.SetStatusCode(e.Status)
	resp.Header.SetContentTypeBytes(e.ContentType)
	if age := e.Age(r.srv.living.now()); r.ex.Caching.Tier != exchange.TierFlight {
		r.scratch = strconv.AppendInt(r.scratch[:0], int64(age/time.Second), 10)
		resp.Header.SetCanonical(headerAge, r.scratch)
	}
	if r.ex.Reason != "" {
		resp.Header.SetCanonical(headerReason, []byte(r.ex.Reason))
	}
	body := r.asHit(e.Body)
	r.ex.BytesOut = int64(len(body))
	// The entry is nobody's to change, and the engine only reads it.
	resp.SetBodyRaw(body)
}

// asHit gives an answer, or events of one, as whoever did not ask the provider gets it: the gateway's own dialect says so in the
// answer. Texts of a model have their quotes escaped there.
func (r *request) asHit(body []byte) []byte {
	if r.dialect != exchange.Spark {
		return body
	}
	return bytes.Replace(body, []byte(`"cache":"miss"`), []byte(`"cache":"hit"`), 1)
}

// answerFollowed answers with a stream that another request brings.
func (r *request) answerFollowed() {
	r.common()
	resp := &r.ctx.Response
	r.ex.Status = r.caching.begun.Status
	resp.SetStatusCode(r.ex.Status)
	resp.Header.SetContentTypeBytes(r.caching.begun.ContentType)
	resp.Header.SetCanonical([]byte("X-Accel-Buffering"), []byte("no"))
	r.relaying = true
	resp.SetBodyStream(&r.relay, -1)
}

// beginFlight tells those who follow how the answer begins and, where it is whole, what it is.
func (r *request) beginFlight(body []byte) {
	c := &r.caching
	if c.leading == nil {
		return
	}
	stream := r.journey.Answer.Streamed()
	c.flight.Begin(r.ex.Status, r.journey.Answer.ContentType(), stream)
	if !stream {
		_, _ = c.flight.Write(body)
	}
}

// ended says how a stream ended that the request itself brought.
func (r *request) ended(err error) error {
	ex := &r.ex
	if b := r.words.blocked; b != nil {
		ex.Outcome, ex.Reason, ex.Cause = b.Outcome, b.Reason, b.Cause
		r.told = b
	}
	if err != nil && r.caching.failed == nil {
		r.caching.failed = &exchange.Error{Outcome: ex.Outcome, Reason: ex.Reason, Status: 502, Type: exchange.TypeUpstream, Message: "The answer broke off."}
	}
	return err
}
