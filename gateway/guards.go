// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"slices"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/guard"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/sanitize"
	"github.com/sparkgateway/spark/gateway/trace"
)

// webhook is a service that is asked about texts, moderation a model of a provider.
type webhook struct {
	*guard.Webhook
	from *config.GuardWebhook
}

type moderation struct {
	from *config.Moderation
	// target is nil where the model is not there: then it fails.
	target *proxy.Target
}

// asks says that a guard is asked about a direction.
func (g *guarding) asks(direction config.Direction) bool {
	return g.webhook != nil && slices.Contains(g.webhook.from.Directions, direction) ||
		g.moderation != nil && slices.Contains(g.moderation.from.Directions, direction)
}

// askGuards asks about the request's texts, and takes over what is to stand in their place.
func (r *request) askGuards(req *proxy.Request, g *guarding) *exchange.Error {
	s := &r.words
	texts := make([]guard.Text, len(s.texts))
	for i, t := range s.texts {
		texts[i] = guard.Text{Role: t.Role.String(), Text: s.values[i].Value}
	}
	with, err := r.consult(g, config.DirectionRequest, texts)
	if err != nil || with == nil {
		return err
	}
	var all []dialect.Replacement
	for i, t := range s.texts {
		if with[i] != string(s.values[i].Value) {
			all = append(all, dialect.Replacement{From: t.From, To: t.To, Plain: t.Plain, With: []byte(with[i])})
		}
	}
	if len(all) == 0 {
		return nil
	}
	return r.rewrite(req, all)
}

// consult asks the guards about texts of one direction: the webhook first, and then the moderation about what the webhook left.
// It gives what is to stand in their place, nil for what stands there.
func (r *request) consult(g *guarding, direction config.Direction, texts []guard.Text) (with []string, err *exchange.Error) {
	if w := g.webhook; w != nil && slices.Contains(w.from.Directions, direction) {
		if with, err = r.askWebhook(w, direction, texts); err != nil {
			return nil, err
		}
		for i := range with {
			texts[i].Text = []byte(with[i])
		}
	}
	if m := g.moderation; m != nil && slices.Contains(m.from.Directions, direction) {
		if err := r.moderate(m, direction, texts); err != nil {
			return nil, err
		}
	}
	return with, nil
}

// The results of guards in metrics, beside those that guard.Failure has.
const (
	guardAllowed  = "allow"
	guardBlocked  = "block"
	guardRedacted = "redact"
)

func (r *request) askWebhook(w *webhook, direction config.Direction, texts []guard.Text) ([]string, *exchange.Error) {
	began := time.Now()
	asked := guard.Question{
		Direction: direction, RequestID: string(r.ex.ID[:]), Principal: r.ex.Principal, Operation: r.ex.Operation, Dialect: r.dialect,
		Model: string(r.ex.Model), Texts: texts,
	}
	if t := &r.ex.Trace; t.Traced() {
		asked.Traceparent, asked.Tracestate = string(trace.AppendParent(nil, t, t.Span)), string(t.State)
	}
	verdict, failed := w.Ask(r.aside(), asked)
	told := func(result string) { r.srv.living.metrics.Guarded("webhook", result, time.Since(began)) }
	switch {
	case failed != nil:
		told(failureOf(failed))
		return nil, r.guardFailed(direction, w.from.OnFailure, failed)
	case !verdict.Allow:
		told(guardBlocked)
		return nil, r.found(exchange.FoundWebhook, direction, true, false)
	case verdict.Replace != nil:
		told(guardRedacted)
		return verdict.Replace, r.found(exchange.FoundWebhook, direction, false, true)
	}
	told(guardAllowed)
	return nil, nil
}

// moderate asks a provider's model.
func (r *request) moderate(m *moderation, direction config.Direction, texts []guard.Text) *exchange.Error {
	began := time.Now()
	told := func(result string) { r.srv.living.metrics.Guarded("moderation", result, time.Since(began)) }
	inputs := make([][]byte, 0, len(texts))
	for i := range texts {
		if len(texts[i].Text) > 0 {
			inputs = append(inputs, texts[i].Text)
		}
	}
	if len(inputs) == 0 {
		return nil
	}
	a := aside{
		kind: exchange.ModerationAttempt, operation: exchange.Moderation, shape: dialect.Moderations, target: m.target, within: m.from.Timeout.Std(),
	}
	if m.target != nil {
		a.body = guard.AppendModeration(nil, m.target.Model, inputs)
	}
	body, err := r.askAside(&a)
	if err != nil {
		if r.ends(err) {
			return err
		}
		told(string(guard.FailureUnreachable))
		return r.guardFailed(direction, m.from.OnFailure, err)
	}
	verdict, failed := guard.ReadModeration(body, len(inputs), m.from.Thresholds)
	switch {
	case failed != nil:
		told(failureOf(failed))
		return r.guardFailed(direction, m.from.OnFailure, failed)
	case verdict.Allow:
		told(guardAllowed)
		return nil
	}
	told(guardBlocked)
	return r.found(exchange.FoundModeration, direction, m.from.Mode == config.SanitizeBlock, false)
}

func failureOf(err error) string {
	var failed *guard.Error
	if errors.As(err, &failed) {
		return string(failed.Failure)
	}
	return string(guard.FailureTimeout)
}

// found notes what a guard objected to, and gives the refusal where it is one.
func (r *request) found(kind exchange.Finding, direction config.Direction, refused, redacted bool) *exchange.Error {
	var f exchange.Findings
	f.Add(kind, redacted)
	r.ex.Findings.Merge(f)
	r.caching.tainted = r.caching.tainted || direction == config.DirectionResponse
	if !refused {
		r.srv.living.metrics.Found(direction, &f, exchange.FindingKinds)
		return nil
	}
	r.srv.living.metrics.Found(direction, &f, kind)
	return blocked(&sanitize.Blocked{Kind: kind, Direction: direction})
}

// guardFailed is what becomes of a request whose guard gave no verdict: nil lets it go on. An answer that nobody looked at is for
// nobody else, who may find the guard there.
func (r *request) guardFailed(direction config.Direction, on config.GuardFailure, cause error) *exchange.Error {
	if on == config.GuardAllow {
		r.caching.tainted = r.caching.tainted || direction == config.DirectionResponse
		return nil
	}
	return &exchange.Error{
		Status: 503, Type: exchange.TypeServer, Reason: exchange.ReasonGuardUnavailable, Outcome: exchange.Internal,
		Message: "The gateway could not have this request checked. Please try again.", RetryAfter: time.Second, Cause: cause,
	}
}
