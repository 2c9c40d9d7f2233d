// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/gateway/config"
)

// purging is what cache purge was asked.
type purging struct {
	place
	config.CachePurge
}

// purger tells pods what to forget; a live.Cluster is one.
type purger interface {
	Purge(ctx context.Context, gateway, pod string, of config.CachePurge) ([]live.Told[config.CachePurged], error)
}

func cacheCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "cache", Short: "Act on the answers that a gateway's pods keep", Args: cobra.NoArgs}
	cmd.AddCommand(cachePurgeCommand())
	return cmd
}

func cachePurgeCommand() *cobra.Command {
	p := purging{}
	cmd := &cobra.Command{
		Use:   "purge --gateway NAME (--all | --model M | --key K | --route R | --tag T)",
		Short: "Have a gateway forget answers that it keeps",
		Long: `Have a gateway forget answers that it keeps: all of them, or those to requests for a model, of a key, by a route, or with a tag
that a request gave its answer (X-Spark-Cache-Tags). Answers that begin to be kept later stay.

All pods that run are told at once. Where they share answers in a store, the store is told too, and every pod follows it within
seconds. That takes the rights to read the Secret NAME-spark-admin, to list pods and to forward ports to them. The exit code is 1
when a pod could not be told.`,
		Example: `  kubectl spark cache purge --gateway main --model smart
  kubectl spark cache purge --gateway main -n team --tag prices-2026-03
  kubectl spark cache purge --gateway main --key team/alice`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.check(); err != nil {
				return err
			}
			cluster, err := p.connect()
			if err != nil {
				return err
			}
			p.complete(cluster.Namespace)
			return p.run(cmd.Context(), cluster, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&p.All, "all", false, "all answers")
	flags.StringVar(&p.Model, "model", "", "answers to requests for this model, by the name that applications ask for")
	flags.StringVar(&p.Key, "key", "", "answers to requests of this APIKey: namespace/name, or the name of one in the gateway's namespace")
	flags.StringVar(&p.Route, "route", "", "answers by this ModelRoute, named likewise")
	flags.StringVar(&p.Tag, "tag", "", "answers that a request gave this tag")
	_ = cmd.RegisterFlagCompletionFunc("key", complete(&v1alpha1.APIKeyList{}))
	_ = cmd.RegisterFlagCompletionFunc("route", complete(&v1alpha1.ModelRouteList{}))
	p.flags(cmd)
	return cmd
}

func (p *purging) check() error {
	set := 0
	for _, is := range []bool{p.All, p.Model != "", p.Key != "", p.Route != "", p.Tag != ""} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return errors.New("which answers? Give one of --all, --model, --key, --route and --tag")
	case p.gateway == "":
		return errors.New("of which gateway? Name a SparkGateway with --gateway")
	}
	return nil
}

// complete gives names without a namespace the gateway's.
func (p *purging) complete(namespace string) {
	for _, name := range []*string{&p.Key, &p.Route} {
		if *name != "" && !strings.Contains(*name, "/") {
			*name = namespace + "/" + *name
		}
	}
}

// run tells the pods, and says of each what became of it.
func (p *purging) run(ctx context.Context, cluster purger, stdout io.Writer) error {
	all, err := cluster.Purge(ctx, p.gateway, p.pod, p.CachePurge)
	if err != nil {
		return err
	}
	shared, silent := false, 0
	for i := range all {
		shared = shared || all[i].Answer.Shared
	}
	var text strings.Builder
	for i := range all {
		one := &all[i]
		switch {
		case one.Err == nil && one.Answer.Shared:
			fmt.Fprintf(&text, "pod %s: %s removed, and the store told\n", one.Pod, screen.Plural(int64(one.Answer.Removed), "answer"))
		case one.Err == nil:
			fmt.Fprintf(&text, "pod %s: %s removed\n", one.Pod, screen.Plural(int64(one.Answer.Removed), "answer"))
		case shared:
			fmt.Fprintf(&text, "pod %s: NOT TOLD: %s; it hears of it from the store, when it reaches that\n", one.Pod, screen.Plain(one.Err.Error()))
		default:
			fmt.Fprintf(&text, "pod %s: NOT TOLD: %s\n", one.Pod, screen.Plain(one.Err.Error()))
		}
		if one.Err != nil {
			silent++
		}
	}
	if shared && p.pod != "" {
		text.WriteString("other pods hear of it from the store\n")
	}
	if _, err := io.WriteString(stdout, text.String()); err != nil {
		return err
	}
	if silent > 0 {
		return fmt.Errorf("%d of %s could not be told", silent, screen.Plural(int64(len(all)), "pod"))
	}
	return nil
}
