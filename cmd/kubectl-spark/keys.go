// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/controllers/compiler"
)

// keyring is what a command on keys has: where they are, and what it writes to.
type keyring struct {
	origin
	objects   client.Client
	namespace string
	to        screen.Screen
	// told is for what is not the result.
	told io.Writer
}

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "List, make, show, rotate and revoke API keys", Args: cobra.NoArgs}
	cmd.AddCommand(keysListCommand(), keysCreateCommand(), keysRevealCommand(), keysRotateCommand(), keysRevokeCommand())
	return cmd
}

// open connects.
func (k *keyring) open(cmd *cobra.Command) error {
	cluster, err := k.connect()
	if err != nil {
		return err
	}
	k.objects, k.namespace = cluster.Objects, cluster.Namespace
	k.to, k.told = screen.On(cmd.OutOrStdout(), os.Getenv), cmd.ErrOrStderr()
	return nil
}

func (k *keyring) get(ctx context.Context, name string) (*v1alpha1.APIKey, error) {
	key := &v1alpha1.APIKey{}
	return key, k.objects.Get(ctx, client.ObjectKey{Namespace: k.namespace, Name: name}, key)
}

// listing is what keys list was asked.
type listing struct {
	keyring
	output, gateway, selector string
	all                       bool
}

func keysListCommand() *cobra.Command {
	l := listing{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List API keys, without the keys themselves",
		Long: `List API keys: whom each is for, whether it is accepted, how it begins, and what was spent of its first budget. A key itself is in
none of it, in no format: "keys reveal" shows one.`,
		Example: "  kubectl spark keys list --gateway main\n  kubectl spark keys list -A -l team=search -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := screen.Check(l.output, "table", "json", "yaml", "name"); err != nil {
				return err
			}
			if err := l.open(cmd); err != nil {
				return err
			}
			return l.run(cmd.Context(), time.Now())
		},
	}
	l.flags(cmd, "the APIKeys")
	outputFlag(cmd, &l.output, "table", "json", "yaml", "name")
	gatewayFlag(cmd, &l.gateway, "only keys of this SparkGateway")
	cmd.Flags().StringVarP(&l.selector, "selector", "l", "", "only keys with these labels, as kubectl has it")
	cmd.Flags().BoolVarP(&l.all, "all-namespaces", "A", false, "those of all namespaces")
	return cmd
}

func (l *listing) run(ctx context.Context, now time.Time) error {
	options := &client.ListOptions{Namespace: l.namespace}
	if l.all {
		options.Namespace = ""
	}
	selector, err := metav1.ParseToLabelSelector(l.selector)
	if err != nil {
		return fmt.Errorf("--selector: %w", err)
	}
	if options.LabelSelector, err = metav1.LabelSelectorAsSelector(selector); err != nil {
		return fmt.Errorf("--selector: %w", err)
	}
	list := v1alpha1.APIKeyList{}
	if err := l.objects.List(ctx, &list, options); err != nil {
		return err
	}
	kept := list.Items[:0]
	for i := range list.Items {
		key := &list.Items[i]
		key.ManagedFields = nil
		key.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.KindAPIKey))
		if l.gateway == "" || attaches(key, l.gateway, l.namespace) {
			kept = append(kept, *key)
		}
	}
	list.Items = kept
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("APIKeyList"))
	if ok, err := l.to.Show(l.output, &list); ok {
		return err
	}
	_, err = io.WriteString(l.to, l.text(kept, now))
	return err
}

func attaches(key *v1alpha1.APIKey, gateway, namespace string) bool {
	for _, ref := range key.Spec.GatewayRefs {
		if ref.Name == gateway && (ref.Namespace == "" || ref.Namespace == namespace) {
			return true
		}
	}
	return false
}

