// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// askTimeout bounds how long a pod is silent.
const askTimeout = 30 * time.Second

// silence is how long that is for this cluster, and the error of a pod that is silent for longer.
func (c *Cluster) silence() (time.Duration, error) {
	most := cmp.Or(c.patience, askTimeout)
	return most, fmt.Errorf("no answer within %s", most)
}

// reach forwards a port of a pod and has ask use it, until the context ends. Credentials are nil for a port without. Its error is
// that of ask or, where there is one, what kept ask from the pod.
func (c *Cluster) reach(ctx context.Context, pod string, port int, credentials *tls.Config, ask func(transport http.RoundTripper, address string) error) error {
	address, stop, err := c.forward(ctx, pod, port)
	if err != nil {
		return fmt.Errorf("forward a port: %w", err)
	}
	transport := &http.Transport{TLSClientConfig: credentials.Clone()}
	err = ask(transport, address)
	transport.CloseIdleConnections()
	broken := stop()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case broken != nil && errors.Is(err, io.EOF):
		// The port's listener is this process's own: it can only hang up.
		return fmt.Errorf("forward a port: %w", broken)
	case broken != nil:
		return fmt.Errorf("%w (forward a port: %w)", err, broken)
	}
	return err
}

// within reaches a pod for one question, whose whole answer must come before the pod was silent for too long.
func (c *Cluster) within(ctx context.Context, pod string, port int, credentials *tls.Config, ask func(ctx context.Context, transport http.RoundTripper, address string) error) error {
	most, late := c.silence()
	ctx, cancel := context.WithTimeoutCause(ctx, most, late)
	defer cancel()
	return c.reach(ctx, pod, port, credentials, func(transport http.RoundTripper, address string) error {
		return ask(ctx, transport, address)
	})
}

// patient reads what may go on for as long as it likes, while it goes on.
type patient struct {
	from  io.Reader
	timer *time.Timer
	most  time.Duration
}

// Read implements io.Reader.
func (p *patient) Read(into []byte) (int, error) {
	n, err := p.from.Read(into)
	p.timer.Reset(p.most)
	return n, err
}
