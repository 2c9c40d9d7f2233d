// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// The labels that OpenTelemetry's conventions for generative AI name.
const (
	operationLabel = "gen_ai_operation_name"
	tokenTypeLabel = "gen_ai_token_type"
)

// genAI are the metrics that OpenTelemetry's conventions for generative AI name. The server is the gateway, as its clients see
// it, and the client is the gateway, as providers do.
type genAI struct {
	duration    *prometheus.HistogramVec
	firstToken  *prometheus.HistogramVec
	perToken    *prometheus.HistogramVec
	attemptTime *prometheus.HistogramVec
	tokenUsage  *prometheus.HistogramVec
}

func newGenAI(reg prometheus.Registerer) genAI {
	g := genAI{
		duration: histograms("gen_ai_server_request_duration_seconds", "Time from a request's header to the end of its answer. Sessions (realtime) have none.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600},
			operationLabel, "provider", "model", "outcome"),
		firstToken: histograms("gen_ai_server_time_to_first_token_seconds",
			"Time from a request's header to the first byte of a streamed answer from the provider.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, operationLabel, "provider", "model"),
		perToken: histograms("gen_ai_server_time_per_output_token_seconds",
			"Time per token after the first, of streams that ended well and whose tokens are known.",
			[]float64{.0025, .005, .01, .025, .05, .075, .1, .15, .2, .3, .5, .75, 1, 2.5}, operationLabel, "provider", "model"),
		attemptTime: histograms("gen_ai_client_operation_duration_seconds",
			"Time from an attempt's sending to its end, whoever got to see its answer.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}, "provider", "model", "outcome"),
		tokenUsage: histograms("gen_ai_client_token_usage",
			"Tokens of an attempt: of its prompt (input) and of its answer (output).",
			[]float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576}, "provider", "model", tokenTypeLabel),
	}
	reg.MustRegister(g.duration, g.firstToken, g.perToken, g.attemptTime, g.tokenUsage)
	return g
}

// What bounds a native histogram: about ten percent between buckets, and at most so many of them. Where more would be needed,
// it begins anew, or, sooner than after an hour, has wider ones.
const (
	nativeFactor  = 1.1
	nativeBuckets = 160
	nativeReset   = time.Hour
)

// histograms gives a family that has the buckets for who reads text, and native ones for who reads protobuf.
func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: nativeBuckets,
		NativeHistogramMinResetDuration: nativeReset,
	}, labels)
}

// genAISeries are a target's.
type genAISeries struct {
	duration    [exchange.Operations][exchange.Outcomes]observer
	firstToken  [exchange.Operations]observer
	perToken    [exchange.Operations]observer
	attemptTime [exchange.Outcomes]observer
	tokenUsage  [len(tokenTypes)]observer
}

var tokenTypes = [...]string{"input", "output"}

// settleGenAI observes a request that ended.
func (s *Series) settleGenAI(ex *exchange.Exchange, end time.Time) {
	op, word, g := ex.Operation, ex.Operation.GenAI(), &s.genAI
	if op == exchange.Realtime {
		// A session lasts for as long as its client likes.
		return
	}
	observe(&g.duration[op][ex.Outcome], &s.lasting, s.m.duration, measured{end.Sub(ex.Start).Seconds(), ex.Trace}, word, s.provider, s.model, ex.Outcome.String())
	if !began(ex) {
		return
	}
	observe(&g.firstToken[op], &s.lasting, s.m.firstToken, measured{ex.FirstToken.Sub(ex.Start).Seconds(), ex.Trace}, word, s.provider, s.model)
	if ex.Outcome != exchange.OK || ex.Usage.Completion < 2 || ex.Ended.Before(ex.FirstToken) {
		return
	}
	each := ex.Ended.Sub(ex.FirstToken).Seconds() / float64(ex.Usage.Completion-1)
	observe(&g.perToken[op], &s.lasting, s.m.perToken, measured{each, ex.Trace}, word, s.provider, s.model)
}

// began says that a stream's first piece came. An answer in one piece comes when all of its tokens are there, and the first byte of an
// error is no token.
func began(ex *exchange.Exchange) bool {
	return ex.Stream && !ex.FirstToken.IsZero() && ex.UpstreamStatus < 300
}

// attemptGenAI observes an attempt that ended.
func (s *Series) attemptGenAI(a *exchange.Attempt) {
	g := &s.genAI
	if !a.Began.IsZero() && !a.Ended.Before(a.Began) {
		observe(&g.attemptTime[a.Outcome], &s.lasting, s.m.attemptTime, measured{value: a.Ended.Sub(a.Began).Seconds()}, s.provider, s.model, a.Outcome.String())
	}
	if a.Usage.Source == exchange.UsageNone {
		return
	}
	for i, n := range [len(tokenTypes)]int64{a.Usage.Prompt, a.Usage.Completion} {
		if n > 0 {
			observe(&g.tokenUsage[i], &s.lasting, s.m.tokenUsage, measured{value: float64(n)}, s.provider, s.model, tokenTypes[i])
		}
	}
}
