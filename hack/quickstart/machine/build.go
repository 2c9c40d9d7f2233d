// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/go-logr/logr"

	"github.com/sparkgateway/spark/hack/envtest/process"
	"github.com/sparkgateway/spark/hack/envtest/step"
)

// program is one of ours that runs here.
type program struct{ name, pkg string }

var programs = []program{
	{"manager", "./cmd/manager"}, {"gateway", "./cmd/gateway"},
	{"fakeprovider", "./test/fakeprovider/cmd"}, {"kubectl-spark", "./cmd/kubectl-spark"},
}

func (q *quickstart) build(ctx context.Context) error {
	for _, p := range programs {
		_, err := step.Step{
			Title: "building bin/" + p.name, Dir: q.state.root, Env: []string{"CGO_ENABLED=0"}, Progress: q.progress,
			Args: []string{"go", "build", "-v", "-buildvcs=false", "-o", q.state.bin(p.name), p.pkg},
		}.Run(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	fakeAddress = "127.0.0.1:18088"
	fakeLimit   = 10 * time.Second
)

// startFake prefers the address that the samples name.
func (q *quickstart) startFake(ctx context.Context) error {
	address, err := freeAddress(fakeAddress, "127.0.0.1:0")
	if err != nil {
		return err
	}
	if address != fakeAddress {
		q.progress.note("%s is taken, using %s", fakeAddress, address)
	}
	q.fakeURL = "http://" + address
	q.fake, err = process.Start(process.Command{
		Path: q.state.bin("fakeprovider"), Args: []string{"--listen", address, "--log-requests"}, Log: q.state.log("fakeprovider"),
	})
	if err != nil {
		return err
	}
	return poll(ctx, fakeLimit, func() error {
		select {
		case <-q.fake.Done():
			return giveUp{q.fake.Exited()}
		default:
			return answering(address)
		}
	})
}

func answering(address string) error {
	connection, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	return connection.Close()
}

// freeAddress is the first that nobody listens on. Asking whether somebody answers there would not do: it may be
// another's fake provider.
func freeAddress(candidates ...string) (string, error) {
	var failures []error
	for _, candidate := range candidates {
		listener, err := net.Listen("tcp", candidate)
		if err == nil {
			defer func() { _ = listener.Close() }()
			return listener.Addr().String(), nil
		}
		failures = append(failures, err)
	}
	return "", errors.Join(failures...)
}

// giveUp ends a poll before its time.
type giveUp struct{ error }

func (g giveUp) Unwrap() error { return g.error }

// poll tries until it works; the error is of the last attempt.
func poll(ctx context.Context, limit time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		var final giveUp
		if err == nil || errors.As(err, &final) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", limit, err)
		case <-tick.C:
		}
	}
}

// lineLogger writes to a file what has no output of its own.
func lineLogger(file *os.File) logr.Logger {
	return logr.FromSlogHandler(slog.NewTextHandler(file, nil))
}
