// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"strings"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// picodollars are in one dollar, as config.Price counts.
const picodollars = 1_000_000_000_000

// costBy gives what tells the cost of a usage, exactly, as a decimal of US dollars; nil without a price.
func costBy(p *config.Price) func(exchange.Usage) string {
	if p == nil {
		return nil
	}
	return func(u exchange.Usage) string {
		cost := (u.Prompt-u.Cached)*p.Input + u.Cached*p.CachedInput + u.Completion*p.Output
		text := fmt.Sprintf("%d.%012d", cost/picodollars, cost%picodollars)
		// Cents always, and more only where there is more.
		whole, fraction, _ := strings.Cut(text, ".")
		return whole + "." + fraction[:2] + strings.TrimRight(fraction[2:], "0")
	}
}
