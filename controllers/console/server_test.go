// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	certutil "k8s.io/client-go/util/cert"
)

// start serves "here" until the test ends, or until stop, which gives how it ended.
func start(t *testing.T, settings *tls.Config, h http.Handler) (address string, stop func() error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	s := &Server{Handler: h, Listener: listener, TLS: settings}
	if s.NeedLeaderElection() {
		t.Error("only the leader would serve")
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Start(ctx) }()
	return listener.Addr().String(), func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(time.Minute):
			t.Fatal("it does not end")
			return nil
		}
	}
}

var here = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })

func get(t *testing.T, url string, roots *x509.CertPool) string {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := io.ReadAll(response.Body)
	return string(body)
}

func TestAServerOfPlainHTTP(t *testing.T) {
	address, stop := start(t, nil, here)
	if got := get(t, "http://"+address, nil); got != "here" {
		t.Error(got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		t.Error("it still listens")
	}
}

func TestACertificateOfItsOwn(t *testing.T) {
	settings, err := Certificate(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(settings.Certificates[0].Certificate[0])
	if err != nil || settings.MinVersion < tls.VersionTLS12 {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	address, _ := start(t, settings, here)
	roots := x509.NewCertPool()
	for _, der := range settings.Certificates[0].Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		roots.AddCert(c)
	}
	if got := get(t, "https://"+address, roots); got != "here" {
		t.Error(got)
	}
}

// A stranger who speaks no TLS is told of where the operator says, and not in the midst of its own log.
func TestComplaintsOfConnections(t *testing.T) {
	settings, err := Certificate(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	told := make(lines, 8)
	go func() {
		_ = (&Server{Handler: here, Listener: listener, TLS: settings, Complaints: log.New(told, "", 0)}).Start(t.Context())
	}()
	get(t, "http://"+listener.Addr().String(), nil)
	select {
	case line := <-told:
		if !strings.Contains(line, "TLS handshake error") {
			t.Error(line)
		}
	case <-time.After(time.Minute):
		t.Error("nobody is told")
	}
}

// lines takes what is written.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

func TestACertificateOfADirectory(t *testing.T) {
	dir := t.TempDir()
	if _, err := Certificate(t.Context(), dir); err == nil {
		t.Error("an empty directory is a certificate")
	}
	cert, key, err := certutil.GenerateSelfSignedCertKeyWithFixtures("localhost", nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"tls.crt": cert, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings, err := Certificate(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	address, _ := start(t, settings, here)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	if got := get(t, "https://"+address, roots); got != "here" {
		t.Error(got)
	}
}

func TestAListenerThatBreaksIsToldOf(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	if err := (&Server{Handler: here, Listener: listener}).Start(t.Context()); err == nil {
		t.Error("it ends without an error")
	}
}
