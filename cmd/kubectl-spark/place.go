// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/controllers/render"
)

// origin says which cluster and namespace.
type origin struct{ kubeconfig, context, space string }

// flags are as those of kubectl; of says what the namespace is of.
func (o *origin) flags(cmd *cobra.Command, of string) {
	flags := cmd.Flags()
	flags.StringVarP(&o.space, "namespace", "n", "", "namespace of "+of+" (default: the context's)")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "file that says where the cluster is (default: as kubectl)")
	flags.StringVar(&o.context, "context", "", "context in that file (default: the current one)")
}

func (o *origin) connect() (*live.Cluster, error) {
	return live.Connect(live.Options{Kubeconfig: o.kubeconfig, Context: o.context, Namespace: o.space})
}

// place says which pods are asked.
type place struct {
	origin
	gateway, pod string
}

func (p *place) flags(cmd *cobra.Command) {
	gatewayFlag(cmd, &p.gateway, "name of the SparkGateway")
	cmd.Flags().StringVar(&p.pod, "pod", "", "name of the only pod to ask (default: all that run)")
	_ = cmd.RegisterFlagCompletionFunc("pod", completePods)
	p.origin.flags(cmd, "the SparkGateway")
}

func gatewayFlag(cmd *cobra.Command, to *string, usage string) {
	cmd.Flags().StringVar(to, "gateway", "", usage)
	_ = cmd.RegisterFlagCompletionFunc("gateway", complete(&v1alpha1.SparkGatewayList{}))
}

// outputFlag is -o; the first of the formats is the default.
func outputFlag(cmd *cobra.Command, to *string, formats ...string) {
	cmd.Flags().StringVarP(to, "output", "o", formats[0], strings.Join(formats[:len(formats)-1], ", ")+" or "+formats[len(formats)-1])
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}

// completing bounds how long a shell waits for names.
const completing = 3 * time.Second

// complete gives the names of resources, for shells. What it cannot reach it does not complete.
func complete(list client.ObjectList, options ...client.ListOption) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const files = cobra.ShellCompDirectiveNoFileComp
		ctx, cancel := context.WithTimeout(cmd.Context(), completing)
		defer cancel()
		o := origin{}
		for name, to := range map[string]*string{"namespace": &o.space, "kubeconfig": &o.kubeconfig, "context": &o.context} {
			*to, _ = cmd.Flags().GetString(name)
		}
		cluster, err := o.connect()
		if err != nil {
			return nil, files
		}
		return namesOf(ctx, cluster, list, args, begun, options...), files
	}
}

// namesOf gives the names of a namespace that begin so and are not among the arguments yet.
func namesOf(ctx context.Context, cluster *live.Cluster, list client.ObjectList, args []string, begun string, options ...client.ListOption) []string {
	list = list.DeepCopyObject().(client.ObjectList)
	const most = 1000
	if cluster.Objects.List(ctx, list, append(options, client.InNamespace(cluster.Namespace), client.Limit(most))...) != nil {
		return nil
	}
	var names []string
	_ = meta.EachListItem(list, func(item runtime.Object) error {
		object, err := meta.Accessor(item)
		if err != nil {
			return err
		}
		if name := object.GetName(); strings.HasPrefix(name, begun) && !slices.Contains(args, name) {
			names = append(names, name)
		}
		return nil
	})
	return names
}

func completePods(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	options := []client.ListOption{client.HasLabels{render.GatewayLabel}}
	if gateway, _ := cmd.Flags().GetString("gateway"); gateway != "" {
		options = []client.ListOption{client.MatchingLabels{render.GatewayLabel: gateway}}
	}
	return complete(&corev1.PodList{}, options...)(cmd, args, begun)
}

// reference is a resource as -o name gives it.
func reference(kind, name string) string {
	return fmt.Sprintf("%s.%s/%s", strings.ToLower(kind), v1alpha1.GroupVersion.Group, name)
}
