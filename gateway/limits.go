// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"strconv"
	"strings"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/limit"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/store"
)

// taking is what a request takes of limits, from the first look at its address to the end.
type taking struct {
	// before is what was taken of the address' requests, charge all else.
	before, charge limit.Charge
	address        *limit.Holder
	holding        *holding
	visit, parts   limit.Parts // of before, and of charge
	route          limit.Part
	told           exchange.Decision
	most           proxy.Most
	// reserved says that the store keeps a reservation, constraints and holders what for; settles that it is to be told.
	reserved, settles bool
	store             *store.Store // which reserved, and is told the end
	constraints       []exchange.Constraint
	holders           []string
	// unpriced says that the cost is limited and that some target's is not known.
	unpriced bool
}

func (t *taking) reset() {
	t.before.Reset()
	t.charge.Reset()
	clear(t.visit)
	clear(t.parts)
	clear(t.constraints)
	clear(t.holders)
	t.visit, t.parts, t.constraints, t.holders = t.visit[:0], t.parts[:0], t.constraints[:0], t.holders[:0]
	t.address, t.holding, t.route, t.told, t.most = nil, nil, limit.Part{}, exchange.Decision{}, proxy.Most{}
	t.reserved, t.settles, t.unpriced, t.store = false, false, false, nil
}

// takeAddress takes one of the requests that the client's address may make.
func (r *request) takeAddress(now int64) *exchange.Error {
	rules := r.snap.rules
	if rules.ofAddress == nil || !r.ex.ClientIP.IsValid() || r.srv.living.unlimited() {
		return nil
	}
	t := &r.limits
	t.address = rules.book.Address(limit.Block(r.ex.ClientIP), now)
	if rules.addressBefore == nil {
		return nil
	}
	t.visit = append(t.visit[:0], limit.Part{Holder: t.address, Rules: rules.addressBefore})
	ok := t.before.Admit(now, t.visit, &t.told)
	r.shadowed(&t.told)
	if !ok {
		return r.limited(&t.told, exchange.ReasonIPLimit)
	}
	// What the address may do is nobody's business but its own.
	t.told = exchange.Decision{}
	return nil
}

// takeRequest takes a request and a slot of all limits of the principal.
func (r *request) takeRequest(now int64) *exchange.Error {
	living, rules, t := r.srv.living, r.snap.rules, &r.limits
	living.follow()
	if r.ex.Principal.Kind == exchange.ByAddress && t.address == nil {
		t.address = rules.book.Address(limit.Block(r.ex.ClientIP), now)
	}
	t.holding = rules.of(r.ex.Principal, t.address)
	if living.unlimited() {
		return nil
	}
	if s := living.store(); s != nil && !s.Up() && len(t.holding.constraints) > 0 {
		if err := r.withoutStore(); err != nil {
			return err
		}
	}
	t.parts = append(t.parts[:0], t.holding.parts...)
	if rules.addressAfter != nil && t.address != nil {
		t.parts = append(t.parts, limit.Part{Holder: t.address, Rules: rules.addressAfter})
	}
	ok := t.charge.Admit(now, t.parts, &t.told)
	r.shadowed(&t.told)
	if !ok {
		return r.limited(&t.told, "")
	}
	return nil
}

// reserve takes what a request that is about to be sent may use, here and in the store.
func (r *request) reserve(req *proxy.Request, w *way) *exchange.Error {
	living, t := r.srv.living, &r.limits
	t.most = req.Most(&w.Route)
	w.addAsides(req, &t.most)
	t.route = w.limits
	if err := r.checkPrice(req, w); err != nil {
		return err
	}
	r.gatherStored()
	if living.unlimited() {
		return nil
	}
	use := exchange.Use{Tokens: t.most.Estimate, Cost: t.most.Cost}
	now := living.nanos(living.now())
	up := t.store != nil && t.store.Up()
	stored, err := r.reserveStored(use)
	if err != nil {
		return err
	}
	if up && !stored && living.unlimited() {
		return nil
	}
	if up && !stored {
		// It was admitted as by a pod whose store will say, and has to be as by one that is alone.
		if err := r.readmit(now); err != nil {
			return err
		}
	}
	before := t.told
	if ok := t.charge.Reserve(now, t.route, use, &t.told); !ok && !stored {
		r.shadowed(&t.told)
		return r.limited(&t.told, "")
	}
	if stored {
		// What the store says is the truth; a pod's own books may be a moment behind.
		t.told = before
	} else {
		r.shadowed(&t.told)
	}
	return nil
}

