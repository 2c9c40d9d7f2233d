// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/gateway/config"
)

// labelWidth is the column that says what a line is about.
const labelWidth = 10

// page is text in two columns, whose lines are broken between words.
type page struct{ bytes.Buffer }

// row writes a line, with what it is about where that is new.
func (p *page) row(label, format string, args ...any) { p.indented(label, 0, format, args...) }

// indented writes a line that stands deeper; what does not fit goes on below it, deeper again.
func (p *page) indented(label string, deeper int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(p, "%-*s%s", labelWidth, label, strings.Repeat(" ", deeper))
	column := labelWidth + deeper
	for i, word := range strings.Fields(screen.Printable(text)) {
		n := utf8.RuneCountInString(word)
		switch {
		case i > 0 && column+1+n > screen.Width:
			fmt.Fprintf(p, "\n%*s", labelWidth+deeper+2, "")
			column = labelWidth + deeper + 2
		case i > 0:
			p.WriteByte(' ')
			column++
		}
		p.WriteString(word)
		column += n
	}
	p.WriteByte('\n')
}

// text writes the answer for people.
func (a answer) text() []byte {
	p := &page{}
	where := "offline, as by a gateway that has just started"
	if a.Pod != "" {
		where = "as pod " + a.Pod + " says now"
	}
	p.row("Gateway", "%s, %s", a.Gateway, where)
	a.request(p)
	a.result(p)
	a.whom(p)
	a.limits(p)
	a.route(p)
	for i := range a.Targets {
		a.target(p, i)
	}
	p.row("Cache", "%s", a.Cache)
	p.row("Sanitizer", "%s", a.Sanitizer)
	return p.Bytes()
}

func (a answer) request(p *page) {
	text := a.Method + " " + a.Path
	if a.Operation != "" {
		text += ": " + a.Operation + " in the dialect " + a.Dialect
	}
	if a.Model != "" {
		text += fmt.Sprintf(", model %q", a.Model)
	}
	if a.Stream {
		text += ", streamed"
	}
	p.row("Request", "%s", text)
	if t := a.Tokens; t != nil {
		p.row("", "taken for %s, and %d of an answer (%d are reserved of quotas)", screen.Plural(t.Prompt, "token"), t.Answer, t.Reserved)
	}
}

// result is the answer in short.
func (a answer) result(p *page) {
	for i, r := range a.Refusals {
		label, again := "", "also: "
		if i == 0 {
			label, again = "Result", ""
		}
		text := fmt.Sprintf("%srefused with %d %s: %s", again, r.Status, r.Reason, r.Message)
		if r.Field != "" {
			text += " (field " + r.Field + ")"
		}
		if r.RetryAfter > 0 {
			text += " (retry after " + brief(r.RetryAfter) + ")"
		}
		p.row(label, "%s", text)
	}
	if len(a.Refusals) > 0 {
		return
	}
	for i, t := range a.Targets {
		switch {
		case t.Standing == config.TargetReady && t.Chance == 1:
			p.row("Result", "sent to target %d: %s", i+1, name(t))
			return
		case t.Standing == config.TargetReady:
			p.row("Result", "sent to target %d: %s, in %.0f%% of the cases, else to another of its tier", i+1, name(t), 100*t.Chance)
			return
		case t.Standing == config.TargetFull:
			p.row("Result", "waits for target %d: %s, for %s at most", i+1, name(t), brief(t.Quota.QueueTimeout))
			return
		}
	}
	p.row("Result", "answered by the gateway itself")
}

func (a answer) whom(p *page) {
	k := a.Key
	if k == nil {
		p.row("Key", "none")
		return
	}
	how := ", as --key says"
	switch {
	case k.Found == config.KeyNone:
		p.row("Key", "none: anonymous clients are let in, each address for itself")
		return
	case k.Found == config.KeyToken:
		how = ", by a token in a header"
	case k.Found == config.KeyInHeader:
		how = ", by the key in a header"
	case k.Found == config.KeyFirst && k.Of > 1:
		how = fmt.Sprintf(": the first of %d, as --key names none", k.Of)
	case k.Found == config.KeyFirst:
		how = ", the only one"
	}
	p.row("Key", "%s of user %s, role %s%s", k.ID, k.User, k.Role, how)
}

func (a answer) limits(p *page) {
	if len(a.Limits) == 0 {
		p.row("Limits", "none")
	}
	for i, l := range a.Limits {
		label := ""
		if i == 0 {
			label = "Limits"
		}
		p.row(label, "%s: %s", whose(&l), amount(&l))
	}
}

