// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
)

// rotating is what keys rotate was asked.
type rotating struct {
	keyring
	overlap      string
	wait, reveal bool
	timeout      time.Duration
}

func keysRotateCommand() *cobra.Command {
	r := rotating{}
	cmd := &cobra.Command{
		Use:   "rotate NAME",
		Short: "Replace a generated API key by a new one",
		Long: `Replace a generated API key by a new one. The present one is accepted beside it for the overlap: spec.rotation.overlap, which
--overlap sets for this rotation and those to come, or 24h. With --overlap 0s it is refused at once, as a leaked key should be.

A key that spec.secretRef brings is rotated by changing its Secret.`,
		Example:           "  kubectl spark keys rotate alice\n  kubectl spark keys rotate alice --overlap 0s --reveal",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: complete(&v1alpha1.APIKeyList{}),
		RunE: func(cmd *cobra.Command, args []string) error {
			if r.reveal && !r.wait {
				return errors.New("--reveal waits for the new key: leave --wait=false")
			}
			if err := r.open(cmd); err != nil {
				return err
			}
			return r.run(cmd.Context(), args[0], time.Now())
		},
	}
	r.flags(cmd, "the APIKey")
	flags := cmd.Flags()
	flags.StringVar(&r.overlap, "overlap", "", "how long the replaced key is accepted, such as 1h; 0s refuses it at once (default: as spec.rotation.overlap says, else 24h)")
	flags.BoolVar(&r.wait, "wait", true, "wait for the new key")
	flags.BoolVar(&r.reveal, "reveal", false, "print the new key alone")
	flags.DurationVar(&r.timeout, "timeout", time.Minute, "how long to wait")
	return cmd
}

func (r *rotating) run(ctx context.Context, name string, now time.Time) error {
	key, err := r.get(ctx, name)
	if err != nil {
		return err
	}
	if key.Spec.SecretRef != nil {
		return fmt.Errorf("APIKey %s/%s brings its key in the Secret %s: change that to rotate it", key.Namespace, key.Name, key.Spec.SecretRef.Name)
	}
	asked := now.UTC().Format(time.RFC3339Nano)
	change := map[string]any{"metadata": map[string]any{"annotations": map[string]string{compiler.RotateAnnotation: asked}}}
	if r.overlap != "" {
		change["spec"] = map[string]any{"rotation": map[string]any{"overlap": r.overlap}}
	}
	before := key.Status.RotatedAt
	if err := r.patch(ctx, key, change); err != nil {
		return err
	}
	if !r.wait {
		_, err := fmt.Fprintf(r.to, "%s asked to rotate\n", reference(v1alpha1.KindAPIKey, name))
		return err
	}
	err = r.until(ctx, r.timeout, key, func() (bool, error) { return r.rotated(ctx, key, before) })
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s rotated", reference(v1alpha1.KindAPIKey, name))
	if p := key.Status.Previous; p != nil {
		text += fmt.Sprintf("; the key before, %s, is accepted until %s", p.Prefix, p.AcceptedUntil.UTC().Format(time.RFC3339))
	}
	if !r.reveal {
		_, err = fmt.Fprintln(r.to, text)
		return err
	}
	if _, err := fmt.Fprintln(r.told, text); err != nil {
		return err
	}
	return (&revealing{keyring: r.keyring}).run(ctx, key)
}

// rotated says whether the latest rotation that was asked for is done: the generated Secret says for which it was made, and the
// status follows. Who may not read the Secret has only the status, which does not tell two rotations within a second apart.
func (k *keyring) rotated(ctx context.Context, key *v1alpha1.APIKey, before *metav1.Time) (bool, error) {
	at := key.Status.RotatedAt
	if at == nil {
		return false, nil
	}
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	err := k.objects.Get(ctx, compiler.SecretName(key), secret)
	switch {
	case apierrors.IsForbidden(err):
		return before == nil || at.After(before.Time), nil
	case err != nil:
		return false, client.IgnoreNotFound(err)
	}
	made := secret.Annotations
	return made[compiler.RotateAnnotation] == key.Annotations[compiler.RotateAnnotation] &&
		made[compiler.RotatedAtAnnotation] == at.UTC().Format(time.RFC3339), nil
}

