// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package errortrack groups the requests that failed, and tells others of the groups.
package errortrack

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Group is requests that failed in one way.
type Group = config.ErrorGroup

// Event is one request that ended. The Tracker keeps nothing that it points to.
type Event struct {
	Reason  exchange.Reason
	Outcome exchange.Outcome
	// Status is what the client was told, UpstreamStatus what the provider answered; 0 where nothing was.
	Status, UpstreamStatus int
	// Provider is a provider's ID, Target the model's name in the configuration, Route a route's ID. None is a client's word.
	Provider, Target, Route string
	Dialect                 exchange.Dialect
	Operation               exchange.Operation
	RequestID               [exchange.IDLen]byte
	// Time is when the request ended; zero is now.
	Time time.Time
	// Message is what the client was told, in the gateway's own words: a provider's may quote prompts. Cause may be nil.
	Message string
	Cause   error
}

// Options of a Tracker. The zero value of each field has a use.
type Options struct {
	// Gateway is "namespace/name", Instance is as in the Ack, Version is the release that Sentry is told.
	Gateway, Instance, Version string
	// Redact appends a text without what is personal or secret in it. It is called from several goroutines, when a group
	// begins, with what the Tracker's own redaction left. nil leaves it at that.
	Redact func(dst, text []byte) []byte
	// Now is the clock of what is told; nil is time.Now. Waiting is real time.
	Now func() time.Time
	// Logger takes what goes wrong with hooks, once a minute, without addresses; nil discards.
	Logger *slog.Logger
	// Transport makes the calls of hooks; nil is the network.
	Transport http.RoundTripper
}

// Settings are what a reload may change.
type Settings struct {
	// MaxGroups bounds the groups that are remembered; 0 is DefaultMaxGroups.
	MaxGroups int
	// SentryDSN is where events go; empty sends none.
	SentryDSN config.Secret
	// Environment is what Sentry calls the deployment; empty says none.
	Environment string
	// WebhookURL takes a WebhookBatch by POST; empty sends none.
	WebhookURL string
	// WebhookAuthorization is the value of that header; empty sends none.
	WebhookAuthorization config.Secret
}

// SettingsOf gives those that a document asks for; nil asks for the defaults. The secrets are its own, by their names.
func SettingsOf(c *config.ErrorTracking, secrets map[string]config.Secret) Settings {
	if c == nil {
		return Settings{}
	}
	s := Settings{MaxGroups: c.MaxGroups, Environment: c.Environment, SentryDSN: secrets[c.SentryDSN]}
	if c.Webhook != nil {
		s.WebhookURL, s.WebhookAuthorization = c.Webhook.URL, secrets[c.Webhook.Authorization]
	}
	return s
}

// DefaultMaxGroups is used until Settings say otherwise.
const DefaultMaxGroups = 1000

// Stats count what happened since the Tracker was made.
type Stats struct {
	// Groups is how many there are now.
	Groups int
	// Errors and Warnings count requests by their level.
	Errors, Warnings int64
	// Forgotten counts groups that made room for others.
	Forgotten int64
	// SentryEvents were taken by Sentry; SentryDropped were due and were not.
	SentryEvents, SentryDropped int64
	// WebhookGroups were taken by the webhook; WebhookDropped were due and were not.
	WebhookGroups, WebhookDropped int64
}

// WebhookBatch is what a webhook is sent: groups that grew, each as counted in all by this process.
type WebhookBatch struct {
	Gateway  string  `json:"gateway"`
	Instance string  `json:"instance"`
	Groups   []Group `json:"groups"`
}

// Tracker groups the requests of one process that failed; it outlives snapshots. It is safe for concurrent use.
type Tracker struct {
	gateway, instance string
	redact            func(dst, text []byte) []byte
	now               func() time.Time
	since             time.Time

	roster             roster
	failures, mistakes atomic.Int64
	sentry             *sentryTeller
	webhook            *webhook
	closing            sync.Once
}

