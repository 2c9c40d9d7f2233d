// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestCostsAreExact(t *testing.T) {
	price := &config.Price{Input: 3_000_000, Output: 15_000_000, CachedInput: 300_000}
	for name, tc := range map[string]struct {
		price *config.Price
		usage exchange.Usage
		want  string
	}{
		"nothing":                    {price, exchange.Usage{}, "0.00"},
		"one token of three dollars": {price, exchange.Usage{Prompt: 1}, "0.000003"},
		"an answer":                  {price, exchange.Usage{Prompt: 1000, Completion: 500}, "0.0105"},
		"most of it cached":          {price, exchange.Usage{Prompt: 1000, Cached: 900, Completion: 500}, "0.00807"},
		"whole dollars keep cents":   {price, exchange.Usage{Prompt: 1_000_000}, "3.00"},
		"dollars and cents":          {price, exchange.Usage{Prompt: 1_500_000}, "4.50"},
		"the smallest price":         {&config.Price{Input: 1}, exchange.Usage{Prompt: 1}, "0.000000000001"},
		"the largest":                {&config.Price{Output: config.MaxPrice}, exchange.Usage{Completion: 900_000_000}, "9000000.00"},
	} {
		if got := costBy(tc.price)(tc.usage); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	if costBy(nil) != nil {
		t.Error("no price, and yet a cost")
	}
}
