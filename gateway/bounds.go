// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"strconv"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// bound refuses a request that was decoded and asks too much at once.
func (r *request) bound() *exchange.Error {
	limits, asked := &r.snap.gateway.RequestLimits, &r.asked
	if most := limits.MaxMessages; most > 0 && asked.Items > most {
		err := exchange.Invalid(asked.ItemsParam, "'"+asked.ItemsParam+"' has "+strconv.Itoa(asked.Items)+
			" elements. This gateway takes at most "+strconv.Itoa(most)+".")
		err.Code, err.Reason = "too_many_messages", exchange.ReasonMessages
		return err
	}
	if limits.MaxInputTokens > 0 {
		return r.boundInput(limits.MaxInputTokens)
	}
	return nil
}

// boundInput refuses a prompt of too many tokens. They are only estimated where there could be too many: a token is a byte or more.
func (r *request) boundInput(most int64) *exchange.Error {
	if int64(len(r.body)) <= most {
		return nil
	}
	tokens := r.asked.PromptTokens()
	if tokens <= most {
		return nil
	}
	err := exchange.Invalid(r.asked.ItemsParam, "This gateway takes at most "+strconv.FormatInt(most, 10)+
		" tokens of input. Your request has about "+strconv.FormatInt(tokens, 10)+".")
	err.Code, err.Reason = "context_length_exceeded", exchange.ReasonInputTokens
	return err
}

// boundOutput holds what a request asks for to what the gateway allows, before any provider sees it. A request that asks for no
// bound gets the largest that is allowed and that every target of its way is known to give.
func (r *request) boundOutput(w *way) *exchange.Error {
	limits := &r.snap.gateway.RequestLimits
	if limits.MaxOutputTokens == 0 {
		return nil
	}
	b := dialect.Bound{Most: limits.MaxOutputTokens, Clamp: limits.ClampOutput, Unasked: limits.MaxOutputTokens}
	newName := false
	for i := range w.Targets {
		t := &w.Targets[i]
		if t.MaxTokens > 0 {
			b.Unasked = min(b.Unasked, t.MaxTokens)
		}
		// What is translated, or renamed, is put in the provider's own words. OpenAI itself refuses the old name for some models, and
		// some servers that are like it overlook the new one.
		switch t.Provider.Type {
		case config.OpenAI, config.AzureOpenAI:
			newName = true
		case config.OpenAICompatible:
			b.OldName = true
		default:
		}
	}
	b.OldName = b.OldName && !newName
	body, err := r.asked.Bound(r.body, b, limits.MaxDepth)
	if r.body = body; err != nil {
		return err
	}
	if !r.endpoint.shape.ModelElsewhere && len(r.asked.Model) > 0 {
		r.ex.Model = r.asked.Model // It stood in the body as it was.
	}
	return nil
}