// New gives a Tracker that tells nobody until Use. Close it to end its goroutines.
func New(o Options) *Tracker {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Version == "" {
		// The SDK would look for a release elsewhere.
		o.Version = "unknown"
	}
	log := &complaints{logger: o.Logger, now: o.Now, last: map[string]time.Time{}}
	t := &Tracker{gateway: o.Gateway, instance: o.Instance, redact: o.Redact, now: o.Now, since: o.Now().UTC()}
	t.roster.init(DefaultMaxGroups)
	t.sentry = &sentryTeller{
		follower: newFollower(sentryHook), gateway: o.Gateway, instance: o.Instance, release: o.Version,
		transport: transportOr(o.Transport, http.ProxyFromEnvironment), complaints: log, now: o.Now,
	}
	t.webhook = &webhook{
		follower: newFollower(webhookHook), gateway: o.Gateway, instance: o.Instance, complaints: log, now: o.Now,
		client: newClient(transportOr(o.Transport, nil)), changed: make(chan struct{}),
	}
	go t.sentry.follow(t.sentry)
	go t.webhook.follow(t.webhook)
	return t
}

func transportOr(given http.RoundTripper, proxy func(*http.Request) (*url.URL, error)) http.RoundTripper {
	if given != nil {
		return given
	}
	return &http.Transport{
		Proxy: proxy, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: callTimeout, MaxResponseHeaderBytes: maxReply,
	}
}

// Use takes other settings; no group is lost, but to a smaller MaxGroups. An error is of the DSN, does not quote it, and leaves
// Sentry untold; the other settings hold all the same.
func (t *Tracker) Use(s Settings) error {
	most := s.MaxGroups
	if most <= 0 {
		most = DefaultMaxGroups
	}
	t.roster.resize(most)
	t.webhook.use(webhookTarget{url: s.WebhookURL, authorization: s.WebhookAuthorization})
	return t.sentry.use(sentryTarget{dsn: s.SentryDSN, environment: s.Environment})
}

// Record counts a request that did not end well. It never waits for a hook, and allocates nothing for a group that there is,
// but for what the cause's own Error does. Requests that ended OK, whose client left, or that another attempt overtook, do not
// count: nothing failed.
func (t *Tracker) Record(e Event) {
	if !failed(e.Outcome) {
		return
	}
	if e.Time.IsZero() {
		e.Time = t.now()
	}
	if faulty(&e) {
		t.failures.Add(1)
	} else {
		t.mistakes.Add(1)
	}
	key := fingerprint(&e)
	if s := t.roster.shard(key); !t.seen(s, key, &e) {
		t.roster.admit(newGroup(key, &e, t.redact), &e, t.grown)
	}
}

// seen counts an event for the group that there is; false where there is none.
func (t *Tracker) seen(s *shard, key uint64, e *Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[key]
	if g == nil {
		return false
	}
	g.add(e)
	t.grown(g)
	return true
}

// grown has the hooks told. A client's mistakes are for its gateway's owner to look up, and no event.
func (t *Tracker) grown(g *group) {
	if g.fault {
		t.sentry.grown(g)
		t.webhook.grown(g)
	}
}

// Groups gives those that are remembered, the last seen first; never nil.
func (t *Tracker) Groups() []Group {
	all := t.roster.all()
	groups := make([]Group, len(all))
	now := t.now()
	for i, g := range all {
		g.shard.mu.Lock()
		groups[i] = g.view(now)
		g.shard.mu.Unlock()
	}
	config.SortErrorGroups(groups)
	return groups
}

// Report is what config.ErrorsPath answers.
func (t *Tracker) Report() config.ErrorReport {
	return config.ErrorReport{
		Instance: t.instance, Since: t.since, Dropped: t.roster.forgotten.Load(), Groups: t.Groups(),
	}
}

// Stats gives the counts.
func (t *Tracker) Stats() Stats {
	t.roster.mu.Lock()
	n := len(t.roster.owners)
	t.roster.mu.Unlock()
	return Stats{
		Groups: n, Errors: t.failures.Load(), Warnings: t.mistakes.Load(), Forgotten: t.roster.forgotten.Load(),
		SentryEvents: t.sentry.taken.Load(), SentryDropped: t.sentry.dropped.Load(),
		WebhookGroups: t.webhook.taken.Load(), WebhookDropped: t.webhook.dropped.Load(),
	}
}

// Close tells hooks what they do not know yet, for as long as the context lasts, and ends them. Record goes on counting.
func (t *Tracker) Close(ctx context.Context) {
	t.closing.Do(func() {
		close(t.sentry.closed)
		close(t.webhook.closed)
	})
	t.sentry.close(ctx)
	t.webhook.close(ctx)
	t.sentry.on.Store(false)
	t.webhook.on.Store(false)
}

// Merge gives what several processes know as one.
func Merge(all ...[]Group) []Group { return config.MergeErrorGroups(all...) }
