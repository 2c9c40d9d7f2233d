// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Command envtest prints a directory that holds etcd, kube-apiserver and kubectl.
//
// Progress goes to standard error, so that a shell can write
// KUBEBUILDER_ASSETS=$(go run ./hack/envtest).
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/sparkgateway/spark/hack/envtest/assets"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	dir, err := assets.Default(os.Stderr).Resolve(ctx)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "envtest:", err)
		stop()
		os.Exit(1)
	}
	fmt.Println(dir)
}
