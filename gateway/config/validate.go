// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
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
	v.limits("gateway.requests", g.Requests)
	v.limits("gateway.perIP", g.PerIP)
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

func (v *validation) providers(d *Document) map[string]bool {
	ids := map[string]bool{}
	for i, p := range d.Core.Providers {
		at := fmt.Sprintf("providers[%d]", i)
		if p.ID == "" || ids[p.ID] {
			v.add("%s.id: %q is empty or stands twice", at, p.ID)
		}
		ids[p.ID] = true
		if !p.Type.Known() {
			v.add("%s.type: %q is not known to this gateway", at, p.Type)
		}
		if err := CheckEndpoint(p.Endpoint); err != nil {
			v.add("%s.endpoint: %w", at, err)
		}
		if _, ok := d.Secrets[p.Credential]; p.Credential != "" && !ok {
			v.add("%s.credential: no secret named %q", at, p.Credential)
		}
		if p.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(p.CA)) {
			v.add("%s.ca: holds no PEM certificate", at)
		}
		v.headers(at+".setHeaders", p.SetHeaders)
		for i, h := range p.SetHeaders {
			if Framing(h.Name) {
				v.add("%s.setHeaders[%d]: %s is the gateway's own", at, i, h.Name)
			}
		}
		for i, name := range p.RemoveHeaders {
			if Framing(name) {
				v.add("%s.removeHeaders[%d]: %s is the gateway's own", at, i, name)
			}
		}
		v.positive(at+".timeouts.connect", p.Timeouts.Connect)
		v.positive(at+".timeouts.firstToken", p.Timeouts.FirstToken)
		v.positive(at+".timeouts.betweenTokens", p.Timeouts.BetweenTokens)
		v.positive(at+".timeouts.total", p.Timeouts.Total)
	}
	return ids
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
		if m.Upstream == "" {
			v.add("models[%d].upstream: empty", i)
		}
		if m.MaxOutputTokens < 0 {
			v.add("models[%d].maxOutputTokens: negative", i)
		}
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
		v.limits("keys["+k.ID+"].requests", k.Requests)
	}
}

// Check says what is wrong with a header field, nil when nothing is: its name must be a token in canonical form, and its
// value must not end the line. The value is not in the error.
func (h Header) Check() error {
	switch {
	case h.Name == "" || strings.ContainsFunc(h.Name, notToken) || textproto.CanonicalMIMEHeaderKey(h.Name) != h.Name:
		return fmt.Errorf("name %q is not a header name in canonical form", h.Name)
	case strings.ContainsAny(h.Value, "\r\n\x00"):
		return fmt.Errorf("the value of %s holds control characters", h.Name)
	}
	return nil
}

// framing are the header fields that make a message what it is, in canonical form.
var framing = map[string]bool{
	"Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Trailer": true, "Te": true, "Upgrade": true,
	"Expect": true, "Accept-Encoding": true, "Content-Encoding": true, "Keep-Alive": true, "Proxy-Connection": true,
}

// Framing says whether a header field, named in any case, makes the message what it is, so that no policy may change it.
func Framing(name string) bool { return framing[textproto.CanonicalMIMEHeaderKey(name)] }

// notToken says whether a character cannot stand in a header's name.
func notToken(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
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
