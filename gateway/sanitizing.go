// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"iter"
	"slices"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/guard"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/sanitize"
)

// guarding is what a route's requests and answers are looked at for. It is immutable.
type guarding struct {
	// content is nil where nothing is looked for in the words themselves.
	content *sanitize.Policy
	// webhook and moderation are nil for none.
	webhook    *webhook
	moderation *moderation
	// strict says that something is refused or replaced, so that nothing may go by unseen.
	strict bool
}

// sanitizing is what became of one request's words, and the memory for it.
type sanitizing struct {
	texts   []dialect.Text
	values  []sanitize.Text
	scratch sanitize.Scratch
	arena   []byte
	spare   []byte
	// answer is nil where nothing is looked for in the words of the answer.
	answer *sanitize.AnswerPolicy
	screen dialect.StreamFilter
	// guards says that the guards are asked about the answer.
	guards bool
	// blocked is why the answer is refused, blockedBy the kind of finding; nil as long as it is not.
	blocked   *exchange.Error
	blockedBy exchange.Finding
	// by is what the request's words are looked at for.
	by    *guarding
	found exchange.Findings // in the answer
	out   []byte
}

// keepArena is the largest memory of one kind that an idle request holds on to.
const keepArena = 256 << 10

func (s *sanitizing) reset() {
	clear(s.values)
	s.texts, s.values, s.arena, s.out = s.texts[:0], s.values[:0], s.arena[:0], s.out[:0]
	for _, b := range []*[]byte{&s.arena, &s.spare, &s.out} {
		if cap(*b) > keepArena {
			*b = nil
		}
	}
	if cap(s.texts) > 1<<12 {
		s.texts, s.values = nil, nil
	}
	s.answer, s.guards, s.blocked, s.found, s.by = nil, false, nil, exchange.Findings{}, nil
	s.blockedBy = exchange.FindingKinds
}

var scopes = [...]config.TextScope{
	dialect.RoleSystem: config.ScopeSystem, dialect.RoleUser: config.ScopeUser, dialect.RoleAssistant: config.ScopeAssistant,
	dialect.RoleTool: config.ScopeTool,
}

// sanitize looks at the request's words, and gets ready to look at the answer's.
func (r *request) sanitize(req *proxy.Request, w *way) *exchange.Error {
	g := w.guarding
	if w.from == nil {
		// What names no model takes no route.
		g = r.snap.guarding
	}
	if g == nil {
		return nil
	}
	r.words.by = g
	if err := g.unseen(req.Operation, r.ctx.IsPost()); err != nil {
		return err
	}
	if req.Asked != nil {
		if err := r.sanitizeRequest(req, g); err != nil {
			return err
		}
	} else if req.Operation != exchange.StoredResponse {
		// What a provider keeps of an answer is as the model gave it; nothing else that is not read is an answer.
		return nil
	}
	if g.content.ReadsAnswers() {
		var system [][]byte
		for i, t := range r.words.values {
			if r.words.texts[i].Role == dialect.RoleSystem {
				system = append(system, t.Value)
			}
		}
		r.words.answer = g.content.Answer(system)
	}
	r.words.guards = g.asks(config.DirectionResponse)
	return nil
}

// sanitizeRequest looks at the request's words.
func (r *request) sanitizeRequest(req *proxy.Request, g *guarding) *exchange.Error {
	if g.content.ReadsRequests() || g.asks(config.DirectionRequest) || g.content.ReadsSystem() {
		r.readTexts(req)
	}
	if g.content.ReadsRequests() {
		if err := r.applyContent(req, g.content); err != nil {
			return err
		}
	}
	if g.asks(config.DirectionRequest) && len(r.words.texts) > 0 {
		return r.askGuards(req, g)
	}
	return nil
}