func (a answer) route(p *page) {
	label := "Route"
	if r := a.Route; r != nil {
		p.row(label, "%s", named(r.ExplainedCandidate))
		label = ""
		if len(r.Headers) > 0 {
			p.row("", "asks for %s, which the request has", strings.Join(r.Headers, " and "))
		}
		if len(a.Targets) > 1 {
			p.row("", "targets of a tier are chosen by strategy %s%s", r.Strategy, affinity(r))
		}
		if r.Hedge != nil {
			to := "but there is no target for it"
			if r.HedgeTo > 0 {
				to = fmt.Sprintf("to target %d", r.HedgeTo)
			}
			p.row("", "hedge: a second attempt after %s, in at most %d%% of the requests, %s", brief(r.Hedge.After), r.Hedge.MaxExtraPercent, to)
		}
		if r.Mirror != "" {
			p.row("", "mirror: %d%% of the requests are copied to %s", r.MirrorPercent, r.Mirror)
		}
	}
	for _, c := range a.PassedOver {
		p.row(label, "passed over: %s, asks for %s", named(c), c.Lacks)
		label = ""
	}
	for _, c := range a.LessSpecific {
		p.row(label, "less specific: %s", named(c))
		label = ""
	}
	if label != "" && a.Model != "" {
		p.row(label, "none has this name")
	}
}

func affinity(r *config.ExplainedRoute) string {
	switch {
	case r.Affinity == config.AffinityNone:
		return ""
	case r.Sticky:
		return ", always the same one by affinity " + r.Affinity
	default:
		return ", as the request has nothing for affinity " + r.Affinity
	}
}

// named says which route a candidate is, and what led there.
func named(c config.ExplainedCandidate) string {
	switch c.By {
	case config.ByName:
		return fmt.Sprintf("ModelRoute %s by its name %q", c.ID, c.Name)
	case config.ByPattern:
		return fmt.Sprintf("ModelRoute %s by its pattern %q", c.ID, c.Name)
	case config.ByProvider:
		return c.Model + ", by the name of a provider that takes any model"
	case config.ByOnlyProvider:
		return c.Model + ", as no other provider takes any model"
	case config.ByModel:
		return c.Model + ", by the model's own name"
	default:
		return c.Model + ", by provider and model"
	}
}

// brief writes a duration without the zeros that time.Duration ends whole minutes and hours with.
func brief(d config.Duration) string {
	text := d.Std().Round(time.Millisecond).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// dollars writes a price of config.Price, which is in millionths of a dollar.
func dollars(millionths int64) string {
	text := strings.TrimRight(big.NewRat(millionths, 1_000_000).FloatString(6), "0")
	return "$" + strings.TrimSuffix(text, ".")
}

// whose says whom a limit holds for.
func whose(l *config.ExplainedLimit) string {
	_, id, _ := strings.Cut(l.Holder, "/")
	text := map[string]string{
		config.LimitOfAddress: "of each client address", "gateway": "of the gateway, on each key", "key": "of the key",
		"user": "of the user", "all": "of the whole gateway", "policy": "of the policy " + id, "route": "of the route " + id,
	}[l.Scope]
	if l.Shadow {
		text += " (in shadow)"
	}
	return text
}

// amount says how much a limit is, and how much of it is left.
func amount(l *config.ExplainedLimit) string {
	of := func(n int64) string { return screen.Plural(n, strings.TrimSuffix(l.Of, "s")) }
	switch l.Of {
	case "cost", "budget":
		of = func(n int64) string { return "$" + config.Money(n).String() }
	case "concurrency":
		of = func(n int64) string { return screen.Plural(n, "request") + " under way" }
	}
	text := of(l.Limit)
	switch {
	case l.Calendar == config.Total:
		text = "a budget of " + text + " in all"
	case l.Calendar != "":
		text = "a budget of " + text + " a " + strings.ToLower(string(l.Calendar))
	case l.Per > 0:
		text += " per " + brief(l.Per)
	}
	if l.Burst > 0 {
		text += fmt.Sprintf(", %d at once", l.Burst)
	}
	if l.Remaining == nil {
		return text
	}
	left := strconv.FormatInt(*l.Remaining, 10)
	if l.Of == "cost" || l.Of == "budget" {
		left = of(*l.Remaining)
	}
	text += "; " + left + " left"
	if l.Reset > 0 {
		text += ", all again in " + brief(l.Reset)
	}
	return text
}
