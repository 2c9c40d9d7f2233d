// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ledger keeps one record of each request: it writes them, keeps them in bounded files where there is no store, and
// sends them on to whoever the configuration names. Nothing in it ever makes a request wait.
package ledger

import (
	"errors"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Record is what is kept of a request. As JSON, texts and lists that are empty are left out, numbers and booleans always
// stand, and the fields have the order below; docs/usage-records.md is the contract. It belongs to one goroutine.
type Record struct {
	// ID is the request's, which its answer bore. Of records with one ID all but one are copies.
	ID string `json:"id"`
	// Time is when the request began, in UTC and whole milliseconds.
	Time time.Time `json:"time"`
	// Key is "namespace/name" of the APIKey, empty for principals of other kinds.
	Key string `json:"key,omitempty"`
	// Principal is who asked, as exchange.Principal.Holder names it; empty where nobody was known.
	Principal string `json:"principal,omitempty"`
	User      string `json:"user,omitempty"`
	Team      string `json:"team,omitempty"`
	// Policies are the UsagePolicies that held, each "namespace/name".
	Policies []string `json:"policies,omitempty"`
	// Route is "namespace/name" of the ModelRoute, Provider that of the ProviderPolicy.
	Route    string `json:"route,omitempty"`
	Provider string `json:"provider,omitempty"`
	// Model is what the client asked for, at most MaxText bytes of it; UpstreamModel what the provider calls what answered.
	Model         string `json:"model,omitempty"`
	UpstreamModel string `json:"upstreamModel,omitempty"`
	// Operation and Dialect are words of exchange.
	Operation string `json:"operation,omitempty"`
	Dialect   string `json:"dialect,omitempty"`
	Stream    bool   `json:"stream"`
	// TokensIn and TokensOut are of all attempts together. TokensCached and TokensCacheWrite are parts of TokensIn,
	// TokensReasoning of TokensOut.
	TokensIn         int64 `json:"tokensIn"`
	TokensOut        int64 `json:"tokensOut"`
	TokensCached     int64 `json:"tokensCached"`
	TokensCacheWrite int64 `json:"tokensCacheWrite"`
	TokensReasoning  int64 `json:"tokensReasoning"`
	// Cost of all attempts. Priced says that there was none without a price; else Cost is only what is known of it.
	Cost   Dollars `json:"cost"`
	Priced bool    `json:"priced"`
	// Source is how the tokens are known, as exchange.UsageSource says it: of several attempts the least certain one.
	Source string `json:"source,omitempty"`
	// Outcome, Reason and Status are what the client was told.
	Outcome string `json:"outcome,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Status  int64  `json:"status"`
	// Attempts that went to providers.
	Attempts int64 `json:"attempts"`
	// LatencyMs is how long the request took, FirstTokenMs how long until the answer's first byte came from the provider: at
	// least 1, and 0 where none came.
	LatencyMs    int64 `json:"latencyMs"`
	FirstTokenMs int64 `json:"firstTokenMs"`
	// Cache is "hit", "miss" or "bypass"; empty without a cache.
	Cache string `json:"cache,omitempty"`
	// TokensSaved and CostSaved are what the answer took when it was made, of a hit.
	TokensSaved int64   `json:"tokensSaved"`
	CostSaved   Dollars `json:"costSaved"`
	// Findings are the sanitizer's words for what it found, separated by ", ".
	Findings string `json:"findings,omitempty"`
	// Shadowed is the limit or budget that would have refused the request, had it not been in shadow.
	Shadowed string `json:"shadowed,omitempty"`
	// BytesIn and BytesOut count bodies.
	BytesIn  int64 `json:"bytesIn"`
	BytesOut int64 `json:"bytesOut"`
}

// MaxText bounds each text of a record, in bytes before it is escaped, and MaxPolicies the list of them: so that a line stays
// below MaxLine whatever clients and providers say.
const (
	MaxText     = 253
	MaxPolicies = 64
	MaxLine     = 128 << 10
)

// View gives bytes as text without copying them. The text is good for as long as the bytes do not change.
func View(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Of gives what an exchange that ended says: all but Policies, Dialect and Shadowed. Its texts point into
// the exchange.
func Of(ex *exchange.Exchange, end time.Time) Record {
	r := Record{
		ID: View(ex.ID[:]), Time: ex.Start, Route: ex.Route, Provider: ex.Provider, Model: View(ex.Model),
		UpstreamModel: ex.UpstreamModel, Operation: ex.Operation.String(), Stream: ex.Stream, Outcome: ex.Outcome.String(),
		Reason: string(ex.Reason), Status: int64(ex.Status), LatencyMs: max(end.Sub(ex.Start).Milliseconds(), 0),
		Priced: true, BytesIn: ex.BytesIn, BytesOut: ex.BytesOut, Cache: ex.Caching.Result.String(),
		TokensSaved: ex.Caching.Saved.Total, CostSaved: Dollars(ex.Caching.SavedCost),
	}
	if !ex.FirstToken.IsZero() {
		r.FirstTokenMs = max(ex.FirstToken.Sub(ex.Start).Milliseconds(), 1)
	}
	if p := ex.Principal; p != nil {
		r.User, r.Team = p.User, p.Team
		r.Principal = p.Holder()
		if p.Kind == exchange.ByKey {
			r.Key = p.ID
		}
	}
	if !ex.Findings.Empty() {
		r.Findings = string(ex.Findings.AppendHeader(nil))
	}
	source := exchange.UsageNone
	r.tried(&ex.Attempt, &source)
	for i := range ex.Tried {
		r.tried(&ex.Tried[i], &source)
	}
	r.Source = source.String()
	return r
}

// tried adds what an attempt used.
func (r *Record) tried(a *exchange.Attempt, source *exchange.UsageSource) {
	if !a.Began.IsZero() {
		r.Attempts++
	} else if a.Usage.Source == exchange.UsageNone {
		return
	}
	u := &a.Usage
	r.TokensIn += u.Prompt
	r.TokensOut += u.Completion
	r.TokensCached += u.Cached
	r.TokensCacheWrite += u.CacheWritten
	r.TokensReasoning += u.Reasoning
	r.Cost += Dollars(a.Cost)
	r.Priced = r.Priced && (a.Priced || u.Source == exchange.UsageNone)
	if u.Source != exchange.UsageNone && (*source == exchange.UsageNone || u.Source < *source) {
		*source = u.Source
	}
}

// Ended is when the request ended. Records are kept, and read, in about this order.
func (r *Record) Ended() time.Time { return r.Time.Add(time.Duration(r.LatencyMs) * time.Millisecond) }

// Dollars are nanodollars that are a decimal of US dollars as text.
type Dollars config.Money

// String formats as config.Money does.
func (d Dollars) String() string { return string(d.AppendTo(nil)) }

// AppendTo appends what String gives, without allocating.
func (d Dollars) AppendTo(dst []byte) []byte { return config.Money(d).AppendTo(dst) }

// MarshalText gives what String gives.
func (d Dollars) MarshalText() ([]byte, error) { return d.AppendTo(nil), nil }

var errDollars = errors.New("not an amount of US dollars with at most nine decimals")

// UnmarshalText reads what MarshalText wrote.
func (d *Dollars) UnmarshalText(text []byte) error {
	whole, fraction, point := strings.Cut(string(text), ".")
	digits := strings.TrimPrefix(whole, "-")
	if digits == "" || strings.Trim(digits+fraction, "0123456789") != "" || point && fraction == "" || len(fraction) > 9 {
		return errDollars
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", 9-len(fraction)), 10, 64)
	if err != nil {
		return errDollars
	}
	*d = Dollars(n)
	return nil
}
