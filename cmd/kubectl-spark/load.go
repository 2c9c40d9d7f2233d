// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/load"
)

// loading is what load was asked.
type loading struct {
	place
	url, key, keyFile, ca    string
	insecure                 bool
	model, dialect, sizes    string
	stream                   float64
	prompts, maxTokens       int
	seed                     uint64
	rate                     float64
	arrivals, soak           string
	concurrency, connections int
	duration, ramp, warmup   time.Duration
	timeout                  time.Duration
	failIf                   string
	report, jsonFile, output string
	quiet                    bool

	// What follows is read out of the above. The text says where requests go, if that is no URL.
	plan       load.Options
	target     load.ClientOptions
	where      string
	thresholds []load.Threshold
	outputs    []namedOutput
}

// namedOutput is a file that a report goes to.
type namedOutput struct {
	path  string
	write func(*load.Report, io.Writer) error
}

func loadCommand() *cobra.Command {
	l := loading{}
	cmd := &cobra.Command{
		Use:   "load (--url URL | --gateway NAME) --model MODEL (--rate R | --soak STAGES | --concurrency N)",
		Short: "Ask a gateway as many users would, and report how it fared",
		Long: `Ask a gateway as many users would, and report how it fared: latency, time to the first token, time between tokens, errors by
kind, tokens and bytes, second by second and in total.

With --rate or --soak requests are sent when they are due, whatever becomes of those before, and their latency counts from when
they were due: a gateway that stalls does not thin out its own load (no coordinated omission). When requests are sent late, for want
of connections or of speed of this machine, the report says so. With --concurrency so many users ask, each again when it is answered.

With --gateway the requests go by a forwarded port to one pod of that SparkGateway, through the API server: enough to see that it
works, too slow to find its limits. Where its listener speaks TLS, --url has the name that is on the certificate. That takes the
rights to read the SparkGateway, to list pods and to forward ports to them.

The key is --key, or the environment's ` + keyVariable + `; those of --key-file, one a line, take turns with it. No key is in any report.

--fail-if makes the command fail unless all thresholds are kept. There are errors and late (a number, or a share with %), rate and
throughput (requests a second sent, and answered well), tokens (of answers, a second), and durations: mean, p50, p90, p95, p99,
p99.9, max of the latency, and with ttft_, itl_ or service_ before of the first token, between tokens, and from when sent.

Ctrl-C ends the run early, with a full report. The exit code is 1 when a threshold was broken or nothing was answered well.
Providers charge for what they answer: mind --duration and --max-tokens.`,
		Example: `  kubectl spark load --url http://127.0.0.1:8080 --model smart --rate 100 --duration 1m --stream 50
  kubectl spark load --url https://llm.example.com --model smart --soak 30s:10,1m:10-100,5m:100 --arrivals poisson \
      --prompt-tokens lognormal:200,0.8 --key-file keys --fail-if "p99<2s,ttft_p95<1s,errors<1%,rate>95" --report load.html
  kubectl spark load --gateway main -n team --dialect anthropic --model claude --concurrency 20 -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return l.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	l.flags(cmd)
	return cmd
}

func (l *loading) flags(cmd *cobra.Command) {
	l.place.flags(cmd)
	outputFlag(cmd, &l.output, "table", "json")
	f := cmd.Flags()
	f.Lookup("pod").Usage = "name of the pod to ask, with --gateway (default: one that is ready)"
	f.StringVar(&l.url, "url", "", "address of a gateway, such as https://llm.example.com")
	f.StringVar(&l.key, "key", "", "API key (default: $"+keyVariable+")")
	f.StringVar(&l.keyFile, "key-file", "", "file of API keys that take turns, one a line")
	f.StringVar(&l.ca, "ca-file", "", "file of the certificate authorities to trust, in PEM (default: the system's)")
	f.BoolVar(&l.insecure, "insecure", false, "do not check the gateway's certificate")
	f.StringVar(&l.model, "model", "", "model to ask for")
	f.StringVar(&l.dialect, "dialect", string(load.OpenAI), "API to speak: openai, responses, anthropic or gemini")
	f.Float64Var(&l.stream, "stream", 0, "how many of 100 requests ask for a stream")
	f.StringVar(&l.sizes, "prompt-tokens", "fixed:200", "length of prompts: fixed:N, uniform:LEAST-MOST or lognormal:MEDIAN,SIGMA")
	f.IntVar(&l.prompts, "prompts", 0, "how many different prompts there are, so that caches hit (0: each is its own)")
	f.IntVar(&l.maxTokens, "max-tokens", 100, "how many tokens an answer may have")
	f.Uint64Var(&l.seed, "seed", 0, "number that makes two runs ask the same (0: another each time)")
	f.Float64Var(&l.rate, "rate", 0, "requests a second, sent when they are due (open loop)")
	f.StringVar(&l.soak, "soak", "", "stages of an open loop, in place of --rate and --duration: 30s:10,1m:10-100,5m:100")
	f.StringVar(&l.arrivals, "arrivals", string(load.Constant), "how requests of an open loop come: constant or poisson")
	f.IntVar(&l.concurrency, "concurrency", 0, "how many users ask, each again when it is answered (closed loop)")
	f.DurationVar(&l.duration, "duration", 30*time.Second, "how long to send requests")
	f.DurationVar(&l.ramp, "ramp", 0, "the first part of the duration, in which the load rises evenly from nothing")
	f.DurationVar(&l.warmup, "warmup", 0, "the first part of the duration, which is not in the totals")
	f.DurationVar(&l.timeout, "timeout", time.Minute, "how long a request may wait for a connection, and then for its whole answer")
	f.IntVar(&l.connections, "max-connections", 1000, "how many connections there are at most; each carries one request at a time")
	f.StringVar(&l.failIf, "fail-if", "", "thresholds that must be kept, such as p99<2s,ttft_p95<1s,errors<1%,rate>95")
	f.StringVar(&l.report, "report", "", "file to write a report with plots to, in HTML")
	f.StringVar(&l.jsonFile, "json", "", "file to write the report to, in JSON")
	f.BoolVarP(&l.quiet, "quiet", "q", false, "do not show each second")
	_ = cmd.MarkFlagRequired("model")
	dialects := make([]cobra.Completion, 0, len(load.Dialects))
	for _, d := range load.Dialects {
		dialects = append(dialects, cobra.Completion(d))
	}
	for flag, choice := range map[string][]cobra.Completion{
		"dialect": dialects, "arrivals": {string(load.Constant), string(load.Poisson)},
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(choice, cobra.ShellCompDirectiveNoFileComp))
	}
}

// run asks, and reports.
func (l *loading) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := l.prepare(); err != nil {
		return err
	}
	if err := l.open(); err != nil {
		return err
	}
	stop, err := l.approach(ctx)
	if err != nil {
		return err
	}
	// To end it twice is to end it once.
	defer func() { _ = stop() }()
	client, err := load.NewClient(l.target)
	if err != nil {
		return fmt.Errorf("--url: %w", err)
	}
	defer client.Close()
	l.plan.Sender = client
	l.show(stdout, stderr)
	begun := time.Now()
	result, err := load.Run(ctx, l.plan)
	if err != nil {
		return err
	}
	report := load.NewReport(begun, l.settings(), result, load.Judge(l.thresholds, result))
	if err := l.write(report, stdout); err != nil {
		return err
	}
	broken := stop()
	if report.OK == 0 || !report.Kept {
		return because(errors.New(report.Headline()), broken)
	}
	return nil
}

// because adds what kept requests from the gateway, where that is known.
func because(err, broken error) error {
	if broken == nil {
		return err
	}
	return fmt.Errorf("%w (forward a port: %w)", err, broken)
}

// approach leads to the gateway where it is one of a cluster, until stop.
func (l *loading) approach(ctx context.Context) (stop func() error, err error) {
	if l.gateway == "" {
		return func() error { return nil }, nil
	}
	cluster, err := l.connect()
	if err != nil {
		return nil, err
	}
	road, err := cluster.Applications(ctx, l.gateway, l.pod)
	if err != nil {
		return nil, err
	}
	if err := l.take(road, cluster.Namespace); err != nil {
		return nil, errors.Join(err, road.Stop())
	}
	return road.Stop, nil
}

// take has requests go by a road.
func (l *loading) take(road *live.Road, namespace string) error {
	scheme := "http"
	if road.TLS {
		scheme = "https"
	}
	switch {
	case l.url == "" && road.TLS && !l.insecure:
		return errors.New("the gateway's listener speaks TLS: give the name on its certificate with --url https://NAME, or --insecure")
	case l.url != "" && !strings.HasPrefix(l.url, scheme+"://"):
		return fmt.Errorf("--url: the gateway's listener is one of %s://", scheme)
	case l.url == "":
		l.target.URL = scheme + "://" + road.Address
	}
	l.target.Address = road.Address
	l.where = fmt.Sprintf("SparkGateway %s/%s, by a port forwarded to pod %s", namespace, l.gateway, road.Pod)
	return nil
}

// show has each second told while the run lasts: beside JSON, on stderr.
func (l *loading) show(stdout, stderr io.Writer) {
	if l.quiet {
		return
	}
	progress := stdout
	if l.output == "json" {
		progress = stderr
	}
	load.WriteHead(progress)
	l.plan.Each = func(r load.Row) { load.WriteRow(progress, &r) }
}

// write writes the report to all its places: one that fails keeps it from none of the others, as the run may have been long.
func (l *loading) write(report *load.Report, stdout io.Writer) error {
	var failed []error
	for _, to := range l.outputs {
		failed = append(failed, writeFile(to, report))
	}
	return errors.Join(append(failed, l.tell(report, stdout))...)
}

func (l *loading) tell(report *load.Report, stdout io.Writer) error {
	if l.output == "json" {
		return report.WriteJSON(stdout)
	}
	if !l.quiet {
		_, _ = fmt.Fprintln(stdout)
	}
	return report.WriteSummary(stdout)
}

// open finds out before the run whether its files can be written.
func (l *loading) open() error {
	l.outputs = nil
	for _, to := range []namedOutput{
		{l.report, (*load.Report).WriteHTML}, {l.jsonFile, (*load.Report).WriteJSON},
	} {
		if to.path == "" {
			continue
		}
		if at, err := os.Stat(filepath.Dir(to.path)); err != nil || !at.IsDir() {
			return fmt.Errorf("%s: there is no such directory", to.path)
		}
		l.outputs = append(l.outputs, to)
	}
	return nil
}

func writeFile(to namedOutput, report *load.Report) error {
	f, err := os.Create(to.path)
	if err != nil {
		return err
	}
	return errors.Join(to.write(report, f), f.Close())
}

// someSeed is one that nobody chose.
func someSeed() uint64 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // it never fails
	return uint64(binary.LittleEndian.Uint32(b[:])) + 1
}
