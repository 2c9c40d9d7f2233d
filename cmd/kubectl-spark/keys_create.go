// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/keys"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
)

// fieldManager owns the fields that commands on keys set.
const fieldManager = "kubectl-spark"

// making is what keys create was asked.
type making struct {
	keyring
	keys.Wanted
	output         string
	dryRun, reveal bool
	timeout        time.Duration
}

func keysCreateCommand() *cobra.Command {
	m := making{}
	cmd := &cobra.Command{
		Use:   "create NAME --gateway NAME --user USER",
		Short: "Make an API key",
		Long: `Make an APIKey, for which the operator generates a key into the Secret NAME-key. With --reveal the key is waited for and printed,
alone, to standard output. With --dry-run the API server checks it and nothing is made; with -o yaml that is a manifest for Git.`,
		Example: `  kubectl spark keys create alice --gateway main --user alice --models 'smart,gpt-*' --budget 50/Month --expires 90d --reveal
  kubectl spark keys create ci --gateway main --user ci --requests 60/1m --label team=search --dry-run -o yaml > ci.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m.Name = args[0]
			if err := m.check(); err != nil {
				return err
			}
			if err := m.open(cmd); err != nil {
				return err
			}
			m.Namespace = m.namespace
			return m.run(cmd.Context(), time.Now())
		},
	}
	m.flags(cmd, "the APIKey")
	outputFlag(cmd, &m.output, "text", "json", "yaml", "name")
	flags := cmd.Flags()
	flags.StringSliceVar(&m.Gateways, "gateway", nil, "SparkGateways that accept the key: names, or namespace/name")
	_ = cmd.RegisterFlagCompletionFunc("gateway", complete(&v1alpha1.SparkGatewayList{}))
	flags.StringVar(&m.User, "user", "", "whom the key is given to")
	flags.StringVar(&m.Role, "role", "", "User, or Master, who reads what concerns all keys (default: User)")
	flags.StringSliceVar(&m.Labels, "label", nil, "label key=value, as UsagePolicies choose keys by; repeatable")
	flags.StringSliceVar(&m.Models, "models", nil, "models that may be asked for; * stands for any characters (default: all)")
	flags.StringSliceVar(&m.Endpoints, "endpoints", nil, "endpoints that may be used, such as Chat,Embeddings (default: all)")
	flags.StringSliceVar(&m.CIDRs, "cidrs", nil, "addresses that clients must have, such as 10.0.0.0/8 (default: any)")
	flags.StringVar(&m.Expires, "expires", "", "date, time (RFC 3339) or span, such as 90d, at which the key ends (default: never)")
	flags.StringSliceVar(&m.Budgets, "budget", nil, "US dollars per Day, Week, Month or Total, such as 50/Month; repeatable")
	flags.StringSliceVar(&m.Requests, "requests", nil, "requests per time, such as 60/1m; repeatable")
	flags.StringSliceVar(&m.Tokens, "tokens", nil, "tokens per time, such as 100000/1h; repeatable")
	flags.Int32Var(&m.Concurrency, "concurrency", 0, "requests under way at once (default: no limit)")
	flags.StringVar(&m.RotateEvery, "rotate-every", "", "how long a key is used at most, such as 720h (default: until it is rotated)")
	flags.StringVar(&m.Overlap, "overlap", "", "how long a replaced key is accepted beside the new one (default: 24h)")
	flags.BoolVar(&m.dryRun, "dry-run", false, "let the API server check it, and make nothing")
	flags.BoolVar(&m.reveal, "reveal", false, "wait for the key, and print it alone")
	flags.DurationVar(&m.timeout, "timeout", time.Minute, "how long to wait for the key")
	_ = cmd.RegisterFlagCompletionFunc("role", cobra.FixedCompletions([]cobra.Completion{"User", "Master"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (m *making) check() error {
	switch {
	case m.reveal && m.dryRun:
		return errors.New("--reveal: with --dry-run no key is made")
	case m.reveal && m.output != "text":
		return errors.New("--reveal prints the key alone: leave -o")
	}
	return screen.Check(m.output, "text", "json", "yaml", "name")
}

func (m *making) run(ctx context.Context, now time.Time) error {
	key, err := m.APIKey(now)
	if err != nil {
		return err
	}
	options := &client.CreateOptions{FieldManager: fieldManager, Raw: &metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}}
	done := "created"
	if m.dryRun {
		options.DryRun, done = []string{metav1.DryRunAll}, "would be created"
	}
	asked := key.DeepCopy()
	if err := m.objects.Create(ctx, key, options); err != nil {
		return err
	}
	switch {
	case m.reveal:
		text := ""
		err := m.until(ctx, m.timeout, key, func() (bool, error) {
			text, err = m.secret(ctx, key, false)
			return err == nil, ignore(err, errNoKey)
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(m.to, text)
		return err
	case m.output == "name":
		_, err = fmt.Fprintln(m.to, reference(v1alpha1.KindAPIKey, key.Name))
		return err
	case m.output != "text":
		_, err := m.to.Show(m.output, struct {
			metav1.TypeMeta   `json:",inline"`
			metav1.ObjectMeta `json:"metadata"`
			Spec              v1alpha1.APIKeySpec `json:"spec"`
		}{asked.TypeMeta, asked.ObjectMeta, asked.Spec})
		return err
	}
	text := fmt.Sprintf("%s %s\n", reference(v1alpha1.KindAPIKey, key.Name), done)
	if !m.dryRun {
		text += fmt.Sprintf("kubectl spark keys reveal %s -n %s shows the key.\n", key.Name, key.Namespace)
	}
	_, err = io.WriteString(m.to, text)
	return err
}

func ignore(err, which error) error {
	if errors.Is(err, which) {
		return nil
	}
	return err
}

// waitStep is how often what is waited for is looked at.
const waitStep = time.Second

// until waits for something about a key, which it reads anew each time.
func (k *keyring) until(ctx context.Context, most time.Duration, key *v1alpha1.APIKey, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	ticker := time.NewTicker(waitStep)
	defer ticker.Stop()
	for {
		if err := k.objects.Get(ctx, client.ObjectKeyFromObject(key), key); err != nil {
			return err
		}
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("APIKey %s/%s: not within %s: does the operator run? kubectl spark status shows more", key.Namespace, key.Name, most)
		case <-ticker.C:
		}
	}
}
