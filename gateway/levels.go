// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"strconv"
	"time"

	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/limit"
)

// levelFields are the names of the header fields that tell how a limit stands.
type levelFields struct{ limit, remaining, reset []byte }

// OpenAI's names, with the time until the reset as it writes it, and Anthropic's, with the time of the reset (RFC 3339).
var (
	openAIRequests = levelFields{
		[]byte("X-Ratelimit-Limit-Requests"), []byte("X-Ratelimit-Remaining-Requests"), []byte("X-Ratelimit-Reset-Requests")}
	openAITokens = levelFields{
		[]byte("X-Ratelimit-Limit-Tokens"), []byte("X-Ratelimit-Remaining-Tokens"), []byte("X-Ratelimit-Reset-Tokens")}
	anthropicRequests = levelFields{
		[]byte("Anthropic-Ratelimit-Requests-Limit"), []byte("Anthropic-Ratelimit-Requests-Remaining"), []byte("Anthropic-Ratelimit-Requests-Reset")}
	anthropicTokens = levelFields{
		[]byte("Anthropic-Ratelimit-Tokens-Limit"), []byte("Anthropic-Ratelimit-Tokens-Remaining"), []byte("Anthropic-Ratelimit-Tokens-Reset")}
)

// levels tells the client how the tightest limits of requests and of tokens stand, in its dialect's words.
func (r *request) levels() {
	told := &r.limits.told
	if r.dialect == exchange.Anthropic {
		r.level(&anthropicRequests, &told.Requests)
		r.level(&anthropicTokens, &told.Tokens)
		return
	}
	r.level(&openAIRequests, &told.Requests)
	r.level(&openAITokens, &told.Tokens)
}

func (r *request) level(names *levelFields, l *exchange.Level) {
	if !l.Limited {
		return
	}
	h := &r.ctx.Response.Header
	r.scratch = strconv.AppendInt(r.scratch[:0], l.Limit, 10)
	h.SetCanonical(names.limit, r.scratch)
	r.scratch = strconv.AppendInt(r.scratch[:0], max(l.Remaining, 0), 10)
	h.SetCanonical(names.remaining, r.scratch)
	if r.dialect == exchange.Anthropic {
		r.scratch = r.srv.living.now().Add(l.Reset).UTC().AppendFormat(r.scratch[:0], time.RFC3339)
	} else {
		r.scratch = limit.AppendReset(r.scratch[:0], l.Reset)
	}
	h.SetCanonical(names.reset, r.scratch)
}
