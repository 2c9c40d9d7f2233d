// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/gateway/config"
)

// reading is one target of the text.
type reading struct{ config.ExplainedTarget }

// target writes what is known of one.
func (a answer) target(p *page, i int) {
	t := reading{a.Targets[i]}
	label := ""
	if i == 0 {
		label = "Targets"
	}
	text := fmt.Sprintf("%d. %s", i+1, t.name())
	if t.Upstream != "" {
		text += fmt.Sprintf(", there %q", t.Upstream)
	}
	p.row(label, "%s (%s)", text, t.Type)
	say := func(format string, args ...any) { p.indented("", 3, format, args...) }
	if len(a.Targets) == 1 && t.Standing == config.TargetReady {
		say("the only one")
	} else {
		say("%s", t.standing(i))
	}
	if t.Refusal != nil {
		say("it would refuse: %s%s", t.Refusal.Message, map[bool]string{true: " (field " + t.Refusal.Field + ")"}[t.Refusal.Field != ""])
	}
	if t.Wire != "" {
		say("%s", t.way())
	}
	if b := t.Breaker; b != nil {
		say("breaker %s since %s%s: %s", b.State, clock(b.Since), until(b.Until), b.Reason)
	} else {
		say("breaker closed%s", t.health())
	}
	if b := t.Breaker; b != nil && t.Health != nil {
		say("%s", strings.TrimPrefix(t.health(), "; "))
	}
	say("%s", t.load())
	if t.Price != nil {
		say("%s in and %s out a million tokens: about $%s for this request", dollars(t.Price.Input), dollars(t.Price.Output), t.Cost)
	} else {
		say("price unknown")
	}
	say("%s", t.patience())
}

// name is provider and model as the configuration calls them.
func (t reading) name() string { return name(t.ExplainedTarget) }

func name(t config.ExplainedTarget) string {
	if t.Model == "" {
		return t.Provider
	}
	return t.Provider + "/" + t.Model
}

func (t reading) standing(before int) string {
	place := fmt.Sprintf("tier %d, weight %d", t.Tier, t.Weight)
	switch t.Standing {
	case config.TargetReady:
		text := place + ": tried first"
		if before > 0 {
			text = place + ": tried next, when those before it failed"
		}
		if t.Chance < 1 {
			text += fmt.Sprintf(", in %.0f%% of the cases", 100*t.Chance)
		}
		return text
	case config.TargetIncapable:
		return place + ": cannot do what is asked, the next is tried at once"
	case config.TargetFull:
		return place + ": full, is waited for where no other is ready"
	case config.TargetElsewhere:
		return place + ": not tried, another provider issued the ids in the request"
	default:
		return place + ": not tried, its breaker stands against it"
	}
}

func (t reading) way() string {
	switch {
	case t.Translated:
		return "the request is translated to the dialect " + t.Wire
	case t.Edited:
		return "the bytes pass through, with a few fields edited in place"
	default:
		return "the bytes pass through"
	}
}

func (t reading) health() string {
	switch h := t.Health; {
	case h == nil:
		return ""
	case h.Healthy:
		return "; healthy since " + clock(h.Since)
	default:
		return "; UNHEALTHY since " + clock(h.Since) + ": " + h.Reason
	}
}

// load is what is under way, and what the provider takes.
func (t reading) load() string {
	text := screen.Plural(t.InFlight, "attempt") + " under way"
	if t.Latency > 0 {
		text += ", answers in about " + brief(t.Latency)
	}
	text += fmt.Sprintf("; provider: %d under way", t.ProviderInFlight)
	if t.Quota.Concurrency > 0 {
		text += fmt.Sprintf(" of %d", t.Quota.Concurrency)
	}
	if t.ProviderWaiting > 0 {
		text += fmt.Sprintf(", %d waiting", t.ProviderWaiting)
	}
	for _, l := range t.Quota.Requests {
		text += fmt.Sprintf(", %s per %s", screen.Plural(l.Count, "request"), brief(l.Per))
	}
	for _, l := range t.Quota.Tokens {
		text += fmt.Sprintf(", %s per %s", screen.Plural(l.Count, "token"), brief(l.Per))
	}
	if q := t.Quota; t.Replicas > 1 && (q.Concurrency > 0 || len(q.Requests)+len(q.Tokens) > 0) {
		text += fmt.Sprintf(", shared by %d pods", t.Replicas)
	}
	if !t.OutUntil.IsZero() {
		text += ", nothing left until " + clock(t.OutUntil) + " by its own word"
	}
	return text
}

// patience is how long and how often it is tried.
func (t reading) patience() string {
	text := screen.Plural(t.Retry.Attempts, "attempt")
	if t.Retry.Attempts > 1 {
		text += fmt.Sprintf(" (waits of up to %s, doubling to %s; %d%% of requests may be retried)",
			brief(t.Retry.Backoff), brief(t.Retry.MaxBackoff), t.Retry.BudgetPercent)
	}
	on := make([]string, 0, len(t.Retry.On))
	for _, condition := range t.Retry.On {
		on = append(on, string(condition))
	}
	if len(on) > 0 {
		text += ", then another target, on " + strings.Join(on, ", ")
	} else {
		text += ", and no other target"
	}
	wait := t.Timeouts
	return fmt.Sprintf("%s; connect within %s, first token %s, between tokens %s, total %s",
		text, brief(wait.Connect), brief(wait.FirstToken), brief(wait.BetweenTokens), brief(wait.Total))
}

func clock(at time.Time) string { return at.Local().Format(time.DateTime) }

func until(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return " until " + clock(at)
}
