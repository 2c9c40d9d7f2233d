// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/sparkgateway/spark/gateway/auth"
	"github.com/sparkgateway/spark/gateway/balance"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/credential"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/guard"
	"github.com/sparkgateway/spark/gateway/health"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/route"
	"github.com/sparkgateway/spark/gateway/sanitize"
	"github.com/sparkgateway/spark/gateway/secure"
	"github.com/sparkgateway/spark/gateway/telemetry"
	"github.com/sparkgateway/spark/gateway/token"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// Snapshot is a configuration made ready to serve. It is immutable; what it points to in the Living is not.
type Snapshot struct {
	gateway config.Gateway
	applied time.Time // when the server took it up
	keys    *auth.Table
	rules   *rules
	// verifier verifies tokens; proxies are those whose word on the client's address is taken.
	verifier *token.Verifier
	proxies  proxies
	// visitors are the anonymous; nil lets none in.
	visitors *auth.Visitors
	routes   *route.Table
	ways     []way          // by route.Route.Place
	targets  []proxy.Target // by route.Target.Place
	headers  secure.Headers
	cors     *secure.CORS // nil for none
	tls      *tls.Config
	models   modelList
	guarding *guarding // of requests that take no route
	keepers  keepers
	// providers are all, in the document's order.
	providers []providerView
	nowhere   *telemetry.Series // for requests that reach no target
	plain     *observer         // for requests that name no model
	perKey    *telemetry.Keys   // nil where keys have no metrics of their own
	tracing   *tracing          // nil where nothing is traced
}

// build is a document that was found good, and not yet taken up by the Living.
type build struct {
	doc       *config.Document
	version   string
	snapshot  *Snapshot
	providers []*provider.Provider
	// target makes a target of a provider, by its place, once the Living is known.
	target func(provider int, model string) proxy.Target
	// policies are the content rules of the gateway and of routes that have their own; webhooks the guards that are asked.
	policies map[*config.Sanitizer]*sanitize.Policy
	webhooks map[guard.Settings]*guard.Webhook
	// kept and meanings are how much the caches of all routes may hold; keptShared says that one uses the store.
	kept       int64
	meanings   int
	keptShared bool
}

// Build makes a document ready to serve. Where it fails it has no effect on the Living; where it succeeds, connections
// to providers that the document does not name are closed as they become idle.
func Build(doc *config.Document, living *Living) (*Snapshot, error) {
	return buildSnapshot(doc, living, "dev", nil)
}

func buildSnapshot(doc *config.Document, living *Living, version string, previous *Snapshot) (*Snapshot, error) {
	b := build{doc: doc, version: version, snapshot: &Snapshot{gateway: doc.Core.Gateway}}
	for _, step := range []func() error{b.tls, b.trusted, b.addProviders, b.routes, b.compileRules} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if err := b.openGuards(living); err != nil {
		return nil, err
	}
	if err := living.share(doc); err != nil {
		return nil, err
	}
	living.trackErrors(doc)
	b.trace(living)
	b.principals(living, previous)
	b.targets(living)
	living.keep(&b)
	b.snapshot.headers = secure.New(doc.Core.Gateway.Headers)
	b.snapshot.cors = secure.NewCORS(doc.Core.Gateway.CORS, doc.Core.Gateway.Headers)
	return b.snapshot, nil
}

func (b *build) tls() error {
	from := b.doc.Core.Gateway.TLS
	if from == nil {
		return nil
	}
	cert, err := tls.X509KeyPair([]byte(from.Certificate), []byte(b.doc.Secrets[from.Key].Reveal()))
	if err != nil {
		return errors.New("gateway.tls: certificate and key do not make a pair")
	}
	b.snapshot.tls = &tls.Config{
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
		Certificates: []tls.Certificate{cert},
	}
	return nil
}

func (b *build) trusted() (err error) {
	b.snapshot.proxies, err = newProxies(b.doc.Core.Gateway.Auth.TrustedProxies)
	return err
}

func (b *build) addProviders() error {
	for i := range b.doc.Core.Providers {
		p := &b.doc.Core.Providers[i]
		made, err := provider.New(p, b.doc.Secrets[p.Credential], b.version)
		if err != nil {
			return fmt.Errorf("providers[%d].%w", i, err)
		}
		b.providers = append(b.providers, made)
	}
	return checkPins(b.providers)
}

func (b *build) routes() (err error) {
	b.snapshot.routes, err = route.NewTable(&b.doc.Core)
	return err
}

