// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package provider says what goes to a provider beside the body, and what of its answer's header comes back.
package provider

import (
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
)

// Provider is one upstream made ready. It is immutable and safe for concurrent use.
type Provider struct {
	// ID is "namespace/name", Name how clients name it.
	ID, Name string
	// Address is host:port, TLS nil for plain HTTP.
	Address string
	TLS     *tls.Config
	// ConnectionKey is equal for two providers that may share connections: ID, address and TLS settings.
	ConnectionKey string
	// CatalogKey is equal for two providers that list the same models: also the credential's digest and the headers.
	CatalogKey string
	Timeouts   config.Timeouts

	chat, models []byte // request heads up to what differs by request
	forward      [][]byte
}

// Fields is a request's header; keys are in canonical form.
type Fields interface {
	PeekCanonical(key []byte) []byte
}

// forwarded are the client's header fields that concern the provider. All others stay here: the client's key and
// cookies are not the provider's business, hop-by-hop fields and X-Forwarded-* end here, and what a client says of its
// organization would not fit the gateway's credential.
var forwarded = []string{"Accept", "Idempotency-Key", "Openai-Beta", "Traceparent", "Tracestate", "X-Client-Request-Id"}

// New makes a provider of the document ready. The version is for the User-Agent.
func New(p *config.Provider, credential config.Secret, version string) (*Provider, error) {
	u, err := url.Parse(p.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint: not a URL")
	}
	made := &Provider{ID: p.ID, Name: p.Name, Timeouts: p.Timeouts}
	if err := made.connection(p, u); err != nil {
		return nil, err
	}
	fields, err := headerFields(p, credential, version)
	if err != nil {
		return nil, err
	}
	base := strings.TrimRight(u.EscapedPath(), "/")
	made.chat = head("POST", base+"/chat/completions", u.Host, fields)
	made.models = append(head("GET", base+"/models", u.Host, fields), "Accept: application/json\r\n\r\n"...)
	sum := sha256.Sum256(made.models)
	made.CatalogKey = made.ConnectionKey + "|" + hex.EncodeToString(sum[:])
	for _, name := range forwarded {
		if !overridden(p, name) {
			made.forward = append(made.forward, []byte(name))
		}
	}
	return made, nil
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
		all = append(all, field{"Authorization", "Bearer " + key})
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

func head(method, path, host string, fields []field) []byte {
	var b []byte
	b = append(b, method+" "+path+" HTTP/1.1\r\n"...)
	for _, f := range fields {
		if strings.EqualFold(f.name, "Host") {
			host = f.value
		}
	}
	b = append(b, "Host: "+host+"\r\n"...)
	for _, f := range fields {
		if !strings.EqualFold(f.name, "Host") {
			b = append(b, f.name+": "+f.value+"\r\n"...)
		}
	}
	// The gateway reads answers for their usage, so they must come as they are.
	return append(b, "Accept-Encoding: identity\r\n"...)
}

// AppendChatHead writes the head of a POST to /chat/completions with a JSON body of the given length.
func (p *Provider) AppendChatHead(dst []byte, client Fields, length int) []byte {
	dst = append(dst, p.chat...)
	for _, name := range p.forward {
		if value := client.PeekCanonical(name); len(value) > 0 {
			dst = append(append(append(append(dst, name...), ": "...), value...), "\r\n"...)
		}
	}
	dst = append(dst, "Content-Type: application/json\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(length), 10)
	return append(dst, "\r\n\r\n"...)
}

// ModelsHead is the head of a GET of /models.
func (p *Provider) ModelsHead() []byte { return p.models }