// unseen refuses what the sanitizer cannot look into where it has to: sessions, and files whose lines are requests.
func (g *guarding) unseen(op exchange.Operation, posts bool) *exchange.Error {
	switch {
	case !g.strict:
		return nil
	case op == exchange.Realtime, posts && (op == exchange.Files || op == exchange.Batches):
	default:
		return nil
	}
	return &exchange.Error{
		Status: 403, Type: exchange.TypePermission, Code: "not_sanitizable", Reason: exchange.ReasonUnsanitizable, Outcome: exchange.Blocked,
		Message: "This gateway sanitizes what models read and write, and cannot do so here.", Final: true,
	}
}

// readTexts finds the texts of the request, and what they say.
func (r *request) readTexts(req *proxy.Request) {
	s := &r.words
	s.texts = req.Asked.Texts(s.texts[:0])
	s.values, s.arena = s.values[:0], s.arena[:0]
	for _, t := range s.texts {
		v := t.Value(s.arena[len(s.arena):len(s.arena):cap(s.arena)], req.Body)
		if len(v) > 0 && &v[0] != &req.Body[t.From] && len(v) <= cap(s.arena)-len(s.arena) {
			s.arena = s.arena[:len(s.arena)+len(v)]
		}
		s.values = append(s.values, sanitize.Text{Scope: scopes[t.Role], Value: v})
	}
	if need := len(req.Body); cap(s.arena) < need && len(s.texts) > 0 && need <= keepArena {
		// The next request finds room.
		s.arena = make([]byte, 0, need)
	}
}

// applyContent refuses the request, or replaces what must not go on.
func (r *request) applyContent(req *proxy.Request, policy *sanitize.Policy) *exchange.Error {
	s := &r.words
	result := policy.Request(s.values, &s.scratch)
	r.ex.Findings.Merge(result.Findings)
	if result.Block != nil {
		r.srv.living.metrics.Found(config.DirectionRequest, &result.Findings, result.Block.Kind)
		return blocked(result.Block)
	}
	if !result.Findings.Empty() {
		r.srv.living.metrics.Found(config.DirectionRequest, &result.Findings, exchange.FindingKinds)
	}
	if len(result.Replaced) == 0 {
		return nil
	}
	all := make([]dialect.Replacement, 0, len(result.Replaced))
	for _, with := range result.Replaced {
		t := s.texts[with.Index]
		all = append(all, dialect.Replacement{From: t.From, To: t.To, Plain: t.Plain, With: with.With})
	}
	return r.rewrite(req, all)
}

// rewrite replaces texts of the body, and reads it anew.
func (r *request) rewrite(req *proxy.Request, all []dialect.Replacement) *exchange.Error {
	s := &r.words
	s.spare = dialect.AppendReplaced(s.spare[:0], r.body, all)
	r.body, s.spare = s.spare, r.body
	var err *exchange.Error
	if len(req.ContentType) > 0 {
		err = r.asked.DecodeForm(r.endpoint.shape, req.ContentType, r.body)
	} else {
		err = r.asked.Decode(r.endpoint.shape, r.body)
	}
	if err != nil {
		// The texts were of a body that could be read, and so must this be.
		return internal(fmt.Errorf("a sanitized body cannot be read: %w", err))
	}
	if len(r.asked.Model) > 0 {
		r.ex.Model = r.asked.Model
	}
	req.Body = r.body
	r.readTexts(req)
	return nil
}

var blockedReasons = [exchange.FindingKinds]exchange.Reason{
	exchange.FoundPromptInjection: exchange.ReasonPromptInjection, exchange.FoundPII: exchange.ReasonPII,
	exchange.FoundDenyPattern: exchange.ReasonDenyPattern, exchange.FoundControlCharacters: exchange.ReasonControlCharacters,
	exchange.FoundSystemPromptLeak: exchange.ReasonSystemPromptLeak, exchange.FoundImageLink: exchange.ReasonImageLink,
	exchange.FoundWebhook: exchange.ReasonGuardDenied, exchange.FoundModeration: exchange.ReasonModeration,
}

