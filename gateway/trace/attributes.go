// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// attributes are a span's, or a resource's. What says nothing is left out.
type attributes []*commonpb.KeyValue

func (a *attributes) add(name string, value *commonpb.AnyValue) {
	*a = append(*a, &commonpb.KeyValue{Key: name, Value: value})
}

func (a *attributes) text(name, value string) {
	if value != "" {
		a.add(name, &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: valid(value)}})
	}
}

func (a *attributes) count(name string, value int64) {
	a.add(name, &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: value}})
}

// number leaves out zero.
func (a *attributes) number(name string, value int64) {
	if value != 0 {
		a.count(name, value)
	}
}

func (a *attributes) flag(name string, value bool) {
	a.add(name, &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: value}})
}

func (a *attributes) seconds(name string, d time.Duration) {
	a.add(name, &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: d.Seconds()}})
}

// usage tells tokens, where somebody counted them.
func (a *attributes) usage(u *exchange.Usage) {
	if u.Source == exchange.UsageNone {
		return
	}
	a.count("gen_ai.usage.input_tokens", u.Prompt)
	a.count("gen_ai.usage.output_tokens", u.Completion)
	a.number("gen_ai.usage.cache_read.input_tokens", u.Cached)
	a.number("gen_ai.usage.cache_creation.input_tokens", u.CacheWritten)
	a.number("gen_ai.usage.reasoning.output_tokens", u.Reasoning)
	a.text("spark.usage.source", u.Source.String())
}

// principal names who asked: a key by its name, never itself; an address not at all.
func (a *attributes) principal(p *exchange.Principal) {
	if p == nil {
		return
	}
	switch p.Kind {
	case exchange.ByKey:
		a.text("spark.key", p.ID)
	case exchange.ByToken:
		a.text("spark.principal", p.Holder())
	default:
	}
	a.text("spark.team", p.Team)
}

// cost is in US dollars.
func (a *attributes) cost(c config.Money) {
	if c != 0 {
		a.text("spark.cost", string(c.AppendTo(nil)))
	}
}
