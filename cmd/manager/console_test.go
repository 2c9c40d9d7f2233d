// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/controllers"
)

func TestFlagsOfTheConsole(t *testing.T) {
	for name, test := range map[string]struct {
		args    []string
		want    controllers.ConsoleOptions
		wantErr bool
	}{
		"none by default, and secure": {nil, controllers.ConsoleOptions{Address: "0", Secure: true, Version: "dev"}, false},
		"all": {
			[]string{"--console-bind-address=127.0.0.1:8082", "--console-secure=false", "--console-cert-dir=/tls", "--console-playground=team/alice"},
			controllers.ConsoleOptions{Address: "127.0.0.1:8082", CertDir: "/tls", Version: "dev",
				Playground: types.NamespacedName{Namespace: "team", Name: "alice"}}, false,
		},
		"a key without its namespace": {[]string{"--console-playground=alice"}, controllers.ConsoleOptions{}, true},
		"a key without its name":      {[]string{"--console-playground=team/"}, controllers.ConsoleOptions{}, true},
		"a name with a slash":         {[]string{"--console-playground=a/b/c"}, controllers.ConsoleOptions{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			flags := flag.NewFlagSet("manager", flag.ContinueOnError)
			flags.SetOutput(io.Discard)
			var c consoleFlags
			c.bind(flags)
			if err := flags.Parse(test.args); err != nil {
				t.Fatal(err)
			}
			got, err := c.options()
			if (err != nil) != test.wantErr {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(test.want, got); err == nil && diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
