// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Command bench measures what a request costs: CPU microseconds per request of nginx, of Spark and of a raw relay of
// bytes, each proxying the same chat requests over loopback to the same upstream, in turn and several times in one run.
//
// It starts everything it needs as processes of its own, on free loopback ports, and ends them all before it leaves.
// The exit code is 1 when something could not be measured, when a response was wrong, or when --max-ratio is exceeded.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings are the flags, checked.
type settings struct {
	Subjects    []string      `json:"subjects"`
	Rounds      int           `json:"rounds"`
	Requests    int           `json:"requests"` // per subject and round
	Duration    time.Duration `json:"-"`        // at most, per subject and round
	Connections int           `json:"connections"`
	Stream      bool          `json:"stream"`
	Bytes       int           `json:"bytes"` // of a request's and a response's body
	maxRatio    float64
	jsonPath    string
	sparkBin    string
	keep        bool
}

func main() {
	// Children are told to die with the thread that started them, so this one must stay.
	runtime.LockOSThread()
	if role, isRole := roleOf(os.Args); isRole {
		exit(role(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	s, err := parseFlags(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		err = nil // it was printed
	case err == nil:
		err = run(ctx, s, os.Stdout)
	}
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func parseFlags(args []string, usage io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(usage)
	subjects := flags.String("subjects", "nginx,spark,relay,direct", "what to measure, in this order, separated by commas")
	flags.IntVar(&s.Rounds, "rounds", 5, "how many times each subject is measured")
	flags.IntVar(&s.Requests, "requests", 0, "requests per subject and round (default 40000, with --stream 4000)")
	flags.DurationVar(&s.Duration, "duration", 30*time.Second, "at most so long per subject and round")
	flags.IntVar(&s.Connections, "connections", 32, "connections, each with one request at a time")
	flags.IntVar(&s.Bytes, "bytes", bodyBytes, "bytes of each request's body, and of each response's without --stream")
	flags.BoolVar(&s.Stream, "stream", false, "ask for streams of 100 events")
	flags.Float64Var(&s.maxRatio, "max-ratio", 0, "exit 1 if Spark's CPU per request is more than so many times nginx's")
	flags.StringVar(&s.jsonPath, "json", "", "write the results to this file, too")
	flags.StringVar(&s.sparkBin, "spark-bin", "bin/kubectl-spark", "the program that serves Spark with: run -f DIR")
	flags.BoolVar(&s.keep, "keep", false, "keep the directory with configurations and logs")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	s.Subjects = strings.Split(*subjects, ",")
	if s.Requests == 0 {
		s.Requests = 40_000
		if s.Stream {
			s.Requests = 4_000
		}
	}
	return s, s.check(flags.Args())
}

func (s settings) check(extra []string) error {
	if len(extra) > 0 {
		return fmt.Errorf("unexpected argument %q", extra[0])
	}
	for i, name := range s.Subjects {
		if _, known := subjects[name]; !known {
			return fmt.Errorf("unknown subject %q; known are nginx, spark, cached, sanitized, relay, direct", name)
		}
		if slices.Contains(s.Subjects[:i], name) {
			return fmt.Errorf("subject %q is given twice", name)
		}
	}
	if s.Rounds < 1 || s.Requests < 1 || s.Connections < 1 || s.Duration <= 0 {
		return fmt.Errorf("rounds, requests, connections and duration must be above zero")
	}
	if s.Bytes < minBodyBytes {
		return fmt.Errorf("bytes must be at least %d", minBodyBytes)
	}
	if s.maxRatio > 0 && (!slices.Contains(s.Subjects, "nginx") || !slices.Contains(s.Subjects, "spark")) {
		return fmt.Errorf("--max-ratio needs both subjects, nginx and spark")
	}
	return nil
}
