// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package provider says what goes to a provider beside the body, and what of its answer's header comes back.
package provider

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Provider is one upstream made ready. It is immutable and safe for concurrent use.
type Provider struct {
	// ID is "namespace/name", Name how clients name it.
	ID, Name string
	// Address is host:port, Host what is sent as such; TLS is nil for plain HTTP.
	Address, Host string
	TLS           *tls.Config
	// ConnectionKey is equal for two providers that may share connections: ID, address and TLS settings.
	ConnectionKey string
	// CatalogKey is equal for two providers that list the same models: also the credential's digest and the headers.
	CatalogKey string
	Timeouts   config.Timeouts

	// Type decides about paths, credentials and the dialect.
	Type config.ProviderType

	base string // the endpoint's path
	own  []byte // the fields of requests that the gateway makes itself
	ways [exchange.Operations][exchange.Dialects]*Way
}

// Fields is a request's header; keys are in canonical form.
type Fields interface {
	PeekCanonical(key []byte) []byte
}

// forwarded are the client's header fields that concern any provider. All others stay here: the client's key and
// cookies are not the provider's business, hop-by-hop fields and X-Forwarded-* end here, and what a client says of its
// organization would not fit the gateway's credential.
var forwarded = []string{"Idempotency-Key", "Traceparent", "Tracestate", "X-Client-Request-Id"}

// traceFields are those of W3C Trace Context.
var traceFields = map[string]traceField{"Traceparent": traceParent, "Tracestate": traceState}

// forwardedWithin are those that concern providers of the application's own dialect only.
var forwardedWithin = map[exchange.Dialect][]string{
	exchange.OpenAI:    {"Accept", "Openai-Beta"},
	exchange.Responses: {"Accept", "Openai-Beta"},
	exchange.Anthropic: {"Accept", "Anthropic-Beta"},
	exchange.Gemini:    {"Accept"},
}

// Meaningful are the client's header fields that an answer may depend on.
func Meaningful(d exchange.Dialect) [][]byte { return meaningful[d] }

var meaningful = [exchange.Dialects][][]byte{
	exchange.OpenAI:    {[]byte("Openai-Beta")},
	exchange.Responses: {[]byte("Openai-Beta")},
	exchange.Anthropic: {[]byte("Anthropic-Beta"), []byte(anthropicVersion.name)},
}

// anthropicVersion is the version of Anthropic's API that translations speak, and applications that name none.
var anthropicVersion = field{"Anthropic-Version", "2023-06-01"}

// New makes a provider of the document ready. The version is for the User-Agent.
func New(p *config.Provider, credential config.Secret, version string) (*Provider, error) {
	u, err := url.Parse(p.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint: not a URL")
	}
	made := &Provider{ID: p.ID, Name: p.Name, Type: p.Type, Timeouts: p.Timeouts, base: strings.TrimRight(u.EscapedPath(), "/")}
	if err := made.connection(p, u); err != nil {
		return nil, err
	}
	fields, err := headerFields(p, credential, version)
	if err != nil {
		return nil, err
	}
	made.Host = hostOf(u.Host, fields)
	fixed := fixedFields(made.Host, fields)
	sum := sha256.Sum256(append([]byte(made.base), fixed...))
	made.CatalogKey = made.ConnectionKey + "|" + hex.EncodeToString(sum[:])
	made.own = fixed
	speaksVersion := p.Type == config.Anthropic && !overridden(p, anthropicVersion.name)
	if speaksVersion {
		made.own = append(bytes.Clone(fixed), anthropicVersion.name+": "+anthropicVersion.value+"\r\n"...)
	}
	for _, o := range offers(p) {
		for _, application := range o.application {
			way := o.way
			way.target, way.fixed = made.base+way.target, fixed
			for _, name := range forwardedTo(way.Wire, application) {
				if !overridden(p, name) {
					way.forward = append(way.forward, forwardedField{name: []byte(name), trace: traceFields[name]})
				}
			}
			switch {
			case !speaksVersion:
			case application == exchange.Anthropic:
				way.forward = append(way.forward, forwardedField{
					name: []byte(anthropicVersion.name), otherwise: []byte(anthropicVersion.value),
				})
			default:
				// A translation speaks one version, whatever the application says.
				way.fixed = made.own
			}
			last := &made.ways[o.op][application]
			for *last != nil {
				last = &(*last).next
			}
			*last = &way
		}
	}
	return made, nil
}

// forwardedTo gives the client's fields that go on.
func forwardedTo(wire, application exchange.Dialect) []string {
	if wire != application {
		return forwarded
	}
	return append(forwardedWithin[wire], forwarded...)
}

func (p *Provider) connection(from *config.Provider, u *url.URL) error {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	p.Address = net.JoinHostPort(u.Hostname(), port)
	sum := sha256.Sum256([]byte(from.ServerName + "\n" + from.CA))
	p.ConnectionKey = p.ID + "|" + u.Scheme + "|" + p.Address + "|" + hex.EncodeToString(sum[:])
	if u.Scheme != "https" {
		return nil
	}
	p.TLS = &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: u.Hostname(),
		NextProtos: []string{"http/1.1"},
		// A provider that is dialled often resumes its sessions.
		ClientSessionCache: tls.NewLRUClientSessionCache(64),
	}
	if from.ServerName != "" {
		p.TLS.ServerName = from.ServerName
	}
	if from.CA != "" {
		p.TLS.RootCAs = x509.NewCertPool()
		if !p.TLS.RootCAs.AppendCertsFromPEM([]byte(from.CA)) {
			return fmt.Errorf("ca: holds no PEM certificate")
		}
	}
	return nil
}

