// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Command kubectl-spark is Spark at the command line: it checks manifests, serves them without Kubernetes, and explains what
// becomes of requests. As "kubectl-spark" on the PATH it is also "kubectl spark".
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	if err := root().ExecuteContext(ctx); err != nil {
		if !errors.Is(err, errSaid) {
			fmt.Fprintln(os.Stderr, "error:", inWords(ctx, err))
		}
		os.Exit(1)
	}
}

// inWords says what libraries say for themselves in words for whoever ran a command.
func inWords(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case meta.IsNoMatchError(err):
		return fmt.Errorf("the cluster does not serve %s: is Spark installed there?", v1alpha1.GroupVersion)
	}
	return err
}

// errSaid is an error whose message was already printed.
var errSaid = errors.New("said")

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "kubectl-spark",
		Short:         "Check Spark's resources, serve them without Kubernetes, and explain what becomes of requests",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl spark"},
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
	}
	cmd.AddCommand(validateCommand(), runCommand(), explainCommand(), usageCommand(), errorsCommand(), cacheCommand(), pricesCommand(), loadCommand(),
		versionCommand())
	cmd.AddCommand(clusterCommands()...)
	return cmd
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "kubectl-spark %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// filesFlag is -f, which every command on manifests has.
func filesFlag(cmd *cobra.Command, paths *[]string, usage string) {
	cmd.Flags().StringArrayVarP(paths, "filename", "f", nil, usage)
	_ = cmd.MarkFlagRequired("filename")
}
