// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

func TestTheReferenceIsThatOfTheCommands(t *testing.T) {
	const path = "../../docs/kubectl-spark.md"
	got := commandReference(root())
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error("docs/kubectl-spark.md has drifted; UPDATE_GOLDEN=1 writes it:", diff)
	}
}

func TestEveryCommandIsDescribed(t *testing.T) {
	n := 0
	walk(root(), func(c *cobra.Command) {
		n++
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || c.Args == nil {
			t.Errorf("%s: %q, arguments %v", c.CommandPath(), c.Short, c.Args != nil)
		}
		if c.Name() != "version" && (c.Example == "" || !strings.Contains(c.Example, "kubectl spark")) {
			t.Errorf("%s has no example", c.CommandPath())
		}
		if f := c.Flags().Lookup("output"); f != nil && f.DefValue == "" {
			t.Errorf("%s -o has no default", c.CommandPath())
		}
	})
	if n < 15 {
		t.Errorf("only %d commands", n)
	}
}

func TestNamesAreCompletedOnlyFromAClusterThatAnswers(t *testing.T) {
	stdout, _, err := execute(t, "", "__complete", "status", "--kubeconfig", "none", "")
	if err != nil || stdout != ":4\n" {
		t.Errorf("%q, %v", stdout, err)
	}
	for flag, want := range map[string]string{"--by": "provider", "--sort": "cost", "-o": "yaml"} {
		if stdout, _, err := execute(t, "", "__complete", "top", flag, ""); err != nil || !strings.Contains(stdout, want+"\n") {
			t.Errorf("%s: %q, %v", flag, stdout, err)
		}
	}
}
