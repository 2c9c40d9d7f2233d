// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/limit"
	"github.com/sparkgateway/spark/gateway/proxy"
)

// Explain says what the server would do with a request now, by the code that serves requests. It asks no provider, takes
// nothing from limits, quotas or breakers, and is not counted. An error says what is wrong with the question.
func (s *Server) Explain(asked config.ExplainRequest) (config.Explanation, error) {
	snapshot := s.snapshot.Load()
	if snapshot == nil {
		return config.Explanation{}, ErrNoConfiguration
	}
	r, err := s.imagine(snapshot, asked)
	if err != nil {
		return config.Explanation{}, err
	}
	e := explaining{request: r, now: s.living.clock(), told: config.Explanation{
		Method: string(r.ex.Method), Path: string(r.ex.Path), Cache: notConfigured, Sanitizer: notConfigured,
	}}
	if r.endpoint != nil {
		e.told.Operation, e.told.Dialect = r.ex.Operation.String(), r.dialect.String()
	}
	e.refuse(r.checkHeader())
	e.addresses()
	if err := e.whom(asked.Key); err != nil {
		return config.Explanation{}, err
	}
	req, w := e.follow()
	e.limits(req, w)
	return e.told, nil
}

// imagine gives a request as it stands once its header and body were read. It has no connection, and is not counted.
func (s *Server) imagine(snapshot *Snapshot, asked config.ExplainRequest) (*request, error) {
	head, err := headOf(asked)
	if err != nil {
		return nil, err
	}
	r := &request{srv: s, snap: snapshot, ctx: &fasthttp.RequestCtx{}, body: bytes.Clone(asked.Body)}
	if err := r.ctx.Request.Header.Read(bufio.NewReaderSize(bytes.NewReader(head), len(head)+1)); err != nil {
		return nil, errors.New("path or headers: they make no HTTP request")
	}
	r.ex.Start = s.living.now()
	r.ex.Method, r.ex.Path = r.ctx.Method(), r.ctx.Path()
	r.locate()
	return r, nil
}

// headOf writes the head of a request, for it to be read as any other is.
func headOf(asked config.ExplainRequest) ([]byte, error) {
	method := asked.Method
	if method == "" {
		method = "GET"
		if len(asked.Body) > 0 {
			method = "POST"
		}
	}
	path := cmp.Or(asked.Path, config.ExplainDefaultPath)
	if !strings.HasPrefix(path, "/") || strings.ContainsFunc(path, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return nil, errors.New("path: it begins with / and holds no space")
	}
	if len(method) > 16 || strings.ContainsFunc(method, func(c rune) bool { return c < 'A' || c > 'Z' }) || method == "OPTIONS" {
		return nil, errors.New("method: it is one such as POST or GET")
	}
	head := append([]byte(nil), method+" "+path+" HTTP/1.1\r\nHost: gateway\r\n"...)
	for i, h := range asked.Headers {
		h.Name = textproto.CanonicalMIMEHeaderKey(h.Name)
		if err := h.Check(); err != nil {
			return nil, fmt.Errorf("headers[%d]: %w", i, err)
		}
		if h.Name != "Host" && h.Name != "Content-Length" && h.Name != "Transfer-Encoding" {
			head = append(head, h.Name+": "+h.Value+"\r\n"...)
		}
	}
	head = append(head, "Content-Length: "...)
	return append(strconv.AppendInt(head, int64(len(asked.Body)), 10), "\r\n\r\n"...), nil
}

// explaining is a request that is followed without being served.
type explaining struct {
	*request
	now  int64
	told config.Explanation
}

// refuse notes what would end the request; nil would not.
func (e *explaining) refuse(err *exchange.Error) {
	if err != nil {
		e.told.Refusals = append(e.told.Refusals, refusal(err))
	}
}

func refusal(err *exchange.Error) config.ExplainedRefusal {
	return config.ExplainedRefusal{
		Status: err.Status, Reason: string(err.Reason), Message: err.Message, Field: err.Param,
		RetryAfter: config.Duration(err.RetryAfter),
	}
}

// addresses tells the limits of each client address, without anybody's address.
func (e *explaining) addresses() {
	for _, c := range (limit.Parts{{Holder: nobody(), Rules: e.snap.rules.ofAddress}}).Constraints(limit.Part{}) {
		told := explainedLimit(&c)
		told.Holder = ""
		e.told.Limits = append(e.told.Limits, told)
	}
}