type field struct{ name, value string }

// headerFields are those that every request carries: the gateway's, changed as the policy says.
func headerFields(p *config.Provider, credential config.Secret, version string) ([]field, error) {
	all := []field{{"User-Agent", "spark/" + version}}
	if key := credential.Reveal(); key != "" {
		if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return nil, fmt.Errorf("credential: not printable ASCII without spaces")
		}
		all = append(all, credentialField(p.Type, key))
	}
	var kept []field
	for _, f := range all {
		if !overridden(p, f.name) {
			kept = append(kept, f)
		}
	}
	for i, h := range p.SetHeaders {
		if config.Framing(h.Name) {
			return nil, fmt.Errorf("setHeaders[%d]: %s is the gateway's own", i, h.Name)
		}
		kept = append(kept, field{h.Name, h.Value})
	}
	for i, name := range p.RemoveHeaders {
		if config.Framing(name) {
			return nil, fmt.Errorf("removeHeaders[%d]: %s is the gateway's own", i, name)
		}
	}
	return kept, nil
}

// credentialField is where a type of provider wants its API key.
func credentialField(t config.ProviderType, key string) field {
	switch t {
	case config.Anthropic:
		return field{"X-Api-Key", key}
	case config.AzureOpenAI:
		return field{"Api-Key", key}
	case config.Gemini:
		return field{"X-Goog-Api-Key", key}
	default:
		return field{"Authorization", "Bearer " + key}
	}
}

// overridden says that a policy sets or removes a field.
func overridden(p *config.Provider, name string) bool {
	for _, h := range p.SetHeaders {
		if strings.EqualFold(h.Name, name) {
			return true
		}
	}
	for _, removed := range p.RemoveHeaders {
		if strings.EqualFold(removed, name) {
			return true
		}
	}
	return false
}

// hostOf is what is sent as Host: the endpoint's, unless the policy says another.
func hostOf(host string, fields []field) string {
	for _, f := range fields {
		if strings.EqualFold(f.name, "Host") {
			host = f.value
		}
	}
	return host
}

// fixedFields are the fields of every request, Host first.
func fixedFields(host string, fields []field) []byte {
	b := []byte(" HTTP/1.1\r\nHost: " + host + "\r\n")
	for _, f := range fields {
		if !strings.EqualFold(f.name, "Host") {
			b = append(b, f.name+": "+f.value+"\r\n"...)
		}
	}
	// The gateway reads answers for their usage, so they must come as they are.
	return append(b, "Accept-Encoding: identity\r\n"...)
}

// Head is what the head of a request to a provider says. Fields may be nil.
type Head struct {
	// Method is POST where it is empty.
	Method string
	// PathModel is the model as Provider.PathModel gives it, for ways that have it in the path.
	PathModel string
	// Tail is the rest of the application's path, with its query, for ways that take it.
	Tail   []byte
	Stream bool
	Fields Fields
	// Traceparent, where there is one, and Tracestate, with it, stand in place of what Fields say.
	Traceparent, Tracestate []byte
	// ContentType is application/json where it is empty.
	ContentType []byte
	// Length is the body's, -1 for none.
	Length int
}

// AppendTarget writes the path and query of a request.
func (w *Way) AppendTarget(dst []byte, h *Head) []byte {
	dst = append(dst, w.target...)
	switch {
	case w.inPath:
		dst = append(dst, h.PathModel...)
		switch {
		case w.tail:
			return append(dst, h.Tail...)
		case h.Stream:
			return append(dst, w.stream...)
		}
		return append(dst, w.after...)
	case w.tail:
		return append(dst, h.Tail...)
	}
	return dst
}

// value is what a forwarded field says.
func (h *Head) value(f *forwardedField) []byte {
	switch {
	case len(h.Traceparent) == 0 || f.trace == traceNone:
	case f.trace == traceParent:
		return h.Traceparent
	default:
		return h.Tracestate
	}
	if h.Fields != nil {
		if said := h.Fields.PeekCanonical(f.name); len(said) > 0 {
			return said
		}
	}
	return f.otherwise
}

// AppendHead writes the head of a request up to, but without, the blank line that ends it, so that what proves the
// gateway's identity can follow.
func (w *Way) AppendHead(dst []byte, h *Head) []byte {
	method := h.Method
	if method == "" {
		method = "POST"
	}
	dst = append(append(dst, method...), ' ')
	dst = append(w.AppendTarget(dst, h), w.fixed...)
	for _, f := range w.forward {
		value := h.value(&f)
		if len(value) > 0 {
			dst = append(append(append(append(dst, f.name...), ": "...), value...), "\r\n"...)
		}
	}
	if h.Length < 0 {
		return dst
	}
	dst = append(dst, "Content-Type: "...)
	if len(h.ContentType) > 0 {
		dst = append(dst, h.ContentType...)
	} else {
		dst = append(dst, "application/json"...)
	}
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(h.Length), 10)
	return append(dst, "\r\n"...)
}
