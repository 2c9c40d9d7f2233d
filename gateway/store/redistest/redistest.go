// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package redistest runs real Redis servers for tests: child processes on loopback ports, each in a directory of its own,
// that end with their test.
package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/sparkgateway/spark/gateway/store/redistest/loopback"
)

// Options are how a server is started. The zero value is a server over plain TCP that appends to its file as Redis does by
// default (once a second to the disk; what a killed process had answered is still in the file, but see Sync).
type Options struct {
	// Sync writes all to the file before it is answered ("appendfsync always"). Otherwise a write may be put off while
	// another goes on, and a server that is killed then forgets what it has answered.
	Sync bool
	// TLS serves over TLS only, with a certificate for 127.0.0.1 and "localhost" by an authority of its own.
	TLS bool
	// Real asks for a real server even where nothing else here does: an imitation knows no ACL, CONFIG or REPLICAOF, and only
	// text that is UTF-8.
	Real bool
	// Args are further settings, such as "--maxmemory", "10mb".
	Args []string
}

// Server is a redis-server. Its methods fail the test where they cannot do what they are for.
type Server struct {
	// Addr is "127.0.0.1:port". It stays the same over Restart.
	Addr string
	// CA is the PEM of the authority, with TLS.
	CA string

	t     testing.TB
	dir   string
	args  []string
	probe func(s *Server) error
	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{}
	fake  *miniredis.Miniredis // nil where the server is real
}

// Start runs a server, and waits until it answers.
func Start(t testing.TB, opts Options) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), Addr: address(t), probe: (*Server).ping}
	if !genuine(t, !opts.Real && !opts.TLS && len(opts.Args) == 0) {
		s.imitate()
		return s
	}
	_, port, _ := net.SplitHostPort(s.Addr)
	s.args = []string{
		"--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "yes", "--protected-mode", "no",
		"--logfile", filepath.Join(s.dir, "log"), "--daemonize", "no", "--repl-diskless-sync-delay", "0",
	}
	if opts.Sync {
		s.args = append(s.args, "--appendfsync", "always")
	}
	if opts.TLS {
		s.CA = certificates(t, s.dir)
		s.args = append(s.args, "--port", "0", "--tls-port", port, "--tls-auth-clients", "no",
			"--tls-cert-file", filepath.Join(s.dir, "cert.pem"), "--tls-key-file", filepath.Join(s.dir, "key.pem"),
			"--tls-ca-cert-file", filepath.Join(s.dir, "ca.pem"))
		s.probe = (*Server).dial
	} else {
		s.args = append(s.args, "--port", port)
	}
	s.args = append(s.args, opts.Args...)
	s.run()
	return s
}

// run starts the process and waits until it answers.
func (s *Server) run() {
	s.t.Helper()
	cmd := exec.Command("redis-server", s.args...)
	cmd.SysProcAttr = dieWithParent()
	if err := start(cmd); err != nil {
		s.t.Fatalf("redis-server: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	s.mu.Lock()
	s.cmd, s.ended = cmd, ended
	s.mu.Unlock()
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	deadline := time.Now().Add(time.Minute)
	for err := s.probe(s); err != nil; time.Sleep(5 * time.Millisecond) {
		select {
		case <-ended:
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.t.Fatalf("redis-server ended at once: %s", log)
		default:
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("redis-server does not answer: %v", err)
		}
		err = s.probe(s)
	}
}

// Do is the function Do for a server without a password, over plain TCP.
func (s *Server) Do(args ...string) (string, error) { return Do(s.Addr, "", args...) }

func (s *Server) ping() error {
	answer, err := s.Do("PING")
	// A server that asks for a password answers, too.
	if err == nil && answer != "+PONG" && !strings.HasPrefix(answer, "-NOAUTH") {
		return fmt.Errorf("redis-server says %q", answer)
	}
	return err
}

func (s *Server) dial() error {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return err
}

func (s *Server) signal(sig os.Signal) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("redis-server: %v", err)
	}
}

// Kill ends the process with SIGKILL, and waits until it is gone.
func (s *Server) Kill() {
	s.t.Helper()
	if s.fake != nil {
		s.fake.Close()
		return
	}
	s.signal(syscall.SIGKILL)
	<-s.ended
}

// Restart starts the server again after Kill, with the files that it left.
func (s *Server) Restart() {
	s.t.Helper()
	if s.fake != nil {
		if err := s.fake.Restart(); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	s.run()
}

// Pause stops the process where it is: connections stay, and nothing is answered until Resume. With an imitation the test
// ends here.
func (s *Server) Pause() {
	s.t.Helper()
	if s.fake != nil {
		s.t.Skip("an imitation cannot stand still")
	}
	s.signal(syscall.SIGSTOP)
}

// Resume lets a paused process go on.
func (s *Server) Resume() {
	s.t.Helper()
	s.signal(syscall.SIGCONT)
}

func address(t testing.TB) string {
	t.Helper()
	found, err := loopback.Free()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var installed = sync.OnceValue(func() error {
	if _, err := exec.LookPath("redis-server"); err == nil {
		return nil
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("redis-server is not installed")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "apt-get", "install", "-y", "-qq", "--no-install-recommends", "redis-server")
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("redis-server is not installed, and cannot be: %w: %s", err, out)
	}
	return nil
})
