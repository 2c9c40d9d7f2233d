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
	"time"

	"github.com/spf13/cobra"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/gateway/config"
)

// keyVariable has the key of --url where --key does not say it.
const keyVariable = "SPARK_API_KEY"

// anyLevel is both levels of config.
const anyLevel = "all"

// failing is what errors was asked.
type failing struct {
	place
	url, key, level, output string
	limit                   int
	since                   time.Duration
}

// failures are the errors of several pods as one.
type failures struct {
	// Pods are those that told theirs; empty of a URL.
	Pods []string `json:"pods,omitempty"`
	// Since is when the first of them began to count.
	Since time.Time `json:"since"`
	// Dropped groups were forgotten to make room for others.
	Dropped int64 `json:"dropped"`
	// Groups are those that were asked for, the last seen first; More is how many beside were.
	Groups []config.ErrorGroup `json:"groups"`
	More   int                 `json:"more"`
}

// witness tells the errors of pods; a live.Cluster is one.
type witness interface {
	Errors(ctx context.Context, gateway, pod string) ([]live.Told[config.ErrorReport], error)
}

func errorsCommand() *cobra.Command {
	f := failing{}
	cmd := &cobra.Command{
		Use:   "errors --gateway NAME | --url URL",
		Short: "Show how a gateway's requests failed, in groups",
		Long: `Show how a gateway's requests failed, in groups of those that failed in one way: how often, when last, and a sample without what
is personal or secret. Level error is where the gateway or a provider was at fault, warning where the request was.

With --gateway all pods that run are asked, and what they tell is one list. That takes the rights to read the Secret
NAME-spark-admin, to list pods and to forward ports to them. With --url a gateway is asked at that address, with a key of role
Master: in --key, or in the environment as ` + keyVariable + `. Then only the pod that answers tells its own.

A pod knows the errors since it started, of as many groups as spec.telemetry.errorTracking.maxGroups says.`,
		Example: `  kubectl spark errors --gateway main --since 1h
  kubectl spark errors --gateway main -n team --level all -o json
  ` + keyVariable + `=... kubectl spark errors --url https://llm.example.com`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.url != "" && f.key == "" {
				f.key = os.Getenv(keyVariable)
			}
			if err := f.check(); err != nil {
				return err
			}
			reports, pods, err := f.ask(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return f.print(reports, pods, time.Now(), screen.On(cmd.OutOrStdout(), os.Getenv))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "address of a gateway, such as https://llm.example.com")
	flags.StringVar(&f.key, "key", "", "API key of role Master, for --url (default: $"+keyVariable+")")
	flags.StringVar(&f.level, "level", config.LevelError, "error, warning or all")
	flags.IntVar(&f.limit, "limit", 20, "how many groups to show at most; 0 shows all")
	flags.DurationVar(&f.since, "since", 0, "only groups that were seen so lately, such as 1h (default: all)")
	f.flags(cmd)
	outputFlag(cmd, &f.output, "table", "json", "yaml")
	_ = cmd.RegisterFlagCompletionFunc("level",
		cobra.FixedCompletions([]cobra.Completion{config.LevelError, config.LevelWarning, anyLevel}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (f *failing) check() error {
	switch {
	case !slices.Contains([]string{config.LevelError, config.LevelWarning, anyLevel}, f.level):
		return fmt.Errorf("--level %s: error, warning and all are known", f.level)
	case (f.url == "") == (f.gateway == ""):
		return errors.New("whose errors? Name a SparkGateway with --gateway, or give an address with --url")
	case f.url == "" && f.key != "":
		return errors.New("--key is for --url; with --gateway the rights of the kubeconfig are used")
	case f.url != "" && f.place != place{}:
		return errors.New("--pod, --namespace, --kubeconfig and --context are for a cluster; with --url no cluster is asked")
	case f.url != "" && f.key == "":
		return errors.New("--url needs a key of role Master, in --key or $" + keyVariable)
	case f.limit < 0:
		return errors.New("--limit: how many at most, or 0 for all")
	case f.since < 0:
		return errors.New("--since: how far back, such as 1h")
	}
	return screen.Check(f.output, "table", "json", "yaml")
}

// ask gives the reports, and of a cluster the names of the pods that gave them. Why pods gave none is told on stderr.
func (f *failing) ask(ctx context.Context, stderr io.Writer) ([]config.ErrorReport, []string, error) {
	if f.url != "" {
		report, err := errorsAt(ctx, f.url, f.key)
		return []config.ErrorReport{report}, nil, err
	}
	cluster, err := f.connect()
	if err != nil {
		return nil, nil, err
	}
	return f.askPods(ctx, cluster, stderr)
}

func (f *failing) askPods(ctx context.Context, cluster witness, stderr io.Writer) (reports []config.ErrorReport, pods []string, err error) {
	all, err := cluster.Errors(ctx, f.gateway, f.pod)
	if err != nil {
		return nil, nil, err
	}
	var silent []error
	for i := range all {
		if why := all[i].Err; why != nil {
			silent = append(silent, fmt.Errorf("pod %s: %s", all[i].Pod, screen.Plain(why.Error())))
			continue
		}
		reports, pods = append(reports, all[i].Answer), append(pods, all[i].Pod)
	}
	if len(reports) == 0 {
		return nil, nil, errors.Join(silent...)
	}
	for _, why := range silent {
		if _, err := fmt.Fprintln(stderr, "warning: without the errors of", why); err != nil {
			return nil, nil, err
		}
	}
	return reports, pods, nil
}

// choose merges reports, and leaves what was asked for.
func (f *failing) choose(reports []config.ErrorReport, pods []string, now time.Time) failures {
	told := failures{Pods: pods}
	groups := make([][]config.ErrorGroup, 0, len(reports))
	for i := range reports {
		if told.Since.IsZero() || reports[i].Since.Before(told.Since) {
			told.Since = reports[i].Since
		}
		told.Dropped += reports[i].Dropped
		groups = append(groups, reports[i].Groups)
	}
	told.Groups = slices.DeleteFunc(config.MergeErrorGroups(groups...), func(g config.ErrorGroup) bool {
		return f.level != anyLevel && g.Level != f.level || f.since > 0 && g.Last.Before(now.Add(-f.since))
	})
	if most := cmp.Or(f.limit, len(told.Groups)); len(told.Groups) > most {
		told.More = len(told.Groups) - most
		told.Groups = told.Groups[:most]
	}
	return told
}
