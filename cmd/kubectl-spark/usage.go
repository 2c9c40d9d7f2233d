// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/chart"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/usage"
)

// accounting is what usage was asked.
type accounting struct {
	origin
	by, from, to, output string
	since                time.Duration
	gateway              string
	paths                []string
	chart, ascii         bool
}

func usageCommand() *cobra.Command {
	a := accounting{}
	cmd := &cobra.Command{
		Use:   "usage --gateway NAME | -f FILE...",
		Short: "Sum up what a gateway's requests used and cost",
		Long: `Sum up what a gateway's requests used and cost, by the records that its pods, or its store, keep (spec.ledger).

Without a store every pod has the records of its own requests, and all that run are asked; those of pods that have gone are
gone with them. That takes the rights to read the Secret NAME-spark-admin, to list pods and to forward ports to them. With -f
the records are read from what GET /api/export?format=jsonl gave.

Times are those at which requests ended. ERRORS are requests without a whole answer: a provider failed, or none could be asked,
or the gateway broke. REFUSED are those that Spark did not let through: a limit or a budget was used up, the key may not do it,
the sanitizer blocked it, or the request was none that it serves. Whose client left is neither. A COST with +? is only what is known of it, because some
models have no price. SAVED is what the answers that came from a cache cost when they were made.

Lines that are no records are not counted; they are told at the end, and the exit code is 1.`,
		Example: `  kubectl spark usage --gateway main --by team --since 168h --chart
  kubectl spark usage --gateway main --by day --from 2026-03-01 --to 2026-04-01 -o csv
  curl -H "Authorization: Bearer $KEY" "$GATEWAY/api/export" | kubectl spark usage -f - --by model`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	words := make([]string, 0, len(usage.All))
	for _, by := range usage.All {
		words = append(words, string(by))
	}
	flags := cmd.Flags()
	flags.StringVar(&a.by, "by", string(usage.Key), "what to sum up by: "+strings.Join(words, ", "))
	flags.DurationVar(&a.since, "since", 0, "how far back to begin (default: 24h; with -f all)")
	flags.StringVar(&a.from, "from", "", "date or time (RFC 3339) to begin with, in UTC where it says no zone")
	flags.StringVar(&a.to, "to", "", "date or time to end before (default: now; with -f none)")
	gatewayFlag(cmd, &a.gateway, "name of the SparkGateway")
	flags.StringArrayVarP(&a.paths, "filename", "f", nil, "file of JSON lines, or - for standard input; repeatable")
	flags.BoolVar(&a.chart, "chart", false, "draw a chart below the table")
	flags.BoolVar(&a.ascii, "ascii", false, "draw without Unicode (default: as the locale says)")
	a.flags(cmd, "the SparkGateway")
	outputFlag(cmd, &a.output, "table", "json", "yaml", "csv")
	_ = cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a accounting) run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
	from, to, err := a.times(time.Now().UTC())
	if err != nil {
		return err
	}
	r := tally{Book: usage.New(usage.By(a.by), from, to)}
	if len(a.paths) > 0 {
		err = a.files(stdin, &r)
	} else {
		err = a.live(ctx, from, to, &r, stderr)
	}
	if err != nil {
		return err
	}
	if r.good == 0 && r.wrong > 0 {
		return fmt.Errorf("nothing is a record: is it an export with format=jsonl? %w", r.first)
	}
	err = statement{Book: r.Book, by: a.by, from: from, to: to}.print(a, style(a.ascii, stdout), stdout)
	if err != nil || r.wrong == 0 {
		return err
	}
	return fmt.Errorf("%d of %d lines are no records and not counted; the first: %w", r.wrong, r.wrong+r.good, r.first)
}

// times checks the flags, and gives those that the records must lie between; zero for any.
func (a accounting) times(now time.Time) (from, to time.Time, err error) {
	if err := screen.Check(a.output, "table", "json", "yaml", "csv"); err != nil {
		return from, to, err
	}
	switch {
	case !slices.Contains(usage.All, usage.By(a.by)):
		return from, to, fmt.Errorf("--by %s: there are %v", a.by, usage.All)
	case a.output != "table" && (a.chart || a.ascii):
		return from, to, errors.New("--chart and --ascii are for a table")
	case (len(a.paths) == 0) == (a.gateway == ""):
		return from, to, errors.New("whose usage? Name a SparkGateway with --gateway, or files with -f")
	case len(a.paths) > 0 && (a.space != "" || a.kubeconfig != "" || a.context != ""):
		return from, to, errors.New("--namespace, --kubeconfig and --context are for a cluster; with -f no cluster is asked")
	case a.since != 0 && a.from != "":
		return from, to, errors.New("--since and --from both say where to begin: give one")
	case a.since < 0:
		return from, to, errors.New("--since: how far back, such as 24h")
	}
	if from, err = moment("--from", a.from); err != nil {
		return from, to, err
	}
	if to, err = moment("--to", a.to); err != nil {
		return from, to, err
	}
	if to.IsZero() && (len(a.paths) == 0 || a.since > 0) {
		to = now
	}
	if from.IsZero() && (len(a.paths) == 0 || a.since > 0) {
		from = to.Add(-cmp.Or(a.since, 24*time.Hour))
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return from, to, errors.New("--from is not before --to")
	}
	return from, to, nil
}

func moment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%s %s: write 2006-01-02 or 2006-01-02T15:04:05Z", flag, text)
	}
	return at.UTC(), nil
}

// style is how charts suit what they are written to.
func style(ascii bool, out io.Writer) chart.Style {
	s := chart.Style{Width: 80, ASCII: ascii || !speaksUTF8(os.Getenv)}
	if on := screen.On(out, os.Getenv); on.Terminal {
		s.Width = on.Width
	}
	return s
}

// speaksUTF8 says whether the locale does: the first of its variables that is set counts.
func speaksUTF8(env func(string) string) bool {
	locale := strings.ToLower(cmp.Or(env("LC_ALL"), env("LC_CTYPE"), env("LANG")))
	return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
}
