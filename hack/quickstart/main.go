// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Command quickstart runs Spark on this machine, without a cluster and without containers.
//
//	quickstart up            stays in the foreground; Ctrl-C ends everything it started
//	quickstart up --detach   returns when the gateway is Programmed
//	quickstart down          ends what `up` left running, and removes its state
//
// It is only the doorway. What does the work is built on the Kubernetes libraries, which take minutes to compile on a
// fresh machine, and `go run` would be silent all that time; this program is small, and shows how the other one's
// build goes on before it becomes the other one.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sparkgateway/spark/hack/envtest/step"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	if err := run(ctx, os.Args[1:]); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "quickstart:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	root, err := projectRoot(ctx)
	if err != nil {
		return err
	}
	machine := filepath.Join(root, "bin", "quickstart")
	_, missing := os.Stat(machine)
	// what started it can end it, even when the sources do not compile at the moment
	if missing != nil || len(args) == 0 || args[0] != "down" {
		_, err := step.Step{
			Title: "building bin/quickstart", Dir: root, Env: []string{"CGO_ENABLED=0"}, Progress: os.Stdout,
			Args: []string{"go", "build", "-v", "-buildvcs=false", "-o", machine, "./hack/quickstart/machine"},
		}.Run(ctx)
		if err != nil {
			return err
		}
	}
	return syscall.Exec(machine, append([]string{machine}, args...), os.Environ())
}

func projectRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	file := strings.TrimSpace(string(out))
	if filepath.Base(file) != "go.mod" {
		return "", errors.New("run this inside a checkout of Spark")
	}
	return filepath.Dir(file), nil
}
