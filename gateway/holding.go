// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/limit"
)

// rules are the limits of one configuration with the holders that they are for. They are immutable, but for what is made
// when it is first needed, and safe for concurrent use.
type rules struct {
	book *limit.Book
	doc  *config.Document
	// namespace is the gateway's own, whose policies hold for tokens.
	namespace     string
	each, perUser *limit.Rules
	all           limit.Part
	// ofAddress is in two parts: requests are taken before anybody knows who asks, the rest once it is known.
	ofAddress, addressBefore, addressAfter *limit.Rules
	policies                               []policy
	// keys are by Principal.Index, made at the key's first request: most of many keys are never used.
	keys []atomic.Pointer[holding]

	mu     sync.Mutex
	tokens map[*exchange.Principal]*holding
}

type policy struct {
	*config.Policy
	namespace string
	part      limit.Part
}

// holding is what a principal has to keep.
type holding struct {
	parts limit.Parts
	// constraints and holders say the same to a store.
	constraints []exchange.Constraint
	holders     []string
	// policies are those that hold, for the record.
	policies []string
	// dear says that what the principal spends is limited.
	dear bool
}

func newRules(doc *config.Document, book *limit.Book) *rules {
	g := &doc.Core.Gateway
	before, after := config.Limits{Requests: g.PerIP.Requests, Shadow: g.PerIP.Shadow}, g.PerIP
	after.Requests = nil
	r := &rules{
		book: book, doc: doc, namespace: namespaceOf(g.ID),
		each:    limit.NewRules(exchange.ScopeEach, &g.Limits, nil),
		perUser: limit.NewRules(exchange.ScopeUser, &g.PerUser, nil),
		all:     limit.Part{Holder: book.Holder(config.HolderAll), Rules: limit.NewRules(exchange.ScopeAll, &g.All, nil)},

		ofAddress:     limit.NewRules(exchange.ScopeIP, &g.PerIP, nil),
		addressBefore: limit.NewRules(exchange.ScopeIP, &before, nil),
		addressAfter:  limit.NewRules(exchange.ScopeIP, &after, nil),

		keys: make([]atomic.Pointer[holding], len(doc.Keys)), tokens: map[*exchange.Principal]*holding{},
	}
	for i := range doc.Core.Policies {
		p := &doc.Core.Policies[i]
		r.policies = append(r.policies, policy{p, namespaceOf(p.ID), limit.Part{
			Holder: book.Holder(config.HolderPolicy + p.ID), Rules: limit.NewRules(exchange.ScopePolicy, &p.Limits, p.Budgets),
		}})
	}
	return r
}

func namespaceOf(id string) string {
	namespace, _, _ := strings.Cut(id, "/")
	return namespace
}

// maxTokens bounds the bearers of tokens whose holding is kept; it costs little to make it anew.
const maxTokens = 1 << 14

// of gives what a principal has to keep. at is the holder of an anonymous one.
func (r *rules) of(p *exchange.Principal, at *limit.Holder) *holding {
	switch p.Kind {
	case exchange.ByKey:
		kept := &r.keys[p.Index]
		if h := kept.Load(); h != nil {
			return h
		}
		key := &r.doc.Keys[p.Index]
		h := r.hold(p, r.book.Holder(p.Holder()), limit.NewRules(exchange.ScopeKey, &key.Limits, key.Budgets), namespaceOf(key.ID),
			func(label string) []string {
				if value, ok := key.Labels[label]; ok {
					return []string{value}
				}
				return nil
			})
		kept.CompareAndSwap(nil, h)
		return kept.Load()
	case exchange.ByToken:
		r.mu.Lock()
		defer r.mu.Unlock()
		h := r.tokens[p]
		if h == nil {
			if len(r.tokens) >= maxTokens {
				clear(r.tokens)
			}
			h = r.hold(p, r.book.Holder(p.Holder()), nil, r.namespace, func(label string) []string { return p.Labels[label] })
			r.tokens[p] = h
		}
		return h
	default:
		return r.hold(p, at, nil, "", nil)
	}
}

// hold gathers what holds for a principal: with nil labels no policy does.
func (r *rules) hold(p *exchange.Principal, own *limit.Holder, ownRules *limit.Rules, namespace string, labels func(string) []string) *holding {
	h := &holding{parts: limit.Parts{{Holder: own, Rules: r.each}, {Holder: own, Rules: ownRules}}}
	if p.User != "" && r.perUser != nil {
		h.parts = append(h.parts, limit.Part{Holder: r.book.Holder(config.HolderUser + p.User), Rules: r.perUser})
	}
	if r.all.Rules != nil {
		h.parts = append(h.parts, r.all)
	}
	for i := range r.policies {
		each := &r.policies[i]
		if labels == nil || each.namespace != namespace ||
			slices.ContainsFunc(each.Selector, func(q config.Requirement) bool { return !q.Holds(labels(q.Label)) }) {
			continue
		}
		h.parts, h.policies = append(h.parts, each.part), append(h.policies, each.ID)
	}
	h.constraints = h.parts.Constraints(limit.Part{})
	h.dear = dear(h.constraints)
	for i := range h.parts {
		if name := h.parts[i].Holder.Name(); !slices.Contains(h.holders, name) {
			h.holders = append(h.holders, name)
		}
	}
	return h
}

// dear says that spending is limited, and not in shadow.
func dear(of []exchange.Constraint) bool {
	return slices.ContainsFunc(of, func(c exchange.Constraint) bool {
		return !c.Shadow && (c.Dimension == exchange.Cost || c.Dimension == exchange.Spending)
	})
}