func (l *listing) text(all []v1alpha1.APIKey, now time.Time) string {
	if l.output == "name" {
		text := ""
		for i := range all {
			text += reference(v1alpha1.KindAPIKey, all[i].Name) + "\n"
		}
		return text
	}
	if len(all) == 0 {
		return "No APIKeys.\n"
	}
	table := screen.Table{Columns: []screen.Column{
		{Title: "NAME", Name: true, Least: 12}, {Title: "USER", Name: true, Least: 8}, {Title: "ROLE"}, {Title: "READY", Tone: readyTone},
		{Title: "REASON", Least: 8}, {Title: "KEY"}, {Title: "EXPIRES"}, {Title: "USED"}, {Title: "TOKENS", Right: true}, {Title: "SPENT", Right: true},
		{Title: "BUDGET", Right: true},
	}}
	for i := range all {
		key := &all[i]
		ready, reason := "Unknown", ""
		if c := meta.FindStatusCondition(key.Status.Conditions, string(v1alpha1.Ready)); c != nil {
			ready, reason = string(c.Status), c.Reason
		}
		if ready == "True" {
			reason = ""
		}
		name, used := key.Name, ""
		if l.all {
			name = key.Namespace + "/" + name
		}
		if at := key.Status.Usage.LastUsed; at != nil {
			used = screen.Age(now.Sub(at.Time))
		}
		role := key.Spec.Role
		if role == "" {
			role = v1alpha1.RoleUser
		}
		table.Add(name, key.Spec.User, string(role), ready, reason, key.Status.Prefix, key.Status.Expires, used,
			fmt.Sprint(key.Status.Usage.Tokens), key.Status.Usage.Spent, key.Status.Usage.Budget)
	}
	return table.Text(l.to)
}

func readyTone(cell string) screen.Tone {
	return map[string]screen.Tone{"True": screen.Good, "False": screen.Bad, "Unknown": screen.Doubtful}[cell]
}

// revealing is what keys reveal was asked.
type revealing struct {
	keyring
	previous bool
}

func keysRevealCommand() *cobra.Command {
	r := revealing{}
	cmd := &cobra.Command{
		Use:   "reveal NAME",
		Short: "Print an API key itself, and nothing else",
		Long: `Print an API key itself to standard output, and nothing else: from the Secret that it was generated into, or that spec.secretRef
names. That takes the right to read the Secret.`,
		Example:           "  export OPENAI_API_KEY=$(kubectl spark keys reveal alice)",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: complete(&v1alpha1.APIKeyList{}),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.open(cmd); err != nil {
				return err
			}
			key, err := r.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return r.run(cmd.Context(), key)
		},
	}
	r.flags(cmd, "the APIKey")
	cmd.Flags().BoolVar(&r.previous, "previous", false, "the key before the last rotation, while it is still accepted")
	return cmd
}

func (r *revealing) run(ctx context.Context, key *v1alpha1.APIKey) error {
	text, err := r.secret(ctx, key, r.previous)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(r.to, text)
	return err
}

// errNoKey says that a key has not been generated.
var errNoKey = errors.New("no key has been generated yet: does the operator run?")

// secret reads a key.
func (k *keyring) secret(ctx context.Context, key *v1alpha1.APIKey, previous bool) (string, error) {
	name, entry := compiler.SecretName(key), compiler.CredentialsKey
	if ref := key.Spec.SecretRef; ref != nil && ref.Key != "" {
		entry = ref.Key
	}
	if previous {
		if key.Spec.SecretRef != nil {
			return "", errors.New("--previous is of generated keys: this one is brought by spec.secretRef")
		}
		entry = compiler.PreviousCredentialsKey
	}
	s := corev1.Secret{}
	err := k.objects.Get(ctx, name, &s)
	switch {
	case apierrors.IsNotFound(err) && key.Spec.SecretRef == nil:
		return "", fmt.Errorf("the Secret %s: %w", name.Name, errNoKey)
	case err != nil:
		return "", err
	}
	value := strings.TrimSpace(string(s.Data[entry]))
	switch {
	case value == "" && previous:
		return "", errors.New("there is no key before the present one that is still accepted")
	case value == "":
		return "", fmt.Errorf("the Secret %s has nothing under %s", name.Name, entry)
	}
	return value, nil
}

// disabled says whether a key is refused on purpose.
func disabled(key *v1alpha1.APIKey) bool { return ptr.Deref(key.Spec.Disabled, false) }
