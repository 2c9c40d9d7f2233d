// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestCostsAreExactToTheNanodollarAbove(t *testing.T) {
	price := &config.Price{Input: 3_000_000, Output: 15_000_000, CachedInput: 300_000, CacheWrite: 3_750_000}
	for name, tc := range map[string]struct {
		price *config.Price
		usage exchange.Usage
		want  string
	}{
		"nothing":                    {price, exchange.Usage{}, "0.00"},
		"one token of three dollars": {price, exchange.Usage{Prompt: 1}, "0.000003"},
		"an answer":                  {price, exchange.Usage{Prompt: 1000, Completion: 500}, "0.0105"},
		"most of it cached":          {price, exchange.Usage{Prompt: 1000, Cached: 900, Completion: 500}, "0.00807"},
		"some put into the cache":    {price, exchange.Usage{Prompt: 1000, CacheWritten: 900}, "0.003675"},
		"more cached than there is":  {price, exchange.Usage{Prompt: 1, Cached: 1000}, "0.0003"},
		"whole dollars keep cents":   {price, exchange.Usage{Prompt: 1_000_000}, "3.00"},
		"dollars and cents":          {price, exchange.Usage{Prompt: 1_500_000}, "4.50"},
		"the smallest price":         {&config.Price{Input: 1}, exchange.Usage{Prompt: 1}, "0.000000001"},
		"a price of the answer":      {&config.Price{Request: 20_000_000}, exchange.Usage{}, "0.02"},
	} {
		if got := CostText(tc.price)(tc.usage); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	if CostText(nil) != nil {
		t.Error("no price, and yet a cost")
	}
	if cost, known := Cost(nil, exchange.Usage{Prompt: 1}, 1); known || cost != 0 {
		t.Errorf("no price, and yet %s", cost)
	}
}

func TestCostsNeitherOverflowNorDifferFromLongArithmetic(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	number := func(most int64) int64 {
		if random.IntN(4) == 0 {
			return most
		}
		return random.Int64N(most>>random.IntN(20) + 1)
	}
	for range 20_000 {
		p := &config.Price{
			Input: number(config.MaxPrice), Output: number(config.MaxPrice), CachedInput: number(config.MaxPrice),
			CacheWrite: number(config.MaxPrice), Request: config.Money(number(10_000 * int64(config.Dollar))),
		}
		u := exchange.Usage{Prompt: number(maxTokens), Completion: number(maxTokens)}
		u.Cached = number(u.Prompt)
		u.CacheWritten = number(u.Prompt - u.Cached)
		answers := number(1 << 12)
		want := new(big.Int)
		for _, part := range [][2]int64{
			{u.Prompt - u.Cached - u.CacheWritten, p.Input}, {u.Cached, p.CachedInput}, {u.CacheWritten, p.CacheWrite}, {u.Completion, p.Output},
		} {
			want.Add(want, new(big.Int).Mul(big.NewInt(part[0]), big.NewInt(part[1])))
		}
		want.Add(want, big.NewInt(999)).Div(want, big.NewInt(1000))
		want.Add(want, new(big.Int).Mul(big.NewInt(answers), big.NewInt(int64(p.Request))))
		got, _ := Cost(p, u, answers)
		if want.Cmp(big.NewInt(int64(got))) != 0 {
			t.Fatalf("%+v of %+v and %d answers: %d, want %s", u, p, answers, got, want)
		}
	}
	if got, _ := Cost(&config.Price{Output: config.MaxPrice}, exchange.Usage{Completion: math.MaxInt64, Prompt: -5}, -1); got <= 0 {
		t.Errorf("tokens beyond belief cost %s", got)
	}
}

func TestTheMostThatARequestMayUse(t *testing.T) {
	priced := func(input, output, max int64) Target {
		return Target{MaxTokens: max, Price: &config.Price{Input: input, Output: output, CachedInput: input, CacheWrite: input}}
	}
	cheap, dear, unknown := priced(1_000_000, 2_000_000, 100), priced(10_000_000, 20_000_000, 0), Target{}
	body := []byte(`{"model":"m","messages":[{"role":"user","content":"hello"}]}`)
	bounded := []byte(`{"model":"m","messages":[{"role":"user","content":"hello"}],"max_tokens":7,"n":3}`)
	// A message is 4 tokens and one more each 4 bytes; at most, each byte of the body is one.
	text := int64(6)
	for name, tc := range map[string]struct {
		body    []byte
		op      exchange.Operation
		targets []Target
		hedge   bool
		want    Most
	}{
		"the model's bound":      {body, exchange.Chat, []Target{cheap}, false, Most{Estimate: text + 500, Cost: config.Money(len(body))*1000 + 100*2000, Least: exchange.Use{Tokens: text, Cost: config.Money(text) * 1000}, Priced: 1}},
		"no bound at all":        {body, exchange.Chat, []Target{dear}, false, Most{Estimate: text + 500, Cost: config.Money(len(body))*10_000 + maxOpenAnswer*20_000, Least: exchange.Use{Tokens: text, Cost: config.Money(text) * 10_000}, Priced: 1}},
		"the request's bound":    {bounded, exchange.Chat, []Target{cheap}, false, Most{Estimate: text + 21, Cost: config.Money(len(bounded))*1000 + 21*2000, Least: exchange.Use{Tokens: text, Cost: config.Money(text) * 1000}, Priced: 1}},
		"the dearest target":     {bounded, exchange.Chat, []Target{cheap, unknown, dear}, false, Most{Estimate: text + 21, Cost: config.Money(len(bounded))*10_000 + 21*20_000, Least: exchange.Use{Tokens: text, Cost: config.Money(text) * 1000}, Priced: 5}},
		"two attempts at once":   {bounded, exchange.Chat, []Target{cheap}, true, Most{Estimate: text + 21, Cost: 2 * (config.Money(len(bounded))*1000 + 21*2000), Least: exchange.Use{Tokens: text, Cost: config.Money(text) * 1000}, Priced: 1}},
		"no price":               {bounded, exchange.Chat, []Target{unknown}, false, Most{Estimate: text + 21, Least: exchange.Use{Tokens: text}}},
		"nothing is generated":   {bounded, exchange.Embeddings, []Target{cheap}, false, Most{Estimate: text, Cost: config.Money(len(bounded)) * 1000, Least: exchange.Use{Tokens: text, Cost: config.Money(text) * 1000}, Priced: 1}},
		"counting costs nothing": {bounded, exchange.CountTokens, []Target{cheap}, false, Most{Priced: 1}},
	} {
		asked := &dialect.Request{}
		if err := asked.Decode(dialect.Chat, tc.body); err != nil {
			t.Fatal(err)
		}
		route := &Route{Targets: tc.targets}
		if tc.hedge {
			route.Hedge = &config.Hedge{}
		}
		got := (&Request{Asked: asked, Body: tc.body, Operation: tc.op}).Most(route)
		if got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
	if got := (&Request{Operation: exchange.Files}).Most(&Route{Targets: []Target{cheap}}); got != (Most{Priced: 1}) {
		t.Errorf("a request that nobody reads: %+v", got)
	}
}
