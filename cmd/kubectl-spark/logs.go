// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/accesslog"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/rates"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/usage"
	"github.com/sparkgateway/spark/controllers/render"
)

// logging is what logs was asked.
type logging struct {
	place
	accesslog.Filter
	output string
	follow bool
	since  time.Duration
}

// archive gives pods' logs; a live.Cluster is one.
type archive interface {
	Pods(ctx context.Context, gateway string) ([]string, error)
	Logs(ctx context.Context, pod string, of *corev1.PodLogOptions) (io.ReadCloser, error)
}

func logsCommand() *cobra.Command {
	l := logging{}
	cmd := &cobra.Command{
		Use:   "logs --gateway NAME",
		Short: "Show the access lines of all pods of a gateway, in order",
		Long: `Show the access lines of all pods of a gateway as one log, in the order of their times. In filters "*" stands for any characters
but "/". With -f it goes on with the pods that run when it begins; a pod that is silent for half a second is not waited for.

That takes the rights to list pods and to read their logs. What a pod's node has thrown away is not there.`,
		Example: `  kubectl spark logs --gateway main -f --outcome 'provider_*'
  kubectl spark logs --gateway main --since 1h --key alice -o json
  kubectl spark logs --gateway main --id 9f2c0d`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := l.check(); err != nil {
				return err
			}
			cluster, err := l.connect()
			if err != nil {
				return err
			}
			return l.run(cmd.Context(), cluster, screen.On(cmd.OutOrStdout(), os.Getenv), cmd.ErrOrStderr())
		},
	}
	l.flags(cmd)
	outputFlag(cmd, &l.output, "text", "json")
	flags := cmd.Flags()
	flags.BoolVarP(&l.follow, "follow", "f", false, "go on with what is yet to come")
	flags.DurationVar(&l.since, "since", 0, "how far back to begin, such as 1h (default: with what there is)")
	flags.StringVar(&l.Key, "key", "", "only requests of this APIKey: namespace/name, or name")
	flags.StringVar(&l.Model, "model", "", "only requests for this model")
	flags.StringVar(&l.Outcome, "outcome", "", "only requests that ended so, such as ok or provider_*")
	flags.StringVar(&l.ID, "id", "", "only the request with this x-request-id")
	_ = cmd.RegisterFlagCompletionFunc("key", complete(&v1alpha1.APIKeyList{}))
	return cmd
}

func (l *logging) check() error {
	switch {
	case l.gateway == "":
		return errWhichGateway
	case l.since < 0:
		return errors.New("--since: how far back, such as 1h")
	case l.output != "text" && l.output != "json":
		return screen.Check(l.output, "text", "json")
	case l.Check() != nil:
		return errors.New("a filter is no pattern: * and ? stand for characters, [ begins a set")
	}
	return nil
}

// patience is how long a pod that is followed may keep the others waiting.
const patience = 500 * time.Millisecond

func (l *logging) run(ctx context.Context, pods archive, to screen.Screen, stderr io.Writer) error {
	names, err := pods.Pods(ctx, l.gateway)
	if err != nil {
		return err
	}
	if l.pod != "" {
		if !slices.Contains(names, l.pod) {
			return fmt.Errorf("--pod %s is none that runs of SparkGateway %s", l.pod, l.gateway)
		}
		names = []string{l.pod}
	}
	options := &corev1.PodLogOptions{Container: render.Container, Follow: l.follow}
	if l.since > 0 {
		options.SinceSeconds = ptr.To(max(int64(l.since.Seconds()), 1))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var sources []accesslog.Source
	for _, pod := range names {
		read, err := pods.Logs(ctx, pod, options)
		if err != nil {
			if _, err := fmt.Fprintf(stderr, "warning: without the log of pod %s: %s\n", pod, screen.Plain(err.Error())); err != nil {
				return err
			}
			continue
		}
		sources = append(sources, l.source(ctx, pod, read))
	}
	if len(sources) == 0 {
		return errors.New("no pod gives its log")
	}
	waiting := time.Duration(0)
	if l.follow {
		waiting = patience
	}
	err = accesslog.Merge(ctx, sources, waiting, func(line *accesslog.Line) error { return l.print(line, to) })
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// source reads the lines of a pod that are chosen.
func (l *logging) source(ctx context.Context, pod string, read io.ReadCloser) accesslog.Source {
	lines := make(chan *accesslog.Line, 16)
	go func() {
		defer close(lines)
		defer func() { _ = read.Close() }()
		_ = live.Lines(read, func(raw []byte) error {
			line, ok := accesslog.Parse(pod, raw)
			if !ok || !l.Match(line) {
				return nil
			}
			select {
			case lines <- line:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	return lines
}

func (l *logging) print(line *accesslog.Line, to screen.Screen) error {
	if l.output == "json" {
		_, err := to.Write(append(line.Raw, '\n'))
		return err
	}
	tone := screen.Good
	switch {
	case usage.Fault(line.Outcome):
		tone = screen.Bad
	case line.Outcome != "ok":
		tone = screen.Doubtful
	}
	text := line.Time.Local().Format("15:04:05.000") + " " + to.Paint(fmt.Sprintf("%3s %s", strconv.Itoa(line.Status), screen.Plain(line.Outcome)), tone)
	for _, part := range []struct{ name, value string }{
		{"key", line.Key}, {"model", line.Model}, {"provider", line.Provider}, {"took", rates.Millis(line.DurationMs)}, {"ttft", rates.Millis(line.TTFTMs)},
		{"tokens", number(line.Usage.Total)}, {"reason", line.Reason}, {"pod", line.Pod}, {"id", line.ID}, {"error", line.Error},
	} {
		if part.value != "" {
			text += " " + to.Paint(part.name+"=", screen.Faint) + screen.Plain(part.value)
		}
	}
	_, err := io.WriteString(to, text+"\n")
	return err
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