func explainedLimit(c *exchange.Constraint) config.ExplainedLimit {
	told := config.ExplainedLimit{
		Scope: c.Scope.String(), Holder: c.Holder, Of: c.Dimension.String(), Limit: c.Limit, Per: config.Duration(c.Per),
		Calendar: c.Calendar, Shadow: c.Shadow,
	}
	if c.Dimension == exchange.Requests {
		told.Burst = c.Burst
	}
	return told
}

// whom finds the principal: by name, as requests do, or the first there is.
func (e *explaining) whom(name string) error {
	if name == "" && e.endpoint != nil && e.endpoint.public {
		return nil
	}
	all := slices.SortedFunc(e.snap.keys.All(), func(a, b *exchange.Principal) int { return cmp.Compare(a.ID, b.ID) })
	found := config.KeyInHeader
	principal, refused := e.authenticate()
	switch {
	case name != "":
		var err error
		if principal, err = named(all, name); err != nil {
			return err
		}
		found = config.KeyNamed
	case len(e.shown()) == 0 && len(all) > 0:
		// An anonymous client is asked for only where there is nobody else.
		found, principal = config.KeyFirst, all[0]
	case refused != nil:
		e.refuse(refused)
		return nil
	}
	e.ex.Principal = principal
	id := principal.ID
	switch principal.Kind {
	case exchange.ByAddress:
		id, found = "", config.KeyNone
	case exchange.ByToken:
		found = config.KeyToken
	}
	role := "User"
	if principal.Master {
		role = "Master"
	}
	e.told.Key = &config.ExplainedKey{ID: id, User: principal.User, Role: role, Found: found, Of: len(all)}
	return nil
}

// named finds a key by its ID, or by the part after the slash where one key alone has it.
func named(all []*exchange.Principal, name string) (*exchange.Principal, error) {
	var alike []string
	var found *exchange.Principal
	for _, p := range all {
		if p.ID == name {
			return p, nil
		}
		if _, short, _ := strings.Cut(p.ID, "/"); short == name {
			found, alike = p, append(alike, p.ID)
		}
	}
	switch len(alike) {
	case 0:
		return nil, fmt.Errorf("key: this gateway has no key %q", name)
	case 1:
		return found, nil
	default:
		return nil, fmt.Errorf("key: %q is one of %s", name, strings.Join(alike, ", "))
	}
}

// nobody is the holder of an address that is not known, of which nothing was taken.
func nobody() *limit.Holder { return limit.NewBook(limit.Options{}).Holder(config.HolderIP) }

// limits tells those that the principal and the route are under, and whether a request that may use so much would pass.
func (e *explaining) limits(req *proxy.Request, w *way) {
	if e.ex.Principal == nil {
		return
	}
	e.srv.living.follow()
	e.request.limits.holding = e.snap.rules.of(e.ex.Principal, nobody())
	parts, use := e.request.limits.holding.parts, exchange.Use{}
	if w != nil {
		most := req.Most(&w.Route)
		e.request.limits.most = most
		use = exchange.Use{Tokens: most.Estimate, Cost: most.Cost}
		e.refuse(e.checkPrice(req, w))
		if w.limits.Holder != nil {
			parts = append(parts[:len(parts):len(parts)], w.limits)
		}
	}
	each, next := parts.Look(e.now, use)
	for _, l := range each {
		told := explainedLimit(&l.Constraint)
		told.Remaining, told.Reset = &l.Remaining, config.Duration(l.Reset)
		e.told.Limits = append(e.told.Limits, told)
	}
	if next.Refused != nil {
		e.refuse(refused(&next, ""))
	}
}

// follow goes where the request would, up to the provider, and gives what would be sent; nil where nothing would.
func (e *explaining) follow() (*proxy.Request, *way) {
	switch {
	case e.endpoint == nil:
		e.refuse(errUnknownURL)
		return nil, nil
	case !allowed(e.endpoint.methods, e.ex.Method):
		e.refuse(e.notAllowed(e.endpoint.methods))
		return nil, nil
	case e.endpoint.plan == nil:
		return nil, nil
	}
	if e.ctx.IsPost() {
		e.refuse(e.checkLength())
	}
	req, w, refused := e.endpoint.plan(e.request)
	e.told.Model, e.told.Stream = string(e.ex.Model), e.ex.Stream
	if len(e.ex.Model) > 0 {
		e.candidates()
	}
	if refused != nil {
		e.refuse(refused)
		return nil, nil
	}
	e.complete(&req, w)
	if w.from != nil && e.told.Route != nil {
		e.route(&req, w)
	}
	e.targets(&req, w)
	e.sanitizer(&req, w)
	e.cached(&req, w)
	return &req, w
}
