// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/ledger"
)

// RecordReader gives the lines of records that ended between two times, in about that order, and may give some that ended
// ledger.Slack earlier or later. A ledger.Ledger is one.
type RecordReader interface {
	Read(ctx context.Context, from, to time.Time, each func(line []byte) error) error
}

// exports are those of one pod.
type exports struct {
	// source gives where records are read, nil for nowhere, and whether those of all pods are there.
	source func() (reader RecordReader, shared bool)
	slots  chan struct{}
}

// maxExports bounds those under way in one pod: each reads a disk, or a store, as fast as its client takes it.
const maxExports = 2

func newExports(source func() (reader RecordReader, shared bool)) *exports {
	return &exports{source: source, slots: make(chan struct{}, maxExports)}
}

// trailerNext names the time to go on from where an export ends early.
const trailerNext = "X-Spark-Next"

// exportRange is what an export covers where nothing is said.
const exportRange = 24 * time.Hour

var errNoRecords = &exchange.Error{
	Status: 404, Type: exchange.TypeInvalidRequest, Code: "no_records", Reason: exchange.ReasonUnknownURL, Outcome: exchange.Refused,
	Message: "This gateway keeps no usage records.",
}

// exportQuery is what GET /api/export was asked.
type exportQuery struct {
	csv      bool
	from, to time.Time
	limit    int64
	// filters that a line must match, all of them.
	filters []ledger.Filter
}

// serve answers GET /api/export: a key's own records, or those of all to a master key.
func (x *exports) serve(r *request) *exchange.Error {
	q, err := r.exportQuery()
	if err != nil {
		return err
	}
	if x == nil || r.snap.gateway.Ledger == nil {
		return errNoRecords
	}
	reader, shared := x.source()
	if reader == nil {
		return errNoRecords
	}
	most := r.snap.gateway.Ledger.MaxExportRecords
	if q.limit == 0 || q.limit > most {
		q.limit = most
	}
	if !r.ctx.IsHead() && !r.ctx.Request.Header.IsHTTP11() {
		return exchange.Invalid("", "An export needs HTTP/1.1.")
	}
	if r.ctx.IsHead() {
		r.exportHeaders(&q, shared)
		return nil
	}
	select {
	case x.slots <- struct{}{}:
	default:
		return &exchange.Error{
			Status: 429, Type: exchange.TypeRateLimit, Code: "rate_limit_exceeded", Reason: exchange.ReasonExports, Outcome: exchange.Limited,
			RetryAfter: time.Second, Message: fmt.Sprintf("This gateway makes %d exports at a time. Please try again.", maxExports),
		}
	}
	r.exportHeaders(&q, shared)
	r.relaying = true
	r.ctx.Response.SetBodyStream(&exportStream{r: r, reader: reader, q: q, slots: x.slots}, -1)
	return nil
}

func (r *request) exportHeaders(q *exportQuery, shared bool) {
	r.common()
	h := &r.ctx.Response.Header
	kind, suffix := "application/x-ndjson", "jsonl"
	if q.csv {
		kind, suffix = "text/csv; charset=utf-8; header=present", "csv"
	}
	const name = "20060102T150405Z"
	h.SetContentType(kind)
	h.Set("Content-Disposition", `attachment; filename="usage-`+q.from.Format(name)+"-"+q.to.Format(name)+"."+suffix+`"`)
	h.Set(ledger.ScopeHeader, scopeOf(shared))
	h.Set("Cache-Control", "no-store")
	r.ex.Status = 200
}

func scopeOf(shared bool) string {
	if shared {
		return ledger.ScopeStore
	}
	return ledger.ScopePod
}

// exportQuery reads the query. Errors name the parameter.
func (r *request) exportQuery() (exportQuery, *exchange.Error) {
	var q exportQuery
	p := r.ex.Principal
	switch {
	case p.Kind == exchange.ByAddress:
		return q, &exchange.Error{
			Status: 403, Type: exchange.TypePermission, Code: "key_required", Reason: exchange.ReasonMissingKey,
			Outcome: exchange.Refused, Message: "An address may be several people's, so that an export needs a key or a token.",
		}
	case !p.Master:
		q.filters = []ledger.Filter{ledger.ByPrincipal(p.Holder())}
	}
	given := map[string]string{}
	for name, value := range r.ctx.QueryArgs().All() {
		if _, twice := given[string(name)]; twice {
			return q, exchange.Invalid(string(name), "The parameter stands twice.")
		}
		given[string(name)] = string(value)
	}
	for name, value := range given {
		if err := q.set(name, value, p); err != nil {
			return q, err
		}
	}
	return q, q.settle(r.srv.living.now().UTC())
}

// set takes one parameter.
func (q *exportQuery) set(name, value string, p *exchange.Principal) *exchange.Error {
	var err error
	switch name {
	case "format":
		q.csv = value == "csv"
		if value != "csv" && value != "jsonl" {
			return exchange.Invalid(name, "The format is csv or jsonl.")
		}
	case "from":
		q.from, err = exportTime(value)
	case "to":
		q.to, err = exportTime(value)
	case "limit":
		if q.limit, err = strconv.ParseInt(value, 10, 64); err != nil || q.limit <= 0 {
			return exchange.Invalid(name, "The limit is a positive number of records.")
		}
	case "key", "user":
		if !p.Master {
			return errNotMaster
		}
		filter := ledger.ByKey
		if name == "user" {
			filter = ledger.ByUser
		}
		if value == "" {
			return exchange.Invalid(name, "The parameter is empty.")
		}
		q.filters = append(q.filters, filter(value))
	default:
		return exchange.Invalid(name[:min(len(name), 64)], "There is no such parameter; there are format, from, to, limit, key and user.")
	}
	if err != nil {
		return exchange.Invalid(name, "The time is as 2006-01-02 or 2006-01-02T15:04:05Z, in UTC where it says no zone.")
	}
	return nil
}

// exportTime reads a time. A "+" that was not escaped comes as a space.
func exportTime(text string) (time.Time, error) {
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, nil
	}
	at, err := time.Parse(time.RFC3339, strings.ReplaceAll(text, " ", "+"))
	return at.UTC(), err
}

// settle takes the defaults.
func (q *exportQuery) settle(now time.Time) *exchange.Error {
	if q.to.IsZero() {
		q.to = now
	}
	if q.from.IsZero() {
		q.from = q.to.Add(-exportRange)
	}
	if !q.from.Before(q.to) {
		return exchange.Invalid("from", "The time to begin from is not before the time to end at.")
	}
	return nil
}

var errNotMaster = &exchange.Error{
	Status: 403, Type: exchange.TypePermission, Code: "master_key_required", Reason: exchange.ReasonNotMaster,
	Outcome: exchange.Refused, Message: "This needs a key of role Master.",
}

// setTrailer tells the client, behind the records, where to go on.
func setTrailer(h *fasthttp.ResponseHeader, next time.Time) {
	h.Set(trailerNext, next.Format(exportLayout))
}

// exportLayout is RFC 3339 with milliseconds, as records have it.
const exportLayout = "2006-01-02T15:04:05.000Z07:00"