// readmit takes a request and a slot anew, of what is this pod's now that its store does not answer.
func (r *request) readmit(now int64) *exchange.Error {
	t := &r.limits
	t.charge.Withdraw(now)
	ok := t.charge.Admit(now, t.parts, &t.told)
	r.shadowed(&t.told)
	if !ok {
		return r.limited(&t.told, "")
	}
	return nil
}

// gatherStored finds the store, where there is one, and what is asked of it and told to it, whether or not it answers just now.
func (r *request) gatherStored() {
	t := &r.limits
	if t.store = r.srv.living.store(); t.store == nil {
		return
	}
	t.constraints = append(t.constraints[:0], t.holding.constraints...)
	t.holders = append(t.holders[:0], t.holding.holders...)
	if t.address != nil && r.snap.rules.ofAddress != nil {
		t.constraints = append(t.constraints, limit.Parts{{Holder: t.address, Rules: r.snap.rules.ofAddress}}.Constraints(limit.Part{})...)
	}
	if t.route.Holder != nil {
		t.constraints = append(t.constraints, limit.Parts(nil).Constraints(t.route)...)
		t.holders = append(t.holders, t.route.Holder.Name())
	}
	t.settles = true
}

// reserveStored asks the store, where there is one that answers: false says that this pod has to decide alone.
func (r *request) reserveStored(use exchange.Use) (bool, *exchange.Error) {
	living, t := r.srv.living, &r.limits
	s := t.store
	if s == nil {
		return false, nil
	}
	if !s.Up() {
		return false, r.withoutStore()
	}
	told, err := s.Reserve(r.aside(), &store.Reservation{
		ID: string(r.ex.ID[:]), Constraints: t.constraints, Holders: t.holders, Use: use, Least: t.most.Least,
	})
	living.follow()
	if err != nil {
		return false, r.withoutStore()
	}
	r.shadowed(&told)
	t.told = told
	if told.Refused != nil {
		return true, r.limited(&t.told, "")
	}
	t.reserved = true
	return true, nil
}

// withoutStore says what becomes of a request, which a limit holds for, when the store cannot say: nil leaves it to this pod.
func (r *request) withoutStore() *exchange.Error {
	if r.srv.living.onFailure() != config.DenyAll || len(r.limits.holding.constraints)+len(r.limits.constraints) == 0 {
		return nil
	}
	return &exchange.Error{
		Status: 503, Type: exchange.TypeServer, Reason: exchange.ReasonStoreDown, Outcome: exchange.Limited,
		Message: "The gateway cannot tell whether this request is within its limits. Please try again.", RetryAfter: storeRetry,
	}
}

// checkPrice keeps requests that must cost no more than some amount from targets of which nobody knows what they cost.
func (r *request) checkPrice(req *proxy.Request, w *way) *exchange.Error {
	t := &r.limits
	if !t.holding.dear && !w.dear || !spends(r.ex.Operation, r.ex.Method) {
		return nil
	}
	all := uint32(1)<<len(w.Targets) - 1
	t.unpriced = t.most.Priced&all != all
	if !t.unpriced || r.snap.gateway.UnknownPrice != config.UnknownPriceDeny {
		return nil
	}
	if req.Only == 0 {
		req.Only = all
	}
	if req.Only &= t.most.Priced; req.Only != 0 {
		return nil
	}
	return &exchange.Error{
		Status: 403, Type: exchange.TypePermission, Code: "price_unknown", Reason: exchange.ReasonUnpriced, Outcome: exchange.Refused,
		Message: "What this key may spend is limited, and the price of this model is not known.", Final: true,
	}
}

