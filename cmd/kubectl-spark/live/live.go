// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package live asks the pods of a gateway in a cluster, with the rights of whoever runs it.
package live

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

// Scheme knows the kinds that a Cluster's Objects may be of.
var Scheme = runtime.NewScheme()

func init() {
	utilruntime.Must(clientgoscheme.AddToScheme(Scheme))
	utilruntime.Must(v1alpha1.AddToScheme(Scheme))
}

// Options say which cluster and namespace; empty fields are as with kubectl.
type Options struct{ Kubeconfig, Context, Namespace string }

// Cluster is where gateways run.
type Cluster struct {
	// Namespace of the gateways that are asked.
	Namespace string
	// Objects reads and writes Spark's resources and Kubernetes' own.
	Objects client.Client
	clients kubernetes.Interface
	// forward gives a local address that leads to a port of a pod until stop, which says what broke on the way.
	forward func(ctx context.Context, pod string, port int) (address string, stop func() error, err error)
	// logs reads those of a pod.
	logs func(ctx context.Context, pod string, of *corev1.PodLogOptions) (io.ReadCloser, error)
	// patience is how long a pod may be silent; 0 is askTimeout.
	patience time.Duration
}

// Connect reads where the cluster is. It sends nothing.
func Connect(o Options) (*Cluster, error) {
	settings, namespace, err := Settings(o)
	if err != nil {
		return nil, err
	}
	return connect(settings, namespace)
}

// Settings reads where the cluster is, and the namespace.
func Settings(o Options) (*rest.Config, string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.Context}
	overrides.Context.Namespace = o.Namespace
	from := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	settings, err := from.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("which cluster? %w", err)
	}
	namespace, _, err := from.Namespace()
	return settings, namespace, err
}

func connect(settings *rest.Config, namespace string) (*Cluster, error) {
	clients, err := kubernetes.NewForConfig(settings)
	if err != nil {
		return nil, err
	}
	objects, err := client.New(settings, client.Options{Scheme: Scheme})
	if err != nil {
		return nil, err
	}
	c := &Cluster{Namespace: namespace, Objects: objects, clients: clients}
	c.logs = func(ctx context.Context, pod string, of *corev1.PodLogOptions) (io.ReadCloser, error) {
		return clients.CoreV1().Pods(namespace).GetLogs(pod, of).Stream(ctx)
	}
	c.forward = func(ctx context.Context, pod string, port int) (string, func() error, error) {
		to := clients.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
		return forward(ctx, settings, to, port)
	}
	return c, nil
}

// Explain asks a pod of a gateway, by name or, where that is empty, one that is ready, and gives the name of the one asked.
// Errors hold no secret.
func (c *Cluster) Explain(ctx context.Context, gateway, pod string, asked config.ExplainRequest) (config.Explanation, string, error) {
	none := config.Explanation{}
	credentials, err := c.credentials(ctx, gateway)
	if err != nil {
		return none, "", err
	}
	if pod, err = c.choose(ctx, gateway, pod); err != nil {
		return none, "", err
	}
	explanation := none
	err = c.within(ctx, pod, render.AdminPort, credentials, func(ctx context.Context, transport http.RoundTripper, address string) (err error) {
		explanation, err = ask(ctx, transport, address, asked)
		return err
	})
	if err != nil {
		return none, pod, fmt.Errorf("pod %s: %w", pod, err)
	}
	return explanation, pod, nil
}

// credentials are those of a gateway's administrative listeners. Errors hold no secret.
func (c *Cluster) credentials(ctx context.Context, gateway string) (*tls.Config, error) {
	admin, err := c.clients.CoreV1().Secrets(c.Namespace).Get(ctx, render.AdminSecretName(gateway), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("--gateway %s: namespace %s has no Secret %s, which the operator makes for each SparkGateway",
			gateway, c.Namespace, render.AdminSecretName(gateway))
	}
	if err != nil {
		return nil, err
	}
	credentials, err := issue.ClientTLS(admin.Data)
	if err != nil {
		return nil, fmt.Errorf("the Secret %s: %w", admin.Name, err)
	}
	return credentials, nil
}

// choose finds the pod to ask: of those that are not leaving, one that is ready.
func (c *Cluster) choose(ctx context.Context, gateway, name string) (string, error) {
	list, err := c.clients.CoreV1().Pods(c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: render.GatewayLabel + "=" + gateway})
	if err != nil {
		return "", err
	}
	var names []string
	chosen := ""
	for _, p := range list.Items {
		if p.Name == name {
			return name, nil
		}
		names = append(names, p.Name)
		if chosen == "" && p.DeletionTimestamp == nil && ready(&p) {
			chosen = p.Name
		}
	}
	slices.Sort(names)
	switch {
	case name != "":
		return "", fmt.Errorf("--pod %s is none of SparkGateway %s/%s, which has %s", name, c.Namespace, gateway, or(names))
	case chosen == "":
		return "", fmt.Errorf("SparkGateway %s/%s has no pod that is ready, of %s; name one with --pod", c.Namespace, gateway, or(names))
	}
	return chosen, nil
}

func or(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func ready(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

const (
	// maxAnswer bounds an answer.
	maxAnswer = 16 << 20
	// maxProblem bounds what a pod says of a question that it cannot answer.
	maxProblem = 1 << 10
)

// ask sends the question.
func ask(ctx context.Context, transport http.RoundTripper, address string, asked config.ExplainRequest) (told config.Explanation, err error) {
	body, err := json.Marshal(asked)
	if err != nil {
		return told, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+address+config.ExplainPath, bytes.NewReader(body))
	if err != nil {
		return told, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := transport.RoundTrip(request)
	if err != nil {
		return told, err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusOK:
		if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&told); err != nil {
			return told, errors.New("its answer is no explanation")
		}
		return told, nil
	case http.StatusUnprocessableEntity:
		said, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem))
		return told, errors.New(strings.TrimSpace(string(said)))
	case http.StatusNotFound:
		return told, errors.New("its release does not explain requests")
	}
	return told, fmt.Errorf("it answers with status %d", response.StatusCode)
}
