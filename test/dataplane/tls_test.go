// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// certificate is a listener's, in PEM, signed by itself.
type certificate struct {
	cert, key string
	pool      *x509.CertPool
}

func selfSigned(t testing.TB) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "gateway"}, DNSNames: []string{"gateway"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := certificate{
		cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		key:  string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: encoded})),
		pool: x509.NewCertPool(),
	}
	c.pool.AppendCertsFromPEM([]byte(c.cert))
	return c
}

// use serves the document over TLS.
func (c certificate) use(d *config.Document) {
	d.Core.Gateway.TLS = &config.ServerTLS{Certificate: c.cert, Key: "tls"}
	d.Secrets["tls"] = config.NewSecret(c.key)
}

func (c certificate) client() *tls.Config {
	return &tls.Config{RootCAs: c.pool, ServerName: "gateway", MinVersion: tls.VersionTLS12}
}

func (s *setup) overTLS(c certificate) *http.Client {
	client := newClient(c.client())
	s.t.Cleanup(client.CloseIdleConnections)
	return client
}

func TestTLSComesAndGoesAndItsCertificateChangesWithoutARestart(t *testing.T) {
	first, second := selfSigned(t), selfSigned(t)
	s := start(t, withDocument(first.use))
	post := func(client *http.Client, scheme string) (*http.Response, error) {
		req := s.request("POST", "/v1/chat/completions", chatBody("gpt-4o", "tokens=1", false))
		req.URL.Scheme = scheme
		resp, err := client.Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		return resp, err
	}
	old := s.overTLS(first)
	if resp, err := post(old, "https"); err != nil || resp.StatusCode != 200 || resp.TLS.NegotiatedProtocol == "h2" {
		t.Fatalf("over TLS: %v", err)
	}
	if resp, err := post(s.client, "http"); err == nil && resp.StatusCode == 200 {
		t.Error("plain HTTP is served while the document says TLS")
	}
	s.apply(second.use)
	if _, err := post(s.overTLS(second), "https"); err != nil {
		t.Errorf("with the new certificate: %v", err)
	}
	if resp, err := post(old, "https"); err != nil || resp.StatusCode != 200 {
		t.Errorf("a connection from before: %v", err)
	}
	s.apply()
	resp, err := post(old, "https")
	if err != nil || resp.StatusCode != 200 || !resp.Close {
		t.Errorf("a connection over TLS, once the document says plain: %v; it must be served and then closed", err)
	}
	if resp, err := post(s.client, "http"); err != nil || resp.StatusCode != 200 {
		t.Errorf("plain: %v", err)
	}
}

func TestAProviderOverTLSIsCheckedAgainstItsAuthority(t *testing.T) {
	// The gateway itself, over TLS, is the second gateway's provider.
	certificate := selfSigned(t)
	back := start(t, withDocument(certificate.use))
	provider := func(ca, name string) option {
		return withDocument(func(d *config.Document) {
			p := &d.Core.Providers[0]
			p.Endpoint, p.CA, p.ServerName = "https://"+back.addr+"/v1", ca, name
			d.Secrets["fake"] = config.NewSecret(aliceKey)
		})
	}
	tests := map[string]struct {
		ca, name string
		want     int
	}{
		"the right authority and name":  {ca: certificate.cert, name: "gateway", want: 200},
		"another authority":             {ca: selfSigned(t).cert, name: "gateway", want: 502},
		"another name":                  {ca: certificate.cert, name: "elsewhere", want: 502},
		"the system's authorities":      {name: "gateway", want: 502},
		"the endpoint's address a name": {ca: certificate.cert, want: 502},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			front := start(t, provider(tc.ca, tc.name))
			for range 2 {
				if got := front.chat("tokens=1", false); got.StatusCode != tc.want {
					t.Errorf("status %d: %s", got.StatusCode, got.body)
				}
			}
			if got := front.chat("tokens=3", true); tc.want == 200 && !strings.Contains(got.body, "[DONE]") {
				t.Errorf("a stream over TLS: status %d: %s", got.StatusCode, got.body)
			}
		})
	}
}
