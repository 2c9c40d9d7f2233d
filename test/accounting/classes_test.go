// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package accounting

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/accounting/bed"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// leaving is when the application goes.
type leaving uint8

const (
	_ leaving = iota // it stays
	// leavesWaiting goes before the provider has written anything.
	leavesWaiting
	// leavesMidway goes when it has heard all that the provider wrote before it fell silent, so that "up to then" is defined.
	leavesMidway
	// leavesAnywhere goes at any moment.
	leavesAnywhere
)

// forms of answers that a class is about.
const (
	anyForm = iota
	streamsOnly
	wholesOnly
)

// class is a way for a request to go.
type class struct {
	share int // of all requests, in relation to other classes
	form  int
	// route is where it goes; "" is a plain one to a provider of any type.
	route string
	// steer tells the fake provider what to do with an answer of so many tokens, beside writing them.
	steer   func(rng *rand.Rand, tokens int) string
	leaving leaving
	// most bounds the answer below what the provider would write.
	most bool
	// outcome is that of the attempt that the application was answered from, and source how its usage is known. Providers
	// that tell it as they go make it reported where it would be estimated.
	outcome, source string
}

func steer(text string) func(*rand.Rand, int) string {
	return func(*rand.Rand, int) string { return text }
}

// within gives a fault at an event that lies behind the opening of every dialect and before the answer's end.
func within(fault string) func(*rand.Rand, int) string {
	return func(rng *rand.Rand, tokens int) string {
		return fmt.Sprintf("fault=%s:%d", fault, opening+rng.IntN(tokens-opening))
	}
}

// opening is more events than any dialect has before an answer's first token.
const opening = 5

// classes are all. The names are what a failure tells.
var classes = map[string]class{
	"answered":                      {share: 30, steer: steer(""), outcome: "ok", source: "reported"},
	"answered up to its limit":      {share: 10, steer: steer(""), most: true, outcome: "ok", source: "reported"},
	"answered after thinking":       {share: 5, steer: steer("reasoning=7"), outcome: "ok", source: "reported"},
	"answered from a prompt cache":  {share: 5, steer: steer("cached=6"), outcome: "ok", source: "reported"},
	"answered without usage":        {share: 5, steer: steer("fault=no-usage"), outcome: "ok", source: "estimated"},
	"answered with senseless usage": {share: 2, steer: steer("fault=bad-usage"), outcome: "ok", source: "estimated"},
	"failed over":                   {share: 8, route: "failover", steer: steer(""), outcome: "ok", source: "reported"},
	"failed over behind headers":    {share: 4, form: streamsOnly, route: "resume", steer: steer(""), outcome: "ok", source: "reported"},
	"hedged":                        {share: 6, route: "hedged", steer: steer(""), outcome: "ok", source: "reported"},
	"refused by the provider":       {share: 3, steer: steer("fault=status:400"), outcome: "provider_refused", source: ""},
	"failed everywhere":             {share: 3, steer: steer("fault=status:500"), outcome: "provider_failed", source: ""},
	"cut by the provider":           {share: 5, form: streamsOnly, steer: within("truncate-stream"), outcome: "provider_broken", source: "estimated"},
	"broken off with an error":      {share: 4, form: streamsOnly, steer: within("error-event"), outcome: "provider_failed", source: "estimated"},
	"left while nothing came":       {share: 4, steer: steer("fault=hang"), leaving: leavesWaiting, outcome: "client_gone", source: "estimated"},
	"left midway":                   {share: 12, form: streamsOnly, steer: within("stall"), leaving: leavesMidway, outcome: "client_gone", source: "estimated"},
	"left anywhere":                 {share: 8, form: streamsOnly, steer: steer("delay=1ms"), leaving: leavesAnywhere, outcome: "client_gone", source: "estimated"},
}

// price is that of every model: odd numbers, so that no rounding goes unseen.
var price = &config.Price{Input: 3_000_001, Output: 15_000_007, CachedInput: 300_003, CacheWrite: 3_750_011}

// document is the gateway of these tests.
func document(provider *fakeprovider.Server) *config.Document {
	d := bed.Document(provider)
	limit(d)
	for kind := range bed.Kinds {
		d.Core.Routes = append(d.Core.Routes, bed.Route(plain(kind), bed.Target(kind, "m", 0, 1, price)))
	}
	hedged := bed.Route("hedged",
		bed.Target(config.OpenAI, "slow+fault=latency:400ms", 0, 1000, price), bed.Target(config.Anthropic, "quick", 0, 1, price))
	hedged.Hedge = &config.Hedge{After: config.Duration(15 * time.Millisecond), MaxExtraPercent: 100}
	hedged.Limits = plenty
	d.Core.Routes = append(d.Core.Routes, hedged,
		bed.Route("failover",
			bed.Target(config.OpenAI, "m+fault=status:503", 0, 1, price), bed.Target(config.Mistral, "m+fault=reset-before-headers", 1, 1, price),
			bed.Target(config.Gemini, "m+fault=rate-limit", 2, 1, price), bed.Target(config.Anthropic, "m", 3, 1, price)),
		bed.Route("resume",
			bed.Target(config.OpenAICompatible, "m+fault=reset-after-headers", 0, 1, price), bed.Target(config.Bedrock, "m", 1, 1, price)))
	for _, user := range users {
		key := bed.Key(user)
		key.Labels = map[string]string{config.LabelTeam: "team-" + user[:1]}
		d.Keys = append(d.Keys, key)
	}
	return d
}

// plenty is a limit that nothing reaches: those who have one are counted.
var plenty = config.Limits{Tokens: []config.TokenLimit{{Count: 1 << 40, Per: config.Duration(time.Hour)}}}

// limit gives holders of every kind something to hold to, and keeps records.
func limit(d *config.Document) {
	g := &d.Core.Gateway
	g.Ledger = &config.Ledger{Retention: config.Duration(24 * time.Hour), MaxBytes: 1 << 30, MaxExportRecords: 100_000}
	g.All, g.PerUser = plenty, plenty
	d.Core.Policies = []config.Policy{
		{ID: "default/everybody", Limits: plenty, Budgets: []config.Budget{{Amount: 1000 * config.Dollar, Per: config.Day}}},
		{ID: "default/team-a", Limits: plenty, Selector: []config.Requirement{
			{Label: config.LabelTeam, Operator: config.In, Values: []string{"team-a"}},
		}},
	}
}

var users = []string{"alice", "anna", "bob"}

func plain(kind config.ProviderType) string { return "plain-" + strings.ToLower(string(kind)) }