// patch merges a change into a key.
func (k *keyring) patch(ctx context.Context, key *v1alpha1.APIKey, change map[string]any) error {
	body, err := json.Marshal(change)
	if err != nil {
		return err
	}
	return k.objects.Patch(ctx, key, client.RawPatch(types.MergePatchType, body), client.FieldOwner(fieldManager))
}

// revoking is what keys revoke was asked.
type revoking struct {
	keyring
	remove, yes, wait bool
	timeout           time.Duration
}

func keysRevokeCommand() *cobra.Command {
	r := revoking{}
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "Have gateways refuse an API key",
		Long: `Have gateways refuse an API key, and wait until every pod that serves says that it does. What the key used stays known: it is
disabled (spec.disabled), and can be accepted again. With --delete it goes, and its generated key with it.

Asks before it does so; --yes answers, and is needed where nobody can be asked.`,
		Example:           "  kubectl spark keys revoke alice --yes\n  kubectl spark keys revoke old-ci --delete",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: complete(&v1alpha1.APIKeyList{}),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.open(cmd); err != nil {
				return err
			}
			return r.run(cmd.Context(), args[0], asker(cmd.InOrStdin()))
		},
	}
	r.flags(cmd, "the APIKey")
	flags := cmd.Flags()
	flags.BoolVar(&r.remove, "delete", false, "delete the APIKey in place of disabling it")
	flags.BoolVarP(&r.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&r.wait, "wait", true, "wait until every pod refuses the key")
	flags.DurationVar(&r.timeout, "timeout", time.Minute, "how long to wait")
	return cmd
}

// asker gives what a person may answer at, nil where nobody can be asked.
func asker(in io.Reader) io.Reader {
	if file, ok := in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return in
	}
	return nil
}

func (r *revoking) run(ctx context.Context, name string, person io.Reader) error {
	key, err := r.get(ctx, name)
	if err != nil {
		return err
	}
	what := map[bool]string{true: "delete", false: "disable"}[r.remove]
	if err := r.agree(fmt.Sprintf("%s APIKey %s/%s of %s", what, key.Namespace, key.Name, key.Spec.User), person); err != nil {
		return err
	}
	done := reference(v1alpha1.KindAPIKey, name)
	if r.remove {
		if err := r.objects.Delete(ctx, key); err != nil {
			return err
		}
		_, err = fmt.Fprintf(r.to, "%s deleted\n", done)
		return err
	}
	if !disabled(key) {
		if err := r.patch(ctx, key, map[string]any{"spec": map[string]any{"disabled": true}}); err != nil {
			return err
		}
	}
	if !r.wait {
		_, err = fmt.Fprintf(r.to, "%s disabled\n", done)
		return err
	}
	err = r.until(ctx, r.timeout, key, func() (bool, error) {
		refusing, of, ok := strings.Cut(key.Status.Revoked, "/")
		return ok && refusing == of && key.Status.ObservedGeneration >= key.Generation, nil
	})
	if err != nil {
		return fmt.Errorf("it is disabled, and %s pods say that they refuse it: %w", orNone(key.Status.Revoked), err)
	}
	_, err = fmt.Fprintf(r.to, "%s disabled, and refused by %s pods\n", done, key.Status.Revoked)
	return err
}

func orNone(text string) string {
	if text == "" {
		return "no"
	}
	return text
}

// agree asks, unless --yes answers.
func (r *revoking) agree(what string, person io.Reader) error {
	if r.yes {
		return nil
	}
	if person == nil {
		return fmt.Errorf("%s? There is nobody to ask: --yes says so", what)
	}
	if _, err := fmt.Fprintf(r.told, "%s? [y/N] ", what); err != nil {
		return err
	}
	line, err := bufio.NewReader(person).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return errors.New("left as it is")
	}
	return nil
}
