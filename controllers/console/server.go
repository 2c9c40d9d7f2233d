// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"time"

	certutil "k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// Server serves a Handler until its context ends. It is a controller-runtime Runnable of every replica, not of the leader alone.
type Server struct {
	Handler http.Handler
	// Listener that it serves on; closed in the end.
	Listener net.Listener
	// TLS is nil for plain HTTP.
	TLS *tls.Config
	// Complaints takes what the HTTP server has to say of connections, such as that one did not speak TLS; nil is the standard logger.
	Complaints *log.Logger
}

// goodbye is how long requests may go on once the process was asked to end.
const goodbye = 5 * time.Second

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*Server) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (s *Server) Start(ctx context.Context) error {
	server := &http.Server{
		Handler: s.Handler, TLSConfig: s.TLS, ErrorLog: s.Complaints,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      playTime + 15*time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
	ended := make(chan error, 1)
	go func() {
		if s.TLS != nil {
			ended <- server.ServeTLS(s.Listener, "", "")
			return
		}
		ended <- server.Serve(s.Listener)
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("serve the console: %w", err)
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if errors.Is(server.Shutdown(late), context.DeadlineExceeded) {
		_ = server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the console: %w", err)
	}
	return nil
}

// Certificate gives the TLS of a Server: by tls.crt and tls.key of a directory, which are watched until the context ends, or, where dir
// is empty, by a certificate of its own for localhost that nobody else vouches for.
func Certificate(ctx context.Context, dir string) (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if dir == "" {
		cert, key, err := certutil.GenerateSelfSignedCertKeyWithFixtures("localhost", []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, nil, "")
		if err != nil {
			return nil, fmt.Errorf("make a certificate: %w", err)
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("make a certificate: %w", err)
		}
		settings.Certificates = []tls.Certificate{pair}
		return settings, nil
	}
	watch, err := certwatcher.New(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		return nil, fmt.Errorf("read the console's certificate: %w", err)
	}
	// It ends with an error only where files cannot be watched, and reads them every now and then even so.
	go func() { _ = watch.Start(ctx) }()
	settings.GetCertificate = watch.GetCertificate
	return settings, nil
}