// blocked is what a client is told of a finding. It says nothing of what was written.
func blocked(b *sanitize.Blocked) *exchange.Error {
	what := "The request"
	if b.Direction == config.DirectionResponse {
		what = "The model's answer"
	}
	e := &exchange.Error{
		Status: 400, Type: exchange.TypeInvalidRequest, Code: "content_policy_violation", Reason: blockedReasons[b.Kind],
		Outcome: exchange.Blocked, Message: what + " was refused by this gateway's content policy: " + b.Kind.String() + ".", Final: true,
	}
	if b.Name != "" {
		e.Message = what + " was refused by this gateway's content policy: deny_pattern " + b.Name + "."
	}
	return e
}

// compileRules compiles what is looked for in words.
func (b *build) compileRules() error {
	b.policies = map[*config.Sanitizer]*sanitize.Policy{}
	for from := range b.sanitizers() {
		policy, err := sanitize.New(from)
		if err != nil {
			return err
		}
		b.policies[from] = policy
	}
	return nil
}

// sanitizers are those of the gateway and of its routes.
func (b *build) sanitizers() iter.Seq[*config.Sanitizer] {
	return func(yield func(*config.Sanitizer) bool) {
		if s := b.doc.Core.Gateway.Sanitizer; s != nil && !yield(s) {
			return
		}
		for i := range b.doc.Core.Routes {
			if s := b.doc.Core.Routes[i].Sanitizer; s != nil && !yield(s) {
				return
			}
		}
	}
}

// openGuards takes up the services that are asked.
func (b *build) openGuards(living *Living) error {
	var all []guard.Settings
	for s := range b.sanitizers() {
		if s.Webhook != nil {
			if settings := guard.SettingsOf(s.Webhook, b.doc.Secrets, b.doc.Core.Gateway.ID); !slices.Contains(all, settings) {
				all = append(all, settings)
			}
		}
	}
	opened, err := living.guards.Use(all)
	if err != nil {
		return err
	}
	b.webhooks = make(map[guard.Settings]*guard.Webhook, len(all))
	for i := range all {
		b.webhooks[all[i]] = opened[i]
	}
	return nil
}

// guardingOf gives what a route's requests are looked at for; nil for nothing.
func (b *build) guardingOf(routed *config.Route) *guarding {
	from := b.doc.Core.Gateway.Sanitizer
	if routed != nil && routed.Sanitizer != nil {
		from = routed.Sanitizer
	}
	if from == nil {
		return nil
	}
	g := &guarding{content: b.policies[from], strict: strict(from)}
	if from.Webhook != nil {
		g.webhook = &webhook{from: from.Webhook, Webhook: b.webhooks[guard.SettingsOf(from.Webhook, b.doc.Secrets, b.doc.Core.Gateway.ID)]}
	}
	if m := from.Moderation; m != nil {
		g.moderation = &moderation{from: m, target: b.asideTarget(&m.Target)}
	}
	if g.content == nil && g.webhook == nil && g.moderation == nil {
		return nil
	}
	return g
}

// strict says that something is refused or replaced.
func strict(s *config.Sanitizer) bool {
	modes := []config.SanitizeMode{}
	if s.PromptInjection != nil {
		modes = append(modes, s.PromptInjection.Mode)
	}
	if s.PII != nil {
		modes = append(modes, s.PII.Mode)
	}
	for i := range s.DenyPatterns {
		modes = append(modes, s.DenyPatterns[i].Mode)
	}
	if s.ControlCharacters != nil {
		modes = append(modes, s.ControlCharacters.Mode)
	}
	if s.SystemPromptLeak != nil {
		modes = append(modes, s.SystemPromptLeak.Mode)
	}
	if s.ImageLinks != nil {
		modes = append(modes, s.ImageLinks.Mode)
	}
	if s.Moderation != nil {
		modes = append(modes, s.Moderation.Mode)
	}
	for _, mode := range modes {
		if mode != config.SanitizeFlag {
			return true
		}
	}
	return s.Webhook != nil
}
