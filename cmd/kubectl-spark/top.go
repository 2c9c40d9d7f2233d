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

	"github.com/sparkgateway/spark/cmd/kubectl-spark/rates"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/usage"
)

// watching is what top was asked.
type watching struct {
	place
	by, sort, output string
	interval         time.Duration
	once             bool
	limit            int
}

// gauge tells what rates are made of; a live.Cluster is one.
type gauge interface {
	physician
	Metrics(ctx context.Context, pod string) ([]byte, error)
}

func topCommand() *cobra.Command {
	w := watching{}
	cmd := &cobra.Command{
		Use:   "top --gateway NAME",
		Short: "Show how much a gateway does right now, by pod, provider, model or key",
		Long: `Show how much a gateway does right now, as its pods say it. On a terminal it is shown anew every interval until it is ended, else
once.

By pod it is of the last whole minute and the one that is not over; by provider of the last minute, where REQ/S are attempts and
times are those until an answer began. By model and by key two readings, an interval apart, are compared; of keys each pod tells
the 50 that spent most.

That takes the rights to read the Secret NAME-spark-admin, to list pods and to forward ports to them.`,
		Example: "  kubectl spark top --gateway main\n  kubectl spark top --gateway main --by key --sort cost\n  kubectl spark top --gateway main --by model -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := w.check(); err != nil {
				return err
			}
			cluster, err := w.connect()
			if err != nil {
				return err
			}
			return w.run(cmd.Context(), cluster, screen.On(cmd.OutOrStdout(), os.Getenv), cmd.ErrOrStderr())
		},
	}
	w.flags(cmd)
	outputFlag(cmd, &w.output, "table", "json", "yaml")
	words := make([]string, 0, len(rates.All))
	for _, by := range rates.All {
		words = append(words, string(by))
	}
	flags := cmd.Flags()
	flags.StringVar(&w.by, "by", string(rates.Pod), strings.Join(words, ", "))
	flags.StringVar(&w.sort, "sort", "requests", "what stands first: "+strings.Join(rates.Orders, ", "))
	flags.DurationVar(&w.interval, "interval", 5*time.Second, "how often to look, and how far readings that are compared are apart")
	flags.BoolVar(&w.once, "once", false, "show it once on a terminal, too")
	flags.IntVar(&w.limit, "limit", 30, "how many to show at most; 0 shows all")
	_ = cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(rates.Orders, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (w *watching) check() error {
	const least = time.Second
	switch {
	case w.gateway == "":
		return errWhichGateway
	case !slices.Contains(rates.All, rates.By(w.by)):
		return fmt.Errorf("--by %s: there are %v", w.by, rates.All)
	case w.interval < least:
		return errors.New("--interval: a second at least")
	case w.limit < 0:
		return errors.New("--limit: how many at most, or 0 for all")
	}
	if err := rates.Sort(nil, w.sort); err != nil {
		return err
	}
	return screen.Check(w.output, "table", "json", "yaml")
}

// run shows rates until it is ended or, where nobody looks on, once.
func (w *watching) run(ctx context.Context, pods gauge, to screen.Screen, stderr io.Writer) error {
	once := w.once || !to.Terminal || w.output != "table"
	compared := rates.By(w.by) == rates.Model || rates.By(w.by) == rates.Key
	now, err := w.read(ctx, pods, stderr)
	if err != nil {
		return err
	}
	before := now
	ticker := time.NewTicker(w.interval)
	defer ticker.Stop()
	for first := true; ; first = false {
		if !compared || !first {
			if err := w.show(before, now, to, once); err != nil || once {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		before = now
		// While it is looked at, a pod that fails is left out and not told each time.
		if now, err = w.read(ctx, pods, io.Discard); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

func (w *watching) read(ctx context.Context, pods gauge, stderr io.Writer) ([]rates.Reading, error) {
	all, err := pods.Health(ctx, w.gateway, w.pod)
	if err != nil {
		return nil, err
	}
	told, err := heard(all, "rates", stderr)
	if err != nil {
		return nil, err
	}
	readings := make([]rates.Reading, 0, len(told))
	for i := range told {
		r := rates.Reading{Pod: told[i].Pod, Health: told[i].Answer}
		if rates.By(w.by) == rates.Model {
			text, err := pods.Metrics(ctx, r.Pod)
			if err != nil {
				return nil, fmt.Errorf("pod %s: its metrics: %w", r.Pod, err)
			}
			if r.Models, err = rates.Counts(text, usage.Fault); err != nil {
				return nil, fmt.Errorf("pod %s: %w", r.Pod, err)
			}
		}
		readings = append(readings, r)
	}
	return readings, nil
}

func (w *watching) show(before, now []rates.Reading, to screen.Screen, once bool) error {
	rows := map[rates.By]func() []rates.Row{
		rates.Pod: func() []rates.Row { return rates.Pods(now) }, rates.Provider: func() []rates.Row { return rates.Providers(now) },
		rates.Model: func() []rates.Row { return rates.Models(before, now) }, rates.Key: func() []rates.Row { return rates.Keys(before, now) },
	}[rates.By(w.by)]()
	if err := rates.Sort(rows, w.sort); err != nil {
		return err
	}
	if ok, err := to.Show(w.output, map[string]any{"by": w.by, "rates": rows}); ok {
		return err
	}
	text := w.table(rows, to)
	if !once {
		if err := to.Clear(); err != nil {
			return err
		}
		text = fmt.Sprintf("SparkGateway %s at %s, by %s; Ctrl-C ends it\n\n", w.gateway, now[0].Health.At.Local().Format(time.TimeOnly), w.by) + text
	}
	_, err := io.WriteString(to, text)
	return err
}

func (w *watching) table(rows []rates.Row, to screen.Screen) string {
	number := func(title string) screen.Column { return screen.Column{Title: title, Right: true} }
	errorsIn := screen.Column{Title: "ERR%", Right: true, Tone: func(cell string) screen.Tone {
		if cell == "-" || cell == "0.0" {
			return screen.None
		}
		return screen.Bad
	}}
	name := screen.Column{Title: strings.ToUpper(w.by), Name: true, Least: 16}
	state := screen.Column{Title: "STATUS", Tone: func(cell string) screen.Tone {
		return map[string]screen.Tone{"ok": screen.Good, "degraded": screen.Doubtful, "not_ready": screen.Bad}[cell]
	}}
	columns := map[rates.By][]screen.Column{
		rates.Pod: {name, state, number("IN-FLIGHT"), number("REQ/S"), errorsIn, number("TOK/S"), number("$/H"), number("P50"), number("P95"), number("TTFT-P95"),
			number("HIT%")},
		rates.Provider: {name, number("REQ/S"), errorsIn, number("P50"), number("P95")},
		rates.Model:    {name, number("REQ/S"), errorsIn, number("TOK/S"), number("$/H")},
		rates.Key:      {name, number("REQ/S"), number("TOK/S"), number("$/H")},
	}[rates.By(w.by)]
	table := screen.Table{Columns: columns}
	most := cmp.Or(w.limit, len(rows))
	for i := range rows[:min(most, len(rows))] {
		r := &rows[i]
		cells := map[string]string{
			"STATUS": r.State, "IN-FLIGHT": fmt.Sprint(r.InFlight), "REQ/S": fmt.Sprintf("%.1f", r.PerSecond), "ERR%": share(r.ErrorPercent),
			"TOK/S": fmt.Sprintf("%.0f", r.TokensPerSecond), "$/H": fmt.Sprintf("%.2f", r.DollarsPerHour), "P50": rates.Millis(r.P50), "P95": rates.Millis(r.P95),
			"TTFT-P95": rates.Millis(r.FirstToken), "HIT%": share(r.HitPercent), name.Title: r.Name,
		}
		row := make([]string, len(columns))
		for j := range columns {
			row[j] = cells[columns[j].Title]
		}
		table.Add(row...)
	}
	text := table.Text(to)
	if more := len(rows) - table.Len(); more > 0 {
		text += fmt.Sprintf("%d more; --limit 0 shows all.\n", more)
	}
	if len(rows) == 0 {
		text = "Nothing happened.\n"
	}
	return text
}

func share(percent float64) string {
	if percent < 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", percent)
}
