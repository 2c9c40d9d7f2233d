// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Command cmd serves package load inside a pod.
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/sparkgateway/spark/test/e2e/load"
)

func main() {
	server := &http.Server{Addr: ":8090", Handler: load.NewServer().Handler(), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintln(os.Stderr, "load:", server.ListenAndServe())
	os.Exit(1)
}
