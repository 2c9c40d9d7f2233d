// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// readyWithin bounds how long a subject may take to answer its first request.
const readyWithin = 20 * time.Second

// subject is something between the load and the upstream, or the upstream itself.
type subject struct {
	address string
	process *process // nil for direct
}

var subjects = map[string]func(context.Context, *rig) (*subject, error){
	"nginx":  startNginx,
	"spark":  sparkAs("spark"),
	"cached": sparkAs("cached"), "sanitized": sparkAs("sanitized"),
	"relay":  startRelay,
	"direct": func(_ context.Context, r *rig) (*subject, error) { return &subject{address: r.address}, nil },
}

// ready waits until a chat request is answered rightly.
func (s *subject) ready(ctx context.Context, stream bool, size int) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	probe := plan{Address: s.address, Connections: 1, Requests: 1, Limit: time.Second, Stream: stream, Bytes: size}
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		got := probe.run(ctx)
		if got.Errors == 0 && got.Requests == 1 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no right answer within %s: %s%s", readyWithin, got.FirstError, s.lastWords())
		case <-s.gone():
			return errors.New("its process ended" + s.lastWords())
		case <-retry.C:
		}
	}
}

func (s *subject) gone() <-chan struct{} {
	if s.process == nil {
		return nil
	}
	return s.process.ended
}

func (s *subject) lastWords() string {
	if s.process == nil {
		return ""
	}
	return s.process.lastWords()
}

func (r *rig) startUpstream(ctx context.Context) (err error) {
	r.upstream, r.address, err = r.startRole(ctx, "upstream", strconv.Itoa(r.Bytes))
	return err
}

func startRelay(ctx context.Context, r *rig) (*subject, error) {
	p, address, err := r.startRole(ctx, "relay", r.address)
	if err != nil {
		return nil, err
	}
	return &subject{address: address, process: p}, nil
}

// startRole runs this program in a role that says on its first line where it listens.
func (r *rig) startRole(ctx context.Context, role string, args ...string) (*process, string, error) {
	spec, err := ownRole(role, args...)
	if err != nil {
		return nil, "", err
	}
	spec.name, spec.dir = role, r.dir
	p, stdout, err := spec.startPiped(ctx)
	if err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		p.stop()
		return nil, "", fmt.Errorf("%s did not say where it listens: %w%s", role, err, p.lastWords())
	}
	return p, strings.TrimSpace(line), nil
}

// freeAddress finds a loopback port that nobody uses. Somebody may take it before it is used again, which then shows
// as a subject that does not start.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
