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

	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/gateway/config"
)

// physician tells how pods are; a live.Cluster is one.
type physician interface {
	Health(ctx context.Context, gateway, pod string) ([]live.Told[config.Health], error)
}

var errWhichGateway = errors.New("of which gateway? Name a SparkGateway with --gateway")

// breaking is what breakers was asked.
type breaking struct {
	place
	output string
}

// brokenOff is a breaker that is not closed, or a provider whose health check fails.
type brokenOff struct {
	Pod      string     `json:"pod"`
	Provider string     `json:"provider"`
	Model    string     `json:"model,omitempty"`
	State    string     `json:"state"`
	Since    time.Time  `json:"since"`
	Until    *time.Time `json:"until,omitempty"`
	Reason   string     `json:"reason"`
}

// unhealthy is the state of what only a health check says.
const unhealthy = "Unhealthy"

func breakersCommand() *cobra.Command {
	b := breaking{}
	cmd := &cobra.Command{
		Use:   "breakers --gateway NAME",
		Short: "Show which circuit breakers are not closed, and why",
		Long: `Show which circuit breakers of a gateway's pods are not closed, since when, until when nothing is asked of the model, and why; and
providers whose health check fails. Each pod has breakers of its own.

That takes the rights to read the Secret NAME-spark-admin, to list pods and to forward ports to them.`,
		Example: "  kubectl spark breakers --gateway main\n  kubectl spark breakers --gateway main -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := screen.Check(b.output, "table", "json", "yaml"); err != nil {
				return err
			}
			if b.gateway == "" {
				return errWhichGateway
			}
			cluster, err := b.connect()
			if err != nil {
				return err
			}
			return b.run(cmd.Context(), cluster, screen.On(cmd.OutOrStdout(), os.Getenv), cmd.ErrOrStderr())
		},
	}
	b.flags(cmd)
	outputFlag(cmd, &b.output, "table", "json", "yaml")
	return cmd
}

// heard gives what pods told, and warns of those that did not; where none did, that is the error.
func heard[T any](all []live.Told[T], what string, stderr io.Writer) ([]live.Told[T], error) {
	var silent []error
	told := slices.DeleteFunc(slices.Clone(all), func(one live.Told[T]) bool {
		if one.Err != nil {
			silent = append(silent, fmt.Errorf("pod %s: %s", one.Pod, screen.Plain(one.Err.Error())))
		}
		return one.Err != nil
	})
	if len(told) == 0 {
		return nil, errors.Join(silent...)
	}
	for _, why := range silent {
		if _, err := fmt.Fprintf(stderr, "warning: without the %s of %s\n", what, why); err != nil {
			return nil, err
		}
	}
	return told, nil
}

func (b *breaking) run(ctx context.Context, pods physician, to screen.Screen, stderr io.Writer) error {
	all, err := pods.Health(ctx, b.gateway, b.pod)
	if err != nil {
		return err
	}
	told, err := heard(all, "breakers", stderr)
	if err != nil {
		return err
	}
	broken := []brokenOff{}
	providers := map[string]bool{}
	now := time.Time{}
	for i := range told {
		h := &told[i].Answer
		if h.At.After(now) {
			now = h.At
		}
		for j := range h.Providers {
			providers[h.Providers[j].ID] = true
			broken = append(broken, outOf(told[i].Pod, &h.Providers[j])...)
		}
	}
	slices.SortFunc(broken, func(x, y brokenOff) int {
		return cmp.Or(strings.Compare(x.Provider, y.Provider), strings.Compare(x.Model, y.Model), strings.Compare(x.Pod, y.Pod))
	})
	if ok, err := to.Show(b.output, map[string]any{"breakers": broken}); ok {
		return err
	}
	text := fmt.Sprintf("All breakers are closed: %s of %s.\n", screen.Plural(int64(len(providers)), "provider"), screen.Plural(int64(len(told)), "pod"))
	if len(broken) > 0 {
		text = breakersTable(broken, now).Text(to)
	}
	_, err = io.WriteString(to, text)
	return err
}

func outOf(pod string, p *config.ProviderState) []brokenOff {
	var broken []brokenOff
	for _, o := range p.Out {
		one := brokenOff{Pod: pod, Provider: p.ID, Model: o.Model, State: o.State, Since: o.Since, Reason: o.Reason}
		if !o.Until.IsZero() {
			one.Until = &o.Until
		}
		broken = append(broken, one)
	}
	if h := p.Health; h != nil && !h.Healthy {
		broken = append(broken, brokenOff{Pod: pod, Provider: p.ID, State: unhealthy, Since: h.Since, Reason: h.Reason})
	}
	return broken
}

func breakersTable(broken []brokenOff, now time.Time) *screen.Table {
	table := &screen.Table{Columns: []screen.Column{
		{Title: "PROVIDER", Name: true, Least: 12}, {Title: "MODEL", Name: true, Least: 12}, {Title: "POD", Name: true, Least: 12},
		{Title: "STATE", Tone: func(cell string) screen.Tone {
			if cell == config.BreakerHalfOpen {
				return screen.Doubtful
			}
			return screen.Bad
		}}, {Title: "SINCE"}, {Title: "OPEN FOR"}, {Title: "REASON", Least: 20},
	}}
	for i := range broken {
		b := &broken[i]
		left := ""
		if b.Until != nil {
			left = screen.Age(b.Until.Sub(now))
		}
		table.Add(b.Provider, b.Model, b.Pod, b.State, screen.Age(now.Sub(b.Since)), left, b.Reason)
	}
	return table
}
