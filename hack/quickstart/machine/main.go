// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Command machine is the quickstart proper: it runs a control plane, the operator, the gateways' pods as processes,
// and a fake provider on this machine. See hack/quickstart for its use.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

const usage = "usage: quickstart up [--detach] | down"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		_, _ = fmt.Fprintln(os.Stderr, "interrupted; everything that was started has ended")
		os.Exit(130)
	default:
		_, _ = fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	detach := flags.Bool("detach", false, "return when the gateway is Programmed")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return errors.New(usage)
	}
	root, err := projectRoot()
	if err != nil {
		return err
	}
	s := newState(root)
	switch args[0] {
	case "up":
		if *detach {
			return startDetached(ctx, s)
		}
		quiet(io.Discard)
		return up(ctx, s, newProgress(os.Stdout), nil)
	case "supervise":
		quiet(os.Stderr)
		return supervise(ctx, s)
	case "down":
		return down(ctx, s, newProgress(os.Stdout))
	}
	return errors.New(usage)
}

// quiet keeps the libraries' own logs off a person's terminal.
func quiet(w io.Writer) {
	ctrl.SetLogger(logr.Discard())
	klog.LogToStderr(false)
	klog.SetOutput(w)
}
