// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/controllers"
)

// consoleFlags are those of the page that the operator serves.
type consoleFlags struct {
	address, certDir, playground string
	secure                       bool
}

func (c *consoleFlags) bind(to *flag.FlagSet) {
	to.StringVar(&c.address, "console-bind-address", "0", "address of the console, a read-only page; \"0\" serves none")
	to.BoolVar(&c.secure, "console-secure", true,
		"serve the console over TLS, and what it shows to those whom the API server authorizes; without, it listens on loopback addresses only")
	to.StringVar(&c.certDir, "console-cert-dir", "", "directory with the console's tls.crt and tls.key; empty means a self-signed certificate")
	to.StringVar(&c.playground, "console-playground", "",
		"namespace/name of the APIKey that the console's playground sends prompts with; empty means no playground")
}

func (c *consoleFlags) options() (controllers.ConsoleOptions, error) {
	o := controllers.ConsoleOptions{Address: c.address, Secure: c.secure, CertDir: c.certDir, Version: version}
	if c.playground == "" {
		return o, nil
	}
	namespace, name, ok := strings.Cut(c.playground, "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
		return o, fmt.Errorf("--console-playground %s: write namespace/name of an APIKey", c.playground)
	}
	o.Playground = types.NamespacedName{Namespace: namespace, Name: name}
	return o, nil
}
