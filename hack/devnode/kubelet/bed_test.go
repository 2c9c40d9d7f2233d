// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/sparkgateway/spark/hack/devnode/podlog"
)

// signer makes certificates.
type signer struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	template := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	s := &signer{t: t}
	pair := s.make(template)
	s.key = pair.PrivateKey.(*ecdsa.PrivateKey)
	s.certificate = pair.Leaf
	return s
}

func (s *signer) make(template *x509.Certificate) tls.Certificate {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: "test"}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signing := s.certificate, s.key
	if parent == nil {
		parent, signing = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signing)
	if err != nil {
		s.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		s.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (s *signer) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.certificate)
	return pool
}

func (s *signer) client() tls.Certificate {
	return s.make(&x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// bed is a server with one pod, namespace "shop" and name "till", and its API server.
type bed struct {
	*Server
	t       *testing.T
	servers *signer
	clients *signer
	client  tls.Certificate
	url     string
	http    *http.Client
	log     *podlog.Log
	file    string // of the log
	gone    chan struct{}

	mu  sync.Mutex
	pod Pod
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{t: t, servers: newSigner(t), clients: newSigner(t), gone: make(chan struct{})}
	b.file = filepath.Join(t.TempDir(), "pod.log")
	log, err := podlog.Open(b.file, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	b.log = log
	b.pod = Pod{UID: "a1", Container: "gateway", Address: "127.0.0.1", Log: log, Done: b.gone}
	b.client = b.clients.client()
	serving := b.servers.make(&x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	identity := &tls.Config{Certificates: []tls.Certificate{serving}, ClientCAs: b.clients.pool()}
	if b.Server, err = Start(identity, b, logr.Discard()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	b.url = fmt.Sprintf("https://127.0.0.1:%d", b.Port())
	b.http = b.showing(b.client)
	return b
}

// showing is a client with these certificates.
func (b *bed) showing(certificates ...tls.Certificate) *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: b.servers.pool(), Certificates: certificates}, DisableKeepAlives: true}
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

func (b *bed) Pod(namespace, name string) (Pod, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pod, namespace == "shop" && name == "till"
}

// change is of the pod.
func (b *bed) change(how func(*Pod)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	how(&b.pod)
}

func (b *bed) get(path string) (status int, body string) {
	b.t.Helper()
	response := b.open(b.t.Context(), path)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

func (b *bed) open(ctx context.Context, path string) *http.Response {
	b.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	response, err := b.http.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	return response
}

// within fails unless the work ends.
func (b *bed) within(what string, work func()) {
	b.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		b.t.Fatalf("%s takes too long", what)
	}
}
