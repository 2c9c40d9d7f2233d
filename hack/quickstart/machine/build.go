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
	"strings"
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
	address := fakeAddress
	for range 2 {
		fake, err := process.Start(process.Command{
			Path: q.state.bin("fakeprovider"), Args: []string{"--listen", address, "--log-requests"}, Log: q.state.log("fakeprovider"),
		})
		if err != nil {
			return err
		}
		err = poll(ctx, fakeLimit, func() error {
			select {
			case <-fake.Done():
				return giveUp{fake.Exited()}
			default:
				return answering(address)
			}
		})
		if err == nil {
			q.fake, q.fakeURL = fake, "http://"+address
			return nil
		}
		fake.Stop(fakeGrace)
		if !strings.Contains(err.Error(), "address already in use") {
			return err
		}
		if address, err = freeAddress(); err != nil {
			return err
		}
		q.progress.note("%s is taken, using %s", fakeAddress, address)
	}
	return errors.New("no port for the fake provider")
}

func answering(address string) error {
	connection, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	return connection.Close()
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
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
