// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/tree"
	"github.com/sparkgateway/spark/controllers/render"
)

// standing is what status was asked.
type standing struct {
	origin
	output             string
	all, check, ascii  bool
	limit              int
	gateway, namespace string
}

func statusCommand() *cobra.Command {
	s := standing{}
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show gateways with their pods and what attaches to them, and why something is not ready",
		Long: `Show gateways as trees: below each its pods, providers, routes, keys and policies, those that are not ready first, each with the
reason and, whole, the message that the operator gave it. A key that is disabled or expired is Off, which is not amiss.

The exit code is 0 whatever is found; with --check it is 1 unless everything is Ready or Off.`,
		Example: `  kubectl spark status
  kubectl spark status main -n team --check
  kubectl spark status -A -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: complete(&v1alpha1.SparkGatewayList{}),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				s.gateway = args[0]
			}
			if err := s.verify(); err != nil {
				return err
			}
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			s.namespace = cluster.Namespace
			return s.run(cmd.Context(), cluster.Objects, screen.On(cmd.OutOrStdout(), os.Getenv), cmd.ErrOrStderr())
		},
	}
	s.flags(cmd, "the SparkGateways")
	outputFlag(cmd, &s.output, "tree", "json", "yaml", "name")
	flags := cmd.Flags()
	flags.BoolVarP(&s.all, "all-namespaces", "A", false, "those of all namespaces")
	flags.BoolVar(&s.check, "check", false, "exit with 1 unless everything is Ready or Off")
	flags.IntVar(&s.limit, "limit", 20, "how many of a kind to show below a gateway at most; 0 shows all")
	flags.BoolVar(&s.ascii, "ascii", false, "draw without Unicode (default: as the locale says)")
	return cmd
}

func (s *standing) verify() error {
	switch {
	case s.all && s.gateway != "":
		return errors.New("a name is of one namespace: leave --all-namespaces or the name")
	case s.limit < 0:
		return errors.New("--limit: how many at most, or 0 for all")
	}
	return screen.Check(s.output, "tree", "json", "yaml", "name")
}

func (s *standing) run(ctx context.Context, objects client.Reader, to screen.Screen, stderr io.Writer) error {
	set, err := s.gather(ctx, objects, stderr)
	if err != nil {
		return err
	}
	nodes := tree.Build(set)
	if err := s.print(nodes, to); err != nil || !s.check {
		return err
	}
	for i := range nodes {
		if !nodes[i].Healthy() {
			return errSaid
		}
	}
	if len(nodes) == 0 {
		return errors.New("--check: there is no SparkGateway")
	}
	return nil
}

func (s *standing) print(nodes []tree.Node, to screen.Screen) error {
	if ok, err := to.Show(s.output, map[string]any{"gateways": nodes}); ok {
		return err
	}
	text := tree.Text(nodes, tree.Look{Screen: to, ASCII: s.ascii || !speaksUTF8(os.Getenv), Most: s.limit})
	switch {
	case s.output == "name":
		text = ""
		for i := range nodes {
			text += reference(nodes[i].Kind, nodes[i].Name) + "\n"
		}
	case len(nodes) == 0 && s.all:
		text = "No SparkGateways in any namespace.\n"
	case len(nodes) == 0:
		text = "No SparkGateways in namespace " + s.namespace + ".\n"
	}
	_, err := io.WriteString(to, text)
	return err
}

// gather reads what there is: of all namespaces where a gateway takes what attaches from others, else only of its own.
func (s *standing) gather(ctx context.Context, objects client.Reader, stderr io.Writer) (*tree.Set, error) {
	namespace := s.namespace
	if s.all {
		namespace = ""
	}
	set := &tree.Set{}
	if s.gateway != "" {
		gw := v1alpha1.SparkGateway{}
		if err := objects.Get(ctx, client.ObjectKey{Namespace: namespace, Name: s.gateway}, &gw); err != nil {
			return nil, err
		}
		set.Gateways = append(set.Gateways, gw)
	} else {
		list := v1alpha1.SparkGatewayList{}
		if err := objects.List(ctx, &list, client.InNamespace(namespace)); err != nil {
			return nil, err
		}
		set.Gateways = list.Items
	}
	if len(set.Gateways) == 0 {
		return set, nil
	}
	pods := corev1.PodList{}
	if err := objects.List(ctx, &pods, client.InNamespace(namespace), client.HasLabels{render.GatewayLabel}); err != nil {
		return nil, err
	}
	set.Pods = pods.Items
	from := namespace
	for i := range set.Gateways {
		if a := set.Gateways[i].Spec.AllowedNamespaces; a != nil && a.From != v1alpha1.NamespacesSame {
			from = ""
		}
	}
	err := attached(ctx, objects, from, set)
	if from == "" && namespace != "" && apierrors.IsForbidden(err) {
		if _, err := fmt.Fprintln(stderr, "warning: without what attaches from other namespaces, which may not be read"); err != nil {
			return nil, err
		}
		err = attached(ctx, objects, namespace, set)
	}
	return set, err
}

func attached(ctx context.Context, objects client.Reader, namespace string, set *tree.Set) error {
	var (
		providers v1alpha1.ProviderPolicyList
		routes    v1alpha1.ModelRouteList
		keys      v1alpha1.APIKeyList
		policies  v1alpha1.UsagePolicyList
	)
	for _, list := range []client.ObjectList{&providers, &routes, &keys, &policies} {
		if err := objects.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return err
		}
	}
	set.Providers, set.Routes, set.Keys, set.Policies = providers.Items, routes.Items, keys.Items, policies.Items
	return nil
}