// principals resolves keys and limits.
func (b *build) principals(living *Living, previous *Snapshot) {
	var table *auth.Table
	if previous != nil {
		table = previous.keys
	}
	b.snapshot.keys = auth.NewTable(b.doc.Keys, table)
	b.snapshot.verifier = living.tokens.Use(b.doc.Core.Gateway.Auth.Issuers)
	b.snapshot.visitors = auth.Anonymous(b.doc.Core.Gateway.Auth.Anonymous)
	b.snapshot.rules = newRules(b.doc, living.book)
	living.useLedger(b.doc)
}

// targets resolves routes to living pools, breakers and metrics.
func (b *build) targets(living *Living) {
	s := b.snapshot
	endpoints := make([]upstream.Endpoint, len(b.providers))
	for i, p := range b.providers {
		endpoints[i] = upstream.Endpoint{Key: p.ConnectionKey, Address: p.Address, TLS: p.TLS}
	}
	pools := living.pools.Use(endpoints)
	identities := b.identities(living)
	all := make([]openProvider, len(b.providers))
	for i, p := range b.providers {
		all[i] = openProvider{provider: p, pool: pools[i], identity: identities[i]}
	}
	states := living.health.Use(living.healthChecks(b.doc, all))
	s.nowhere, s.perKey = living.metrics.Series("", ""), b.keyLabels(living)
	living.vitals.share(living.clock(), living.replicas)
	living.vitals.renew(func() { b.resolve(living, all, states) })
	living.metrics.Sweep()
	s.models = newModelList(s.routes, all)
}

// resolve makes the targets, the routes to them, and those that requests without a model go to.
func (b *build) resolve(living *Living, all []openProvider, states []*health.Status) {
	s, core := b.snapshot, &b.doc.Core
	b.target = func(i int, model string) proxy.Target {
		p, from := all[i], &core.Providers[i]
		account := living.vitals.provider(from)
		return proxy.Target{
			Provider: p.provider, Pool: p.pool, Identity: p.identity, Pin: dialect.PinOf(from.ID), Name: model,
			ID: balance.HashOf(from.ID, model), Retry: &from.Retry, Health: states[i], Open: model == route.OtherModel,
			Vital: living.target(from, model), Account: &account.Account,
			Record: &recorder{series: living.metrics.Series(from.ID, model), account: account, living: living},
		}
	}
	bare := make([]proxy.Target, len(all))
	for i, p := range all {
		bare[i] = b.target(i, "")
		s.providers = append(s.providers, providerView{
			name: p.provider.Name, id: core.Providers[i].ID, settings: &core.Providers[i],
			account: living.vitals.provider(&core.Providers[i]), health: states[i],
		})
	}
	s.keepers = newKeepers(bare)
	s.plain = &observer{living.metrics.Route(""), living}
	s.guarding = b.guardingOf(nil)
	for _, t := range s.routes.Targets() {
		made := b.target(t.Provider, t.Model)
		setModel(&made, t.Upstream)
		made.MaxTokens, made.Price, made.Cost = t.MaxOutputTokens, t.Price, proxy.CostText(t.Price)
		s.targets = append(s.targets, made)
		view := &s.providers[t.Provider]
		view.targets = append(view.targets, t.Place)
	}
	for _, r := range s.routes.Routes() {
		s.ways = append(s.ways, b.way(living, r))
	}
}

// identities gives what proves the gateway's identity to each provider, nil where an API key does.
func (b *build) identities(living *Living) []proxy.Identity {
	wanted := make([]credential.Identity, len(b.doc.Core.Providers))
	for i := range b.doc.Core.Providers {
		wanted[i] = credential.IdentityOf(&b.doc.Core.Providers[i], b.doc.Secrets)
	}
	given := make([]proxy.Identity, len(wanted))
	for i, source := range living.identities.Use(wanted) {
		if source != nil {
			given[i] = identity{source}
		}
	}
	return given
}

// identity is a source of credentials as the proxy takes it.
type identity struct{ source credential.Source }

// Authorize gives the header fields that prove who the gateway is.
func (i identity) Authorize(ctx context.Context, method, host, target string, body []byte, set func(name, value string)) error {
	return i.source.Authorize(ctx, credential.Request{Method: method, Host: host, Target: target, Body: body}, set)
}

// maxConnections bounds the open client connections; without a snapshot they are served a 503 each.
func (s *Snapshot) maxConnections() int {
	if s == nil {
		return defaultConnections
	}
	return s.gateway.MaxConnections
}

const defaultConnections = 1000

func (s *Snapshot) tlsConfig() *tls.Config {
	if s == nil {
		return nil
	}
	return s.tls
}

// bodyTimeout bounds the reading of one body.
func (s *Snapshot) bodyTimeout() time.Duration { return s.gateway.BodyTimeout.Std() }
