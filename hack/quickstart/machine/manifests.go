// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// installed are the kinds that a quickstart takes from what a cluster would get: the operator itself runs here.
var installed = []string{
	"Namespace", "CustomResourceDefinition", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding",
}

const establishLimit = 30 * time.Second

// install applies what `make deploy` would, as far as it makes sense without a cluster.
func (q *quickstart) install(ctx context.Context) error {
	objects, err := q.deployment(ctx)
	if err != nil {
		return err
	}
	objects = slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool { return !slices.Contains(installed, o.GetKind()) })
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int {
		return slices.Index(installed, a.GetKind()) - slices.Index(installed, b.GetKind())
	})
	account := firstOf(objects, "ServiceAccount")
	if firstOf(objects, "CustomResourceDefinition") == nil || account == nil {
		return errors.New("config/ holds no resource definitions or no service account of the operator")
	}
	q.account = types.NamespacedName{Namespace: account.GetNamespace(), Name: account.GetName()}
	if err := q.apply(ctx, objects...); err != nil {
		return err
	}
	for _, o := range objects {
		if o.GetKind() != "CustomResourceDefinition" {
			continue
		}
		if err := poll(ctx, establishLimit, func() error { return q.established(ctx, o) }); err != nil {
			return err
		}
	}
	return nil
}

// deployment is config/default as kustomize renders it, or the plain files where there is none.
func (q *quickstart) deployment(ctx context.Context) ([]*unstructured.Unstructured, error) {
	base := filepath.Join(q.state.root, "config", "default")
	if _, err := os.Stat(filepath.Join(base, "kustomization.yaml")); err == nil {
		var complaint bytes.Buffer
		cmd := exec.CommandContext(ctx, q.kubectl(), "kustomize", base)
		cmd.Stderr = &complaint
		rendered, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("kubectl kustomize config/default: %w: %s", err, complaint.String())
		}
		return parse(rendered)
	}
	var all []*unstructured.Unstructured
	for _, dir := range []string{"crd", "rbac"} {
		objects, err := parseDir(filepath.Join(q.state.root, "config", dir), strings.NewReplacer())
		if err != nil {
			return nil, err
		}
		all = append(all, objects...)
	}
	return all, nil
}

func (q *quickstart) kubectl() string { return filepath.Join(q.assets, "kubectl") }

const fieldOwner = client.FieldOwner("spark-quickstart")

func (q *quickstart) apply(ctx context.Context, objects ...*unstructured.Unstructured) error {
	for _, o := range objects {
		err := q.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o.DeepCopy()), fieldOwner, client.ForceOwnership)
		if err != nil {
			return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

// established asks the API server to serve the kind, which it does a moment after it says so.
func (q *quickstart) established(ctx context.Context, definition *unstructured.Unstructured) error {
	current := &unstructured.Unstructured{}
	current.SetGroupVersionKind(definition.GroupVersionKind())
	if err := q.client.Get(ctx, client.ObjectKeyFromObject(definition), current); err != nil {
		return err
	}
	conditions := conditionsOf(current)
	if c := meta.FindStatusCondition(conditions, "Established"); c == nil || c.Status != metav1.ConditionTrue {
		return fmt.Errorf("%s is not established: %s", definition.GetName(), describe(conditions))
	}
	return nil
}

// parseDir reads the YAML files of a directory, in the order of their names.
func parseDir(dir string, replacer *strings.Replacer) ([]*unstructured.Unstructured, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var all []*unstructured.Unstructured
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		objects, err := parse([]byte(replacer.Replace(string(content))))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, objects...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no manifests in %s", dir)
	}
	return all, nil
}

func parse(content []byte) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	var objects []*unstructured.Unstructured
	for {
		o := &unstructured.Unstructured{}
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		if len(o.Object) > 0 { // not just comments between two ---
			objects = append(objects, o)
		}
	}
}

func firstOf(objects []*unstructured.Unstructured, kind string) *unstructured.Unstructured {
	for _, o := range objects {
		if o.GetKind() == kind {
			return o
		}
	}
	return nil
}
