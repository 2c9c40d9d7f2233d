// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/telemetry"
)

const (
	// maxSpenders and maxBudgets bound what a Health lists.
	maxSpenders, maxBudgets = 50, 50
	// nearEnd is the part of a budget that has to be spent for it to be told of.
	nearEnd = 0.8
	// A look at what was spent serves all who ask within a time: the shortest, or so many times as long as the look took. So whoever
	// asks without end takes two percent of a core, however many keys there are.
	shortestUse, usePerLook = time.Second, 50
)

// spent is what was found to have been spent. It is immutable.
type spent struct {
	// near are the budgets near their end, or past it, the fullest first; fullest is of those that refuse.
	near    []config.BudgetHealth
	fullest telemetry.BudgetSight
	keys    []config.KeySpend
}

// spentLook keeps the last look at what was spent. The zero value is ready. It is safe for concurrent use.
type spentLook struct {
	mu    sync.Mutex // held while somebody looks, so that the others wait for what is found
	of    *rules
	until time.Time
	found *spent
}

// spent gives what was spent of budgets, and by keys, as it was found a moment ago.
func (s *Server) spent() *spent {
	var of *rules
	if snapshot := s.snapshot.Load(); snapshot != nil {
		of = snapshot.rules
	}
	k := &s.spentLook
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.found != nil && k.of == of && s.living.now().Before(k.until) {
		return k.found
	}
	began := time.Now()
	k.found, k.of = of.spent(), of
	k.found.keys = s.living.spend.Look(maxSpenders)
	k.until = s.living.now().Add(useOf(time.Since(began)))
	return k.found
}

// useOf is how long what a look found may be told, by how long the look took.
func useOf(took time.Duration) time.Duration { return max(shortestUse, usePerLook*took) }

// spent looks at all budgets, of policies and then of keys. There are none without rules.
func (r *rules) spent() *spent {
	s := &spent{near: []config.BudgetHealth{}, fullest: telemetry.BudgetSight{}}
	if r == nil {
		return s
	}
	for i := range r.policies {
		p := &r.policies[i]
		s.look(r, config.HolderPolicy, p.ID, p.Budgets)
	}
	for i := range r.doc.Keys {
		k := &r.doc.Keys[i]
		s.look(r, config.HolderKey, k.ID, k.Budgets)
	}
	s.prune()
	return s
}

func (s *spent) look(r *rules, kind, id string, budgets []config.Budget) {
	for i := range budgets {
		b := &budgets[i]
		cost, ends := r.book.Spent(kind+id, b.Per)
		if !b.Shadow {
			scope := telemetry.BudgetOfKey
			if kind == config.HolderPolicy {
				scope = telemetry.BudgetOfPolicy
			}
			s.fullest[scope] = max(s.fullest[scope], float64(cost)/float64(b.Amount))
		}
		if float64(cost) < nearEnd*float64(b.Amount) {
			continue
		}
		s.near = append(s.near, config.BudgetHealth{
			Kind: strings.TrimSuffix(kind, "/"), Holder: id, Per: b.Per, Spent: dollars(cost), Limit: dollars(b.Amount),
			Resets: ends, Shadow: b.Shadow,
		})
		if len(s.near) >= 4*maxBudgets {
			s.prune()
		}
	}
}

// prune leaves the fullest, of those alike the first.
func (s *spent) prune() {
	slices.SortStableFunc(s.near, func(a, b config.BudgetHealth) int { return cmp.Compare(b.Spent/b.Limit, a.Spent/a.Limit) })
	s.near = s.near[:min(len(s.near), maxBudgets)]
}

func dollars(m config.Money) float64 { return float64(m) / float64(config.Dollar) }
