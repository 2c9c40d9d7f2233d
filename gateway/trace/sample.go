// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Provider is what spans say of one.
type Provider struct {
	// System is its kind, as OpenTelemetry's conventions name it.
	System string
	// Host and Port are where it is asked; a port of 0 is not told.
	Host string
	Port int
}

var systems = map[config.ProviderType]string{
	config.OpenAI: "openai", config.AzureOpenAI: "azure.ai.openai", config.Anthropic: "anthropic", config.Gemini: "gcp.gemini",
	config.VertexAI: "gcp.vertex_ai", config.Bedrock: "aws.bedrock", config.Mistral: "mistral_ai", config.Cohere: "cohere",
	config.Ollama: "ollama", config.OpenAICompatible: "openai_compatible",
}

// System gives the name of a type of provider in OpenTelemetry's conventions; where they have none, one in their style.
func System(t config.ProviderType) string { return systems[t] }

// Ended is what a span says of a request that its exchange does not.
type Ended struct {
	At      time.Time
	Dialect exchange.Dialect
	// Route is the path of the endpoint, empty where that is no fixed one.
	Route string
	// Providers are those of the configuration, by ID. The map must not change.
	Providers map[string]Provider
	// Named says that the model that was asked for is a name of the configuration.
	Named bool
	// AnyModel is the Target of attempts whose model the client alone named.
	AnyModel string
}

// maxModel bounds the name of a model, which the client gives, and so the name of a span.
const maxModel = 128

// sample is a copy of what an exchange says, good for as long as nobody else has it.
type sample struct {
	ex    exchange.Exchange
	end   Ended
	alone bool // without the request's own span

	model, method, state, upstreamID []byte
	tried                            []exchange.Attempt
}

var samples = sync.Pool{New: func() any { return &sample{} }}

// sampleOf copies an exchange, whose buffers are the next one's soon. Errors' causes stay behind: they may quote a provider.
func sampleOf(ex *exchange.Exchange, end *Ended, alone bool) *sample {
	s, _ := samples.Get().(*sample)
	s.model = append(s.model[:0], ex.Model[:min(len(ex.Model), maxModel)]...)
	s.method = append(s.method[:0], ex.Method...)
	s.state = append(s.state[:0], ex.Trace.State...)
	s.upstreamID = append(s.upstreamID[:0], ex.UpstreamID...)
	s.tried = append(s.tried[:0], ex.Tried...)
	s.ex, s.end, s.alone = *ex, *end, alone
	s.ex.Model, s.ex.Method, s.ex.Path, s.ex.Trace.State = s.model, s.method, nil, s.state
	s.ex.UpstreamID, s.ex.Tried, s.ex.Shadowed, s.ex.Cause = s.upstreamID, s.tried, nil, nil
	for i := range s.tried {
		s.tried[i].Cause = nil
	}
	return s
}

func (s *sample) release() {
	clear(s.tried)
	s.ex, s.end = exchange.Exchange{}, Ended{}
	samples.Put(s)
}

// attempts calls with each attempt that a provider was asked by, in the order in which they began.
func (s *sample) attempts(each func(*exchange.Attempt)) {
	own := asked(&s.ex.Attempt)
	for i := range s.tried {
		a := &s.tried[i]
		if !asked(a) {
			continue
		}
		if own && s.ex.Began.Before(a.Began) {
			own = false
			each(&s.ex.Attempt)
		}
		each(a)
	}
	if own {
		each(&s.ex.Attempt)
	}
}

// asked is false of what no provider was asked, as none that can express it was left.
func asked(a *exchange.Attempt) bool {
	return !a.Began.IsZero() && (a.Outcome != exchange.Refused || a.UpstreamStatus != 0)
}
