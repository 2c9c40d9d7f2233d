// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strconv"
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
	v.keys(d.Keys)
	return errors.Join(v.errs...)
}

type validation struct{ errs []error }

func (v *validation) add(format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf(format, args...))
}

func (v *validation) gateway(d *Document) {
	g := d.Core.Gateway
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
	v.limits("gateway.limits.requests", g.Limits.Requests)
	v.limits("gateway.perIP.requests", g.PerIP.Requests)
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

func (v *validation) limits(field string, limits []RequestLimit) {
	seen := map[Duration]bool{}
	for i, l := range limits {
		if l.Count <= 0 || l.Burst <= 0 || l.Per <= 0 {
			v.add("%s[%d]: count, per and burst must be positive", field, i)
		}
		if seen[l.Per] {
			v.add("%s[%d].per: %s stands twice", field, i, l.Per)
		}
		seen[l.Per] = true
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
	if price != nil && !price.valid() {
		v.add("%s.price: not within 0 and %d", at, int64(MaxPrice))
	}
}

func (v *validation) keys(keys []Key) {
	ids, digests := map[string]bool{}, map[Digest]string{}
	for _, k := range keys {
		if k.ID == "" || ids[k.ID] {
			v.add("keys: id %q is empty or stands twice", k.ID)
		}
		ids[k.ID] = true
		if other, ok := digests[k.Digest]; ok {
			v.add("keys: %q and %q have one digest", other, k.ID)
		}
		digests[k.Digest] = k.ID
		v.limits("keys["+k.ID+"].limits.requests", k.Limits.Requests)
	}
}

// CheckEndpoint says what is wrong with a provider's base URL, nil when nothing is. The URL itself is not in the
// error, as it could carry credentials.
func CheckEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("must begin with http:// or https://")
	case u.Hostname() == "":
		return errors.New("has no host")
	case !validPort(u.Port()):
		return errors.New("has a port that is not between 1 and 65535")
	case u.User != nil:
		return errors.New("must not carry credentials")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("must not have a query or fragment")
	}
	return nil
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

func (p *Price) valid() bool {
	for _, price := range []int64{p.Input, p.Output, p.CachedInput} {
		if price < 0 || price > MaxPrice {
			return false
		}
	}
	return true
}
