// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// cluster is the one in KUBECONFIG.
type cluster struct {
	client.WithWatch
	clients *kubernetes.Clientset
}

func connect() (*cluster, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("which cluster? set KUBECONFIG: %w", err)
	}
	// What is measured must not wait for the client's own limit.
	config.QPS = -1
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	c := &cluster{}
	if c.clients, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	c.WithWatch, err = client.NewWithWatch(config, client.Options{Scheme: scheme})
	return c, err
}

// kubectl runs it, with input on its standard input, and gives what it prints.
func (c *cluster) kubectl(ctx context.Context, input string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "kubectl", args...)
	command.Stdin = strings.NewReader(input)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// get asks a pod's HTTP port through the API server, which works from wherever KUBECONFIG does.
func (c *cluster) get(ctx context.Context, namespace, pod, path string, into any) error {
	raw, err := c.clients.CoreV1().RESTClient().Get().
		Namespace(namespace).Resource("pods").Name(pod).SubResource("proxy").Suffix(path).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("GET %s of pod %s: %w: %s", path, pod, err, raw)
	}
	return json.Unmarshal(raw, into)
}

func (c *cluster) post(ctx context.Context, namespace, pod, path string, body, into any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	raw, err := c.clients.CoreV1().RESTClient().Post().
		Namespace(namespace).Resource("pods").Name(pod).SubResource("proxy").Suffix(path).
		SetHeader("Content-Type", "application/json").Body(encoded).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("POST %s of pod %s: %w: %s", path, pod, err, raw)
	}
	return json.Unmarshal(raw, into)
}

// logs gives what a pod's containers wrote.
func (c *cluster) logs(ctx context.Context, namespace, pod string) (string, error) {
	raw, err := c.clients.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{}).DoRaw(ctx)
	return string(raw), err
}

// pollEvery is how often a condition is looked at.
const pollEvery = 100 * time.Millisecond

// eventually looks until ok gives an empty string, which else says what is still missing.
func eventually(t testing.TB, within time.Duration, ok func() string) {
	t.Helper()
	if missing := poll(t.Context(), within, ok); missing != "" {
		t.Fatalf("not within %s: %s", within, missing)
	}
}

func poll(ctx context.Context, within time.Duration, ok func() string) (missing string) {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if missing = ok(); missing == "" {
			return ""
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return missing
		case <-ctx.Done():
			return missing + ": " + ctx.Err().Error()
		}
	}
}

// must gives a value whose error ends the test.
func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// inNamespace lists what is in a namespace.
func inNamespace(name string) client.ListOption { return client.InNamespace(name) }

func key(namespace, name string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: name}
}

func millis(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// backgroundFor gives a context for what is cleaned up when the test's own has ended.
func backgroundFor(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}
