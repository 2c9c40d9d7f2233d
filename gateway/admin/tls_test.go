// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/admin"
	"github.com/sparkgateway/spark/gateway/config"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	cert, key := a.sign(t, x509.ExtKeyUsageAny, true)
	a.pem = cert
	parsed, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	a.cert = parsed.Leaf
	return a
}

// sign makes a certificate; the authority's own, while it has none.
func (a *authority) sign(t *testing.T, usage x509.ExtKeyUsage, ca bool) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{config.AdminServerName}, IsCA: ca, BasicConstraintsValid: ca,
	}
	parent := template
	if ca {
		a.key, template.KeyUsage = key, x509.KeyUsageCertSign
	} else {
		parent, template.ExtKeyUsage = a.cert, []x509.ExtKeyUsage{usage}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// mount writes the files of the administrative credentials.
func (a *authority) mount(t *testing.T, dir string) {
	t.Helper()
	cert, key := a.sign(t, x509.ExtKeyUsageServerAuth, false)
	for name, content := range map[string][]byte{"ca.crt": a.pem, "tls.crt": cert, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// client gives the operator's side: an authority to trust, and one that signed the certificate to show, nil for none.
func client(t *testing.T, trust, signed *authority, usage x509.ExtKeyUsage) *http.Client {
	t.Helper()
	c := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: config.AdminServerName}
	c.RootCAs.AddCert(trust.cert)
	if signed != nil {
		pair, err := tls.X509KeyPair(signed.sign(t, usage, false))
		if err != nil {
			t.Fatal(err)
		}
		// Shown whatever the server asks for.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	transport := &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func serve(t *testing.T, dir string, r admin.Reloader) (url string) {
	t.Helper()
	config, err := admin.TLS(dir)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := admin.Server(admin.Handler(r, witness{}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(tls.NewListener(ln, config))
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return "https://" + ln.Addr().String()
}

func TestOnlyTheOperatorIsHeard(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	dir := t.TempDir()
	ours.mount(t, dir)
	url := serve(t, dir, &reloader{ack: config.Ack{Pod: "uid"}})
	tests := map[string]struct {
		client *http.Client
		want   bool
	}{
		"a certificate of the gateway's authority": {client(t, ours, ours, x509.ExtKeyUsageClientAuth), true},
		"no certificate":                                    {client(t, ours, nil, 0), false},
		"a certificate of another authority":                {client(t, ours, theirs, x509.ExtKeyUsageClientAuth), false},
		"a server's certificate of the gateway's authority": {client(t, ours, ours, x509.ExtKeyUsageServerAuth), false},
		"a client that trusts another authority":            {client(t, theirs, ours, x509.ExtKeyUsageClientAuth), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{config.AckPath, config.StatePath} {
				response, err := test.client.Get(url + path)
				if err == nil {
					_ = response.Body.Close()
				}
				if heard := err == nil && response.StatusCode == http.StatusOK; heard != test.want {
					t.Errorf("%s is heard: %t, error %v", path, heard, err)
				}
			}
		})
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	ours := newAuthority(t)
	dir := t.TempDir()
	ours.mount(t, dir)
	c := client(t, ours, ours, x509.ExtKeyUsageClientAuth)
	c.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS12
	if response, err := c.Get(serve(t, dir, &reloader{}) + config.AckPath); err == nil {
		_ = response.Body.Close()
		t.Error("TLS 1.2 is spoken")
	}
}

func TestRenewedCredentialsAreTakenUp(t *testing.T) {
	before, after := newAuthority(t), newAuthority(t)
	dir := t.TempDir()
	before.mount(t, dir)
	url := serve(t, dir, &reloader{})
	heard := func(c *http.Client) bool {
		response, err := c.Get(url + config.AckPath)
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	}
	old, renewed := client(t, before, before, x509.ExtKeyUsageClientAuth), client(t, after, after, x509.ExtKeyUsageClientAuth)
	if !heard(old) || heard(renewed) {
		t.Fatal("before the renewal the wrong one is heard")
	}
	after.mount(t, dir)
	if heard(old) || !heard(renewed) {
		t.Error("after the renewal the wrong one is heard")
	}
}

func TestCredentialsThatAreNoneAreNamed(t *testing.T) {
	tests := map[string]struct {
		edit func(dir string) error
		want string
	}{
		"no certificate":        {func(dir string) error { return os.Remove(filepath.Join(dir, "tls.crt")) }, "the administrative certificate: open "},
		"no authority":          {func(dir string) error { return os.Remove(filepath.Join(dir, "ca.crt")) }, "the administrative authority: open "},
		"an authority of words": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "ca.crt"), []byte("trust me"), 0o600) }, "ca.crt holds no PEM certificate"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			newAuthority(t).mount(t, dir)
			if err := test.edit(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := admin.TLS(dir); err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}
