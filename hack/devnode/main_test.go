// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/hack/envtest/assets"
	"github.com/sparkgateway/spark/hack/envtest/controlplane"
)

// podVariable makes this test binary the program of a pod.
const podVariable = "SPARK_DEVNODE_TEST_POD"

var (
	cluster *rest.Config
	plane   *controlplane.ControlPlane
)

func TestMain(m *testing.M) {
	if os.Getenv(podVariable) != "" {
		os.Exit(podProgram())
	}
	ctrl.SetLogger(logr.Discard())
	os.Exit(withControlPlane(m))
}

func withControlPlane(m *testing.M) int {
	dir, err := os.MkdirTemp("", "devnode-test-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	programs, err := assets.Default(os.Stderr).Resolve(context.Background())
	if err != nil {
		panic(err)
	}
	plane, err = controlplane.Start(context.Background(), controlplane.Options{Assets: programs, Dir: dir})
	if err != nil {
		panic(err)
	}
	defer plane.Stop()
	cluster = plane.Config
	return m.Run()
}

// podProgram serves what the tests ask a pod for. Its behaviour comes from its arguments, so from the pod's spec.
func podProgram() int {
	if len(os.Args) > 1 && os.Args[1] == "crash" {
		fmt.Println("crashing")
		return 7
	}
	var unhealthy atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if unhealthy.Load() {
			http.Error(w, "not well", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/sick", func(http.ResponseWriter, *http.Request) { unhealthy.Store(true) })
	mux.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	mux.HandleFunc("/say", func(_ http.ResponseWriter, r *http.Request) { fmt.Println(r.URL.Query().Get("line")) })
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, r.URL.Query().Get("path"))
	})
	mux.HandleFunc("/about", func(w http.ResponseWriter, _ *http.Request) {
		env := map[string]string{}
		for _, name := range []string{"NAME", "UID", "IP", "APP", "TOKEN", "GREETING", "CONFIG", BindAddressVariable} {
			env[name] = os.Getenv(name)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"args": os.Args[1:], "env": env, "pid": os.Getpid()})
	})
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	server := &http.Server{Addr: net.JoinHostPort(os.Getenv(BindAddressVariable), "8080"), Handler: mux}
	go func() {
		fmt.Println(server.ListenAndServe())
		os.Exit(1)
	}()
	<-stop
	if len(os.Args) > 1 && os.Args[1] == "stubborn" {
		fmt.Println("I stay")
		select {}
	}
	fmt.Println("asked to end")
	return 0
}

// bed is a namespace with a node of its own.
type bed struct {
	t         *testing.T
	client    client.Client
	node      *Node
	dir       string
	namespace string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	c, err := client.New(cluster, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "devnode-"}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, client: c, dir: t.TempDir(), namespace: namespace.Name}
	b.start()
	t.Cleanup(func() {
		b.node.Stop()
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(b.dir, "log", "*.log"))
			for _, log := range logs {
				content, _ := os.ReadFile(log)
				t.Logf("%s:\n%s", filepath.Base(log), content)
			}
		}
	})
	return b
}

func (b *bed) start() {
	b.t.Helper()
	identity, err := plane.KubeletTLS()
	if err != nil {
		b.t.Fatal(err)
	}
	b.node, err = Start(context.Background(), Options{
		Name: b.namespace, Kubelet: identity, Config: cluster, Dir: b.dir, Namespaces: []string{b.namespace},
		Programs: map[string]string{"app": os.Args[0]}, Env: []string{podVariable + "=1"},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// deployment probes every second, so that what a test waits for comes soon.
func (b *bed) deployment(replicas int32, args ...string) *appsv1.Deployment {
	labels := map[string]string{"app": "demo"}
	probe := &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromString("http")}},
		PeriodSeconds: 1, TimeoutSeconds: 1, FailureThreshold: 1,
	}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "demo"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "app", Image: "demo:dev", Args: args,
					Ports:          []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
					ReadinessProbe: probe,
				}}},
			},
		},
	}
}

func (b *bed) create(objects ...client.Object) {
	b.t.Helper()
	for _, object := range objects {
		if err := b.client.Create(b.t.Context(), object); err != nil {
			b.t.Fatal(err)
		}
	}
}

// edit changes a Deployment as a user would.
func (b *bed) edit(change func(*appsv1.Deployment)) {
	b.t.Helper()
	d := b.read()
	before := d.DeepCopy()
	change(d)
	if err := b.client.Patch(b.t.Context(), d, client.MergeFrom(before)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) read() *appsv1.Deployment {
	b.t.Helper()
	d := &appsv1.Deployment{}
	if err := b.client.Get(b.t.Context(), client.ObjectKey{Namespace: b.namespace, Name: "demo"}, d); err != nil {
		b.t.Fatal(err)
	}
	return d
}

func (b *bed) pods() []corev1.Pod {
	b.t.Helper()
	var list corev1.PodList
	if err := b.client.List(b.t.Context(), &list, client.InNamespace(b.namespace)); err != nil {
		b.t.Fatal(err)
	}
	return list.Items
}

func (b *bed) eventually(what string, condition func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			pods, _ := json.MarshalIndent(b.pods(), "", " ")
			b.t.Fatalf("%s did not come true; pods: %s", what, pods)
		}
	}
}

// ready waits for exactly n pods, all ready.
func (b *bed) ready(n int) []corev1.Pod {
	b.t.Helper()
	var pods []corev1.Pod
	b.eventually(strconv.Itoa(n)+" ready pods", func() bool {
		pods = b.pods()
		for i := range pods {
			if pods[i].DeletionTimestamp != nil || !isPodReady(&pods[i]) {
				return false
			}
		}
		return len(pods) == n
	})
	return pods
}

func isPodReady(pod *corev1.Pod) bool {
	condition := podCondition(pod.Status.Conditions, corev1.PodReady)
	return condition != nil && condition.Status == corev1.ConditionTrue
}

// get asks a pod's program; an error is an empty answer.
func get(pod *corev1.Pod, path string) string {
	return fetch("http://" + net.JoinHostPort(pod.Status.PodIP, "8080") + path)
}

func fetch(url string) string {
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := c.Get(url)
	if err != nil {
		return ""
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := io.ReadAll(response.Body)
	return string(body)
}
