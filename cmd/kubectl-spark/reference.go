// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// conventions is what all commands have in common.
const conventions = `# kubectl spark

<!-- Generated from the commands: UPDATE_GOLDEN=1 go test -run TestTheReference ./cmd/kubectl-spark -->

The plugin is one program, ` + "`kubectl-spark`" + `: on the PATH it is also ` + "`kubectl spark`" + `. ` + "`make krew`" + ` builds its archives, and a manifest for
` + "`kubectl krew install --manifest`" + `, into ` + "`dist/`" + `.

What is the same everywhere:

- The result goes to standard output; errors, warnings and what is only said beside go to standard error.
- The exit code is 0 where a command did what it was asked, and 1 where it did not: its arguments are wrong, something could not be
  read or reached, or what it was to check does not hold (` + "`validate`, `status --check`" + `, a threshold of ` + "`load`" + `).
- ` + "`-o json` and `-o yaml`" + ` give all that is known, for programs; ` + "`-o name`" + ` gives ` + "`kind.group/name`" + `, for kubectl.
- Tables fit the terminal, or 100 columns where there is none. Colours are for terminals only, and not where ` + "`NO_COLOR`" + ` is set.
- ` + "`-n`, `--kubeconfig` and `--context`" + ` are as with kubectl.
- Names of gateways, pods, keys and routes are completed: ` + "`source <(kubectl-spark completion bash)`" + `, likewise zsh, fish and powershell.
  For ` + "`kubectl spark`" + ` put a program ` + "`kubectl_complete-spark`" + ` on the PATH that runs ` + "`kubectl-spark __complete \"$@\"`" + `.

`

// commandReference gives the documentation of a command and those below it as Markdown.
func commandReference(root *cobra.Command) string {
	var out strings.Builder
	out.WriteString(conventions)
	out.WriteString("| command | |\n|---|---|\n")
	var all []*cobra.Command
	walk(root, func(c *cobra.Command) {
		all = append(all, c)
		path := strings.TrimPrefix(c.CommandPath(), root.CommandPath()+" ")
		fmt.Fprintf(&out, "| [%s](#%s) | %s |\n", path, strings.ReplaceAll(path, " ", "-"), c.Short)
	})
	for _, c := range all {
		path := strings.TrimPrefix(c.CommandPath(), root.CommandPath()+" ")
		fmt.Fprintf(&out, "\n## %s\n\n%s\n\n```\n%s\n```\n", path, strings.TrimSpace(described(c)), c.UseLine())
		if c.Example != "" {
			fmt.Fprintf(&out, "\nFor example:\n\n```sh\n%s\n```\n", unindent(c.Example))
		}
		flagTable(&out, c.LocalFlags())
	}
	return out.String()
}

// walk visits the commands that run, but for those that cobra adds.
func walk(c *cobra.Command, visit func(*cobra.Command)) {
	for _, below := range c.Commands() {
		if below.Name() == "help" || below.Name() == "completion" || below.Hidden {
			continue
		}
		if below.Runnable() {
			visit(below)
		}
		walk(below, visit)
	}
}

func described(c *cobra.Command) string {
	if c.Long == "" {
		return c.Short + "."
	}
	return c.Long
}

func unindent(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}

func flagTable(out *strings.Builder, set *pflag.FlagSet) {
	first := true
	set.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Hidden {
			return
		}
		if first {
			out.WriteString("\n| flag | |\n|---|---|\n")
			first = false
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		kind, usage := pflag.UnquoteUsage(f)
		if kind != "" {
			name += " " + kind
		}
		switch f.DefValue {
		case "", "false", "0", "0s", "[]":
		default:
			usage += " (default: " + f.DefValue + ")"
		}
		fmt.Fprintf(out, "| %s | %s |\n", name, strings.NewReplacer("|", `\|`, "\n", " ").Replace(usage))
	})
}