// spends says that a request may cost something that is known when it is answered, or never.
func spends(op exchange.Operation, method []byte) bool {
	switch op {
	case exchange.Files, exchange.StoredResponse, exchange.CountTokens, exchange.ListModels:
		return false
	case exchange.Batches:
		return string(method) == "POST"
	default:
		return true
	}
}

// shadowed counts what would have been refused.
func (r *request) shadowed(d *exchange.Decision) {
	if d.Shadowed != nil && r.ex.Shadowed != d.Shadowed {
		r.ex.Shadowed = d.Shadowed
		r.srv.living.metrics.Shadowed(d.Shadowed.Scope, d.Shadowed.Dimension)
	}
}

// limited is the refusal of a decision. reason is empty where the limit's own says it.
func (r *request) limited(d *exchange.Decision, reason exchange.Reason) *exchange.Error {
	r.srv.living.metrics.Limited(d.Refused.Scope, d.Refused.Dimension)
	return refused(d, reason)
}

var limitReasons = [exchange.Dimensions]exchange.Reason{
	exchange.ReasonRequestLimit, exchange.ReasonTokenLimit, exchange.ReasonCostLimit, exchange.ReasonConcurrency, exchange.ReasonBudget,
}

// refused is what the client of a refused request is told.
func refused(d *exchange.Decision, reason exchange.Reason) *exchange.Error {
	c := d.Refused
	e := &exchange.Error{
		Status: 429, Type: exchange.TypeRateLimit, Code: "rate_limit_exceeded", Reason: reason, Outcome: exchange.Limited,
		RetryAfter: d.RetryAfter, Limit: nameOf(c),
	}
	if reason == "" {
		e.Reason = limitReasons[c.Dimension]
	}
	who := whose[c.Scope]
	again := ""
	if d.RetryAfter > 0 {
		again = " Please try again in " + string(limit.AppendReset(nil, d.RetryAfter)) + "."
	}
	switch c.Dimension {
	case exchange.Concurrency:
		e.Message = "Too many requests of " + who + " are under way. Limit: " + strconv.FormatInt(c.Limit, 10) + "."
		if e.RetryAfter == 0 {
			e.RetryAfter = slotRetry
		}
	case exchange.Spending:
		e.Type, e.Code, e.Final = exchange.TypeQuota, "insufficient_quota", true
		e.Message = "What is left of the budget of " + who + " does not cover this request. Budget: $" +
			config.Money(c.Limit).String() + periodOf[c.Calendar] + "."
	case exchange.Cost:
		e.Message = "Rate limit reached for the cost of " + who + ". Limit: $" + config.Money(c.Limit).String() + " each " +
			config.Duration(c.Per).String() + "." + again
	default:
		e.Message = "Rate limit reached for " + c.Dimension.String() + " of " + who + ". Limit: " + strconv.FormatInt(c.Limit, 10) +
			" each " + config.Duration(c.Per).String() + "." + again
	}
	return e
}

var whose = [exchange.Scopes]string{
	"this key", "this key", "this user", "this address", "this gateway", "a policy that this key is under", "this model",
}

var periodOf = map[config.Calendar]string{
	config.Day: " a day", config.Week: " a week", config.Month: " a month", config.Total: " in all",
}

// nameOf names a constraint for a header: "policy team-a/search budget Month".
func nameOf(c *exchange.Constraint) string {
	text := c.Scope.String()
	if c.Scope == exchange.ScopePolicy || c.Scope == exchange.ScopeRoute {
		_, id, _ := strings.Cut(c.Holder, "/")
		text += " " + id
	}
	text += " " + c.Dimension.String()
	switch c.Dimension {
	case exchange.Spending:
		return text + " " + string(c.Calendar)
	case exchange.Concurrency:
		return text
	default:
		return text + " " + config.Duration(c.Per).String()
	}
}
