// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controlplane runs an etcd and a kube-apiserver on loopback addresses, with RBAC and without anything else:
// no scheduler, no controllers, no nodes.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/sparkgateway/spark/hack/envtest/process"
)

// Options say where the control plane lives.
type Options struct {
	Assets string // directory with etcd and kube-apiserver
	Dir    string // state, keys and logs; made if missing, emptied by nobody
	Port   int    // of the API server; 0 for any free one

	// APIServerArgs are appended to the API server's own.
	APIServerArgs []string
}

// ControlPlane is a running one.
type ControlPlane struct {
	// Config is an administrator's.
	Config *rest.Config
	// EtcdLog and APIServerLog are files.
	EtcdLog, APIServerLog string

	authority *authority
	running   []*process.Process // in the order of their start
}

const (
	startLimit = 90 * time.Second
	stopGrace  = 10 * time.Second
	// a free port may be another's by the time the program binds it
	startAttempts = 3
)

// Start returns when the API server is ready.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	if err := os.MkdirAll(options.Dir, 0o755); err != nil {
		return nil, err
	}
	authority, err := newAuthority(filepath.Join(options.Dir, "pki"))
	if err != nil {
		return nil, fmt.Errorf("keys of the control plane: %w", err)
	}
	for attempt := 1; ; attempt++ {
		c := &ControlPlane{
			EtcdLog:      filepath.Join(options.Dir, "log", "etcd.log"),
			APIServerLog: filepath.Join(options.Dir, "log", "kube-apiserver.log"),
			authority:    authority,
		}
		err := c.start(ctx, options)
		if err == nil {
			return c, nil
		}
		c.Stop()
		if attempt == startAttempts || !strings.Contains(err.Error(), "address already in use") {
			return nil, err
		}
	}
}

func (c *ControlPlane) start(ctx context.Context, options Options) error {
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	if options.Port != 0 {
		ports[2] = options.Port
	}
	etcdURL := loopbackURL("http", ports[0])
	err = c.run(process.Command{
		Path: filepath.Join(options.Assets, "etcd"), Args: etcdArgs(options.Dir, etcdURL, loopbackURL("http", ports[1])), Log: c.EtcdLog,
	})
	if err != nil {
		return err
	}
	if err := c.await(ctx, http.DefaultClient, etcdURL+"/readyz"); err != nil {
		return err
	}
	args := append(c.authority.apiServerArgs(), apiServerArgs(etcdURL, ports[2])...)
	err = c.run(process.Command{
		Path: filepath.Join(options.Assets, "kube-apiserver"), Args: append(args, options.APIServerArgs...), Log: c.APIServerLog,
	})
	if err != nil {
		return err
	}
	c.Config, err = c.authority.clientConfig(loopbackURL("https", ports[2]), "spark-admin", "system:masters")
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(c.Config)
	if err != nil {
		return err
	}
	return c.await(ctx, client, c.Config.Host+"/readyz")
}

func (c *ControlPlane) run(command process.Command) error {
	p, err := process.Start(command)
	if err != nil {
		return err
	}
	c.running = append(c.running, p)
	return nil
}

// await polls until the program that was started last answers.
func (c *ControlPlane) await(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	program := c.running[len(c.running)-1]
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		if answers(ctx, client, url) {
			return nil
		}
		select {
		case <-program.Done():
			return program.Exited()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w%s", url, ctx.Err(), process.Tail(program.Log(), 15))
		case <-poll.C:
		}
	}
}

func answers(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// Stop ends both programs, the API server first: without etcd it would wait in vain.
func (c *ControlPlane) Stop() {
	for i := len(c.running) - 1; i >= 0; i-- {
		c.running[i].Stop(stopGrace)
	}
	c.running = nil
}

// Failed receives nothing until one of the programs ends by itself.
func (c *ControlPlane) Failed(ctx context.Context) <-chan error {
	failed := make(chan error, len(c.running))
	for _, p := range c.running {
		go func() {
			select {
			case <-p.Done():
				failed <- p.Exited()
			case <-ctx.Done():
			}
		}()
	}
	return failed
}

func loopbackURL(scheme string, port int) string {
	return scheme + "://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// freePorts holds all of them at once, so that they differ.
func freePorts(n int) (ports []int, err error) {
	for range n {
		listener, listenErr := net.Listen("tcp", "127.0.0.1:0")
		if listenErr != nil {
			return nil, errors.Join(err, listenErr)
		}
		defer func() { _ = listener.Close() }()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
