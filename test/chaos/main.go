// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Command chaos shows what applications see while providers fail: it starts the real gateway program in front of two fake
// providers, asks it at a fixed rate in three dialects, breaks a provider in one way after another, and judges what came
// back and what the gateway's breakers did. Its tests are the same in a shorter form.
//
// The exit code is 1 when anything was not as promised; the report is written all the same.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// run carries out the scenarios one after the other.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	report := flags.String("report", "", "write the results to this file, as Markdown")
	only := flags.String("only", "", "carry out only scenarios whose name contains this")
	short := flags.Bool("short", false, "a few seconds a scenario, as the tests do")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "spark-chaos-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program, err := buildGateway(ctx, dir)
	if err != nil {
		return err
	}
	p := fullPace
	if *short {
		p = shortPace
	}
	var results []result
	wrong := 0
	for _, s := range scenarios(p) {
		if !strings.Contains(s.name, *only) {
			continue
		}
		started := time.Now()
		r, err := fairly(func() (result, error) { return stage{program: program, pace: p, scenario: s}.play(ctx) })
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		results = append(results, r)
		wrong += len(r.wrong)
		fmt.Fprintf(out, "%s: %s, %s\n", s.name, verdictOf(r), time.Since(started).Round(time.Second))
		for _, w := range r.aside {
			fmt.Fprintf(out, "  set aside: %s\n", w)
		}
		for _, w := range r.wrong {
			fmt.Fprintf(out, "  %s\n", strings.ReplaceAll(w, "\n", "\n  "))
		}
	}
	if *report != "" {
		if err := os.WriteFile(*report, []byte(markdown(p, results, time.Now())), 0o644); err != nil {
			return err
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d promises were not kept", wrong)
	}
	return nil
}

func verdictOf(r result) string {
	if len(r.wrong) == 0 {
		return "as promised"
	}
	return fmt.Sprintf("%d promises not kept", len(r.wrong))
}
