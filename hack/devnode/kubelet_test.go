// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// logs asks the API server, which asks the node.
func (b *bed) logs(pod string, options *corev1.PodLogOptions) (string, error) {
	b.t.Helper()
	set, err := kubernetes.NewForConfig(cluster)
	if err != nil {
		b.t.Fatal(err)
	}
	stream, err := set.CoreV1().Pods(b.namespace).GetLogs(pod, options).Stream(b.t.Context())
	if err != nil {
		return "", err
	}
	defer func() { _ = stream.Close() }()
	content, err := io.ReadAll(stream)
	return string(content), err
}

func TestTheAPIServerGivesThePodsLogs(t *testing.T) {
	b := newBed(t)
	b.create(b.deployment(1))
	pod := b.ready(1)[0]
	get(&pod, "/say?line=one")
	get(&pod, "/say?line=two")
	got, err := b.logs(pod.Name, &corev1.PodLogOptions{Container: "app", TailLines: ptr.To[int64](1), SinceSeconds: ptr.To[int64](3600)})
	if err != nil || got != "two\n" {
		t.Errorf("the last line is %q, %v", got, err)
	}
	if _, err := b.logs(pod.Name, &corev1.PodLogOptions{Previous: true}); err == nil || !strings.Contains(err.Error(), "previous terminated container") {
		t.Errorf("of the container before: %v", err)
	}
	get(&pod, "/exit")
	b.eventually("the log of the next container", func() bool {
		got, err := b.logs(pod.Name, &corev1.PodLogOptions{})
		return err == nil && !strings.Contains(got, "two")
	})
	if got, err := b.logs(pod.Name, &corev1.PodLogOptions{Previous: true, Timestamps: true}); err != nil || strings.Count(got, "Z one\n")+strings.Count(got, "Z two\n") != 2 {
		t.Errorf("of the container before: %q, %v", got, err)
	}
}

func TestAFollowerOfALogSeesThePodsEnd(t *testing.T) {
	b := newBed(t)
	b.create(b.deployment(1))
	pod := b.ready(1)[0]
	set, err := kubernetes.NewForConfig(cluster)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := set.CoreV1().Pods(b.namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Follow: true}).Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	got := make(chan string, 1)
	go func() {
		all, err := io.ReadAll(stream)
		got <- fmt.Sprint(string(all), err)
	}()
	get(&pod, "/say?line=hello")
	if err := b.client.Delete(t.Context(), &pod); err != nil {
		t.Fatal(err)
	}
	select {
	case all := <-got:
		if !strings.HasSuffix(all, "hello\nasked to end\n<nil>") {
			t.Errorf("the follower read %q", all)
		}
	case <-time.After(time.Minute):
		t.Error("the follower goes on")
	}
}

func TestAPodThatCannotStartSaysWhyInsteadOfALog(t *testing.T) {
	b := newBed(t)
	d := b.deployment(1)
	d.Spec.Template.Spec.Containers[0].Name = "unknown"
	b.create(d)
	var err error
	defer func() {
		if t.Failed() {
			t.Logf("the last answer: %v", err)
		}
	}()
	b.eventually("the reason", func() bool {
		pods := b.pods()
		if len(pods) != 1 {
			return false
		}
		_, err = b.logs(pods[0].Name, &corev1.PodLogOptions{})
		return err != nil && strings.Contains(err.Error(), `is waiting to start: ErrImagePull: this node has no program for container "unknown"`)
	})
}

// forwardTo leads a port of this machine to the pod's, over SPDY or, as newer clients do, within a WebSocket.
func (b *bed) forwardTo(pod string, tunnel bool) (address string, err error) {
	b.t.Helper()
	set, err := kubernetes.NewForConfig(cluster)
	if err != nil {
		return "", err
	}
	to := set.CoreV1().RESTClient().Post().Namespace(b.namespace).Resource("pods").Name(pod).SubResource("portforward").URL()
	dialer, err := dialer(to, tunnel)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	b.t.Cleanup(cancel)
	ready := make(chan struct{})
	forwarder, err := portforward.NewOnAddressesForStreamingWithContext(
		ctx, dialer, []string{"127.0.0.1"}, []string{"0:8080"}, ready, io.Discard, io.Discard)
	if err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case err := <-ended:
		return "", errors.Join(errors.New("it ended"), err)
	case <-ready:
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0].Local), nil
}

func dialer(to *url.URL, tunnel bool) (httpstream.Dialer, error) {
	if tunnel {
		return portforward.NewSPDYOverWebsocketDialerForStreaming(to, cluster)
	}
	transport, upgrader, err := spdy.RoundTripperFor(cluster)
	if err != nil {
		return nil, err
	}
	return spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, to), nil
}

func TestTheAPIServerForwardsThePodsPorts(t *testing.T) {
	b := newBed(t)
	b.create(b.deployment(1, "--hello"))
	pod := b.ready(1)[0]
	for name, tunnel := range map[string]bool{"SPDY": false, "SPDY in a WebSocket": true} {
		t.Run(name, func(t *testing.T) {
			address, err := b.forwardTo(pod.Name, tunnel)
			if err != nil {
				t.Fatal(err)
			}
			if got := fetch("http://" + address + "/about"); !strings.Contains(got, `"--hello"`) {
				t.Errorf("the pod answers %q", got)
			}
		})
	}
}

func TestNobodyReachesTheNodePastTheAPIServer(t *testing.T) {
	b := newBed(t)
	b.create(b.deployment(1))
	pod := b.ready(1)[0]
	user, err := plane.User("somebody", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]*rest.Config{
		"a user with every right":   user,
		"somebody with no identity": {TLSClientConfig: rest.TLSClientConfig{CAData: cluster.CAData}},
	} {
		c, err := rest.HTTPClientFor(config)
		if err != nil {
			t.Fatal(err)
		}
		response, err := c.Get(fmt.Sprintf("https://127.0.0.1:%d/containerLogs/%s/%s/app", b.node.kubelet.Port(), b.namespace, pod.Name))
		if err != nil {
			continue // the handshake was refused
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s was answered %s", name, response.Status)
		}
	}
}

func (b *bed) object() (*corev1.Node, error) {
	node := &corev1.Node{}
	return node, b.client.Get(b.t.Context(), client.ObjectKey{Name: b.namespace}, node)
}

func TestTheNodeHasAnObjectThatComesBack(t *testing.T) {
	b := newBed(t)
	node, err := b.object()
	if err != nil {
		t.Fatal(err)
	}
	if len(node.Spec.Taints) > 0 || len(node.Status.Conditions) != 1 || node.Status.Conditions[0].Status != corev1.ConditionTrue {
		t.Errorf("taints %v, conditions %v", node.Spec.Taints, node.Status.Conditions)
	}
	if err := b.client.Delete(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	b.eventually("another object", func() bool {
		again, err := b.object()
		return err == nil && again.UID != node.UID && again.Status.DaemonEndpoints.KubeletEndpoint.Port == b.node.kubelet.Port() &&
			len(again.Spec.Taints) == 0
	})
	// the next node of this name finds the object of the one before
	b.node.Stop()
	before := b.node.kubelet.Port()
	b.start()
	node, err = b.object()
	if got := node.Status.DaemonEndpoints.KubeletEndpoint.Port; err != nil || got != b.node.kubelet.Port() || got == before {
		t.Errorf("after a restart: %v, %v", node.Status.DaemonEndpoints, err)
	}
}
