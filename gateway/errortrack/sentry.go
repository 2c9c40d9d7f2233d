// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/sparkgateway/spark/gateway/config"
)

const (
	// sentryEvery is how often Sentry is told of one group.
	sentryEvery = time.Minute
	// Of all groups together it is told sentryBurst at once, and then one more a second: events cost their receiver money.
	sentryBurst  = 100
	sentryRefill = time.Second
)

// errDSN does not quote what it is about.
var errDSN = errors.New("the Sentry DSN is not one")

// sentryTarget is where events go, and what they say of the deployment.
type sentryTarget struct {
	dsn         config.Secret
	environment string
}

func (t sentryTarget) same(o sentryTarget) bool {
	return t.dsn.Reveal() == o.dsn.Reveal() && t.environment == o.environment
}

// sentryTeller tells Sentry, by its own SDK. The SDK's synchronous transport is used, by the follower's goroutine, as it says
// what became of an event; what waits is the follower's to bound.
type sentryTeller struct {
	*follower
	gateway, instance, release string
	transport                  http.RoundTripper
	complaints                 *complaints
	now                        func() time.Time

	aimMu  sync.Mutex
	target sentryTarget

	// The teller's own goroutine's.
	client *sentry.Client
	using  sentryTarget
	wire   *wire
	// spent is when the allowance will be whole again.
	spent time.Time
}

// use takes another target; one without a DSN is none.
func (s *sentryTeller) use(t sentryTarget) error {
	var err error
	if dsn := t.dsn.Reveal(); dsn != "" {
		if _, e := sentry.NewDsn(dsn); e != nil {
			t, err = sentryTarget{}, errDSN
		}
	}
	s.aimMu.Lock()
	defer s.aimMu.Unlock()
	s.target = t
	s.on.Store(t.dsn.Reveal() != "")
	s.rouse()
	return err
}

// renew makes the client for the target of now; nil where there is none.
func (s *sentryTeller) renew() {
	s.aimMu.Lock()
	target := s.target
	s.aimMu.Unlock()
	if target.same(s.using) {
		return
	}
	s.end()
	s.using = target
	if target.dsn.Reveal() == "" {
		return
	}
	s.wire = &wire{transport: s.transport, life: s.life}
	client, err := sentry.NewClient(s.options(target))
	if err != nil {
		s.complaints.complain("sentry", errDSN)
		return
	}
	s.client = client
}

// options leave the SDK nothing to find out for itself: it would look at the environment, the host and the repository.
func (s *sentryTeller) options(t sentryTarget) sentry.ClientOptions {
	return sentry.ClientOptions{
		Dsn: t.dsn.Reveal(), Environment: t.environment, Release: s.release,
		Transport:    sentry.NewHTTPSyncTransport(),
		HTTPClient:   newClient(s.wire),
		Integrations: func([]sentry.Integration) []sentry.Integration { return nil },
		BeforeSend: func(event *sentry.Event, _ *sentry.EventHint) *sentry.Event {
			event.ServerName, event.Environment = "", t.environment
			return event
		},
	}
}

func (s *sentryTeller) end() {
	if s.client != nil {
		s.client.Close()
		s.client = nil
	}
}

func (s *sentryTeller) tell(waiting []*group, last bool) ([]*group, time.Duration) {
	s.renew()
	if s.client == nil {
		s.leave(waiting)
		return waiting[:0], 0
	}
	next := sentryEvery
	kept := waiting[:0]
	for _, g := range waiting {
		due := s.due(g)
		if due <= 0 || last {
			due = s.allowance()
		}
		if due > 0 || s.life.Err() != nil {
			next = min(next, max(due, time.Millisecond))
			kept = append(kept, g)
			continue
		}
		s.send(g)
	}
	if len(kept) == 0 {
		next = 0
	}
	return kept, next
}

// due says how long a group has to wait since Sentry was told of it.
func (s *sentryTeller) due(g *group) time.Duration {
	g.shard.mu.Lock()
	defer g.shard.mu.Unlock()
	known := &g.told[s.hook]
	if known.at.IsZero() {
		return 0
	}
	return sentryEvery - time.Since(known.at)
}

// allowance takes one event from it, or says how long there is none.
func (s *sentryTeller) allowance() time.Duration {
	now := time.Now()
	if s.spent.Before(now) {
		s.spent = now
	}
	if over := s.spent.Add(sentryRefill).Sub(now) - sentryBurst*sentryRefill; over > 0 {
		return over
	}
	s.spent = s.spent.Add(sentryRefill)
	return 0
}

func (s *sentryTeller) send(g *group) {
	about, since := s.take(g, s.now())
	s.wire.status, s.wire.err = 0, nil
	s.client.CaptureEvent(s.event(&about, since), nil, nil)
	status, err := s.wire.status, s.wire.err
	taken := status/100 == 2
	switch {
	case taken:
	case err != nil:
		s.complaints.complain("sentry", err)
	case status == 0:
		s.complaints.complain("sentry", errors.New("it asked to be left alone"))
	default:
		s.complaints.complain("sentry", errors.New("it answered with status "+strconv.Itoa(status)))
	}
	s.settle(g, since, taken)
}

// event is what Sentry is told of a group: its own words, as many as a person would group by, and no request.
func (s *sentryTeller) event(g *Group, since int64) *sentry.Event {
	event := sentry.NewEvent()
	event.Level, event.Logger, event.Timestamp = sentry.LevelError, "spark-gateway", g.Last
	event.Fingerprint = []string{g.Fingerprint}
	event.Exception = []sentry.Exception{{Type: g.Reason, Value: g.Sample}}
	event.Tags = map[string]string{}
	for name, value := range map[string]string{
		"gateway": s.gateway, "instance": s.instance, "reason": g.Reason, "outcome": g.Outcome, "provider": g.Provider,
		"model": g.Model, "route": g.Route, "dialect": g.Dialect, "operation": g.Operation, "request_id": g.LastRequestID,
		"status": number(g.Status), "upstream_status": number(g.UpstreamStatus),
	} {
		if value != "" {
			event.Tags[name] = value
		}
	}
	event.Contexts["failures"] = sentry.Context{
		"since_last_event": since, "count": g.Count, "last_hour": g.LastHour, "first_seen": g.First, "last_seen": g.Last,
	}
	return event
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// wire makes the SDK's calls: it remembers what became of the last, which the SDK does not tell, and breaks off when there is
// no more time.
type wire struct {
	transport http.RoundTripper
	life      context.Context
	status    int
	err       error
}

// RoundTrip reads the whole answer, so that no context is needed when it returns.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	defer context.AfterFunc(w.life, cancel)()
	resp, err := w.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		w.err = withoutURL(err)
		return nil, w.err
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	resp.Body = io.NopCloser(bytes.NewReader(body))
	w.status = resp.StatusCode
	return resp, nil
}
