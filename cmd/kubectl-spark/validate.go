// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/standalone"
)

type validation struct {
	paths          []string
	output         string
	withoutSecrets bool
}

func validateCommand() *cobra.Command {
	v := validation{}
	cmd := &cobra.Command{
		Use:   "validate -f PATH...",
		Short: "Check manifests as the API server and the operator would",
		Long: `Check manifests as the API server and the operator would, offline: unknown fields, schemas, rules and names; then
what the operator would refuse: missing gateways, Secrets and targets, namespaces that are not permitted, conflicts.

Prints a line per problem with file, line, object, field and reason, and exits with 1 if there is any.`,
		Example: "  kubectl spark validate -f config/samples/standalone\n  kustomize build . | kubectl spark validate -f -",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return v.run(cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	filesFlag(cmd, &v.paths, "file, directory (those below it are not read) or - for standard input; repeatable")
	outputFlag(cmd, &v.output, "text", "json", "yaml")
	cmd.Flags().BoolVar(&v.withoutSecrets, "without-secrets", false,
		"do not ask for Secrets that are referred to and not among the manifests, as where Git holds none")
	return cmd
}

// ignored are the compiler's findings that the user asked not to hear of.
func (v validation) ignored() []v1alpha1.Reason {
	if v.withoutSecrets {
		return []v1alpha1.Reason{v1alpha1.ReasonSecretNotFound}
	}
	return nil
}

// report is what -o json prints.
type report struct {
	Valid    bool               `json:"valid"`
	Problems []manifest.Problem `json:"problems"`
	Notes    []manifest.Problem `json:"notes"`
	Objects  map[string]int     `json:"objects"`
}

func (v validation) run(stdin io.Reader, stdout, stderr io.Writer) error {
	if err := screen.Check(v.output, "text", "json", "yaml"); err != nil {
		return err
	}
	files, err := manifest.Read(v.paths, stdin)
	if err != nil {
		return err
	}
	set, problems := manifest.Parse(files)
	// Of resources that lack some of their fellows the compiler would only say what follows from that.
	if len(problems) == 0 {
		_, problems = standalone.Compile(set, standalone.Placeholders(set), v.ignored()...)
	}
	r := report{
		Valid: len(problems) == 0, Problems: append([]manifest.Problem{}, problems...), Notes: append([]manifest.Problem{}, set.Notes()...),
		Objects: map[string]int{
			v1alpha1.KindSparkGateway: len(set.Gateways()), v1alpha1.KindProviderPolicy: len(set.Providers()),
			v1alpha1.KindModelRoute: len(set.Routes()), v1alpha1.KindAPIKey: len(set.Keys()),
			v1alpha1.KindUsagePolicy: len(set.Policies()), "Secret": len(set.Secrets()),
		},
	}
	if err := r.print(v.output, stdout, stderr); err != nil {
		return err
	}
	if !r.Valid {
		return errSaid
	}
	return nil
}

func (r report) print(output string, stdout, stderr io.Writer) error {
	if ok, err := (screen.Screen{Writer: stdout}).Show(output, r); ok {
		return err
	}
	for _, n := range r.Notes {
		if _, err := fmt.Fprintln(stderr, "note:", n); err != nil {
			return err
		}
	}
	if r.Valid {
		_, err := fmt.Fprintln(stdout, "valid:", r.counts())
		return err
	}
	for _, p := range r.Problems {
		if _, err := fmt.Fprintln(stdout, p); err != nil {
			return err
		}
	}
	return nil
}

// counts gives "1 SparkGateway, 2 APIKey", without what there is none of.
func (r report) counts() string {
	var counts []string
	for _, kind := range []string{
		v1alpha1.KindSparkGateway, v1alpha1.KindProviderPolicy, v1alpha1.KindModelRoute, v1alpha1.KindAPIKey, v1alpha1.KindUsagePolicy, "Secret",
	} {
		if n := r.Objects[kind]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	if len(counts) == 0 {
		return "nothing of Spark's"
	}
	return strings.Join(counts, ", ")
}
