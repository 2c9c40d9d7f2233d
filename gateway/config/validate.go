// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/tls"
	"errors"
	"fmt"
)

// Bounds that hold whatever the resources say, because the listener's buffers are made once.
const (
	MinHeaderBytes = 1 << 10
	MaxHeaderBytes = 32 << 10
)

// Validate gives every problem of the document, joined; each names its field as in JSON. It holds for whatever
// reaches a gateway, by whichever road and from whichever operator.
func (d *Document) Validate() error {
	v := &validation{}
	v.gateway(d)
	providers := v.providers(d)
	v.models(d.Core.Models, providers)
	v.routes(d.Core.Routes, providers)
	v.content(d, providers)
	v.policies(d.Core.Policies)
	v.keys(d.Keys)
	return errors.Join(v.errs...)
}

type validation struct{ errs []error }

func (v *validation) add(format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf(format, args...))
}

func (v *validation) gateway(d *Document) {
	g := &d.Core.Gateway
	if d.Core.Schema != Schema {
		v.add("schema: %d is not one this gateway reads (%d)", d.Core.Schema, Schema)
	}
	if g.ID == "" {
		v.add("gateway.id: empty")
	}
	if g.MaxBodyBytes <= 0 {
		v.add("gateway.maxBodyBytes: %d is not positive", g.MaxBodyBytes)
	}
	if g.MaxHeaderBytes < MinHeaderBytes || g.MaxHeaderBytes > MaxHeaderBytes {
		v.add("gateway.maxHeaderBytes: %d is not within %d and %d", g.MaxHeaderBytes, MinHeaderBytes, MaxHeaderBytes)
	}
	if g.MaxConnections <= 0 {
		v.add("gateway.maxConnections: %d is not positive", g.MaxConnections)
	}
	v.positive("gateway.bodyTimeout", g.BodyTimeout)
	v.positive("gateway.drainTimeout", g.DrainTimeout)
	v.limitSet("gateway.limits", &g.Limits)
	v.limitSet("gateway.perUser", &g.PerUser)
	v.limitSet("gateway.perIP", &g.PerIP)
	v.limitSet("gateway.all", &g.All)
	v.auth(&g.Auth)
	v.shared(d)
	v.protection(d)
	v.observe(d)
	v.headers("gateway.headers", g.Headers)
	if g.TLS != nil {
		key, ok := d.Secrets[g.TLS.Key]
		if !ok {
			v.add("gateway.tls.key: no secret named %q", g.TLS.Key)
		} else if _, err := tls.X509KeyPair([]byte(g.TLS.Certificate), []byte(key.Reveal())); err != nil {
			v.add("gateway.tls: certificate and key do not make a pair: %w", err)
		}
	}
}

func (v *validation) positive(field string, d Duration) {
	if d <= 0 {
		v.add("%s: %s is not positive", field, d)
	}
}

func (v *validation) headers(field string, headers []Header) {
	seen := map[string]bool{}
	for i, h := range headers {
		if err := h.Check(); err != nil {
			v.add("%s[%d]: %w", field, i, err)
		}
		if seen[h.Name] {
			v.add("%s[%d].name: %q stands twice", field, i, h.Name)
		}
		seen[h.Name] = true
	}
}

func (v *validation) models(models []Model, providers map[string]bool) {
	seen := map[string]bool{}
	for i, m := range models {
		if m.Name == "" || seen[m.Name] {
			v.add("models[%d].name: %q is empty or stands twice", i, m.Name)
		}
		seen[m.Name] = true
		if !providers[m.Provider] {
			v.add("models[%d].provider: no provider %q", i, m.Provider)
		}
		v.offer(fmt.Sprintf("models[%d]", i), m.Upstream, m.MaxOutputTokens, m.Price)
	}
}

// offer checks what is said of a provider's model wherever it stands.
func (v *validation) offer(at, upstream string, maxOutputTokens int64, price *Price) {
	if upstream == "" {
		v.add("%s.upstream: empty", at)
	}
	if maxOutputTokens < 0 {
		v.add("%s.maxOutputTokens: negative", at)
	}
	if price == nil {
		return
	}
	if err := price.valid(); err != nil {
		v.add("%s.price: %w", at, err)
	}
}
