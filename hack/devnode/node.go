// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package devnode runs the pods of Deployments as processes of this machine, for a quickstart and for tests that have
// an API server but no cluster.
//
// It stands in for what a cluster has and a bare API server has not: the Deployment controller, the kubelet,
// kube-proxy and the garbage collector, each only as far as a gateway needs it. Images are ignored: a container is a
// local program, chosen by the container's name, on a loopback address of its own.
package devnode

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/sparkgateway/spark/hack/devnode/kubelet"
)

// Options configure a Node.
type Options struct {
	// Name is the node's, spark-devnode if empty. Nodes of one API server that share a namespace need different ones.
	Name string
	// Kubelet lets the node have a Node object and serve logs and ports of its pods to the API server: its certificate
	// for 127.0.0.1, and as ClientCAs the authority of the API server's. Without it there is no such object, and
	// `kubectl logs` and `kubectl port-forward` fail.
	Kubelet *tls.Config
	// Config is an administrator's: the node writes pods, their status and the status of Deployments.
	Config *rest.Config
	// Dir holds the volumes and logs of the pods.
	Dir string
	// Programs maps a container's name, or else the last element of its command, to a local program.
	Programs map[string]string
	// Namespaces restrict the node; none means all.
	Namespaces []string
	// Env is added to the environment of every process.
	Env []string
	// ServiceAddresses are wished for the first port of Services, keyed "namespace/name"; any free one otherwise.
	ServiceAddresses map[string]string
	// Log receives what the node decides; the zero value discards.
	Log logr.Logger
}

// Node is a running development node.
type Node struct {
	options   Options
	client    client.Client // reads from the cache
	live      client.Reader // reads from the API server
	addresses *addressPool
	kubelet   *kubelet.Server // nil if it serves nothing
	cancel    context.CancelFunc
	ended     chan struct{}
	err       error // of the controllers; valid after ended

	mu       sync.Mutex
	runners  map[types.NamespacedName]*runner
	services map[types.NamespacedName]*service
}

const defaultName = "spark-devnode"

// Start returns when the node watches the API server; it runs until ctx ends or Stop.
func Start(ctx context.Context, options Options) (*Node, error) {
	if err := os.MkdirAll(options.Dir, 0o700); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(options.Dir)
	if err != nil {
		return nil, err
	}
	options.Dir = dir
	if options.Name == "" {
		options.Name = defaultName
	}
	if options.Log.GetSink() == nil {
		options.Log = logr.Discard()
	}
	manager, err := newManager(options)
	if err != nil {
		return nil, err
	}
	n := &Node{
		options: options, client: manager.GetClient(), live: manager.GetAPIReader(), addresses: newAddressPool(),
		ended:   make(chan struct{}),
		runners: map[types.NamespacedName]*runner{}, services: map[types.NamespacedName]*service{},
	}
	collector := &collector{client: n.client, live: n.live, namespaces: options.Namespaces, log: options.Log}
	err = errors.Join(n.watchDeployments(manager), n.watchPods(manager), n.watchServices(manager), manager.Add(collector))
	if err != nil {
		return nil, err
	}
	if err := n.serve(ctx, manager); err != nil {
		return nil, err
	}
	ctx, n.cancel = context.WithCancel(ctx)
	go n.run(ctx, manager)
	if !manager.GetCache().WaitForCacheSync(ctx) {
		n.Stop()
		return nil, errors.Join(errors.New("the node's watches did not start"), n.err)
	}
	return n, nil
}

// serve starts the kubelet before the pods that it is for, and names it to the API server.
func (n *Node) serve(ctx context.Context, manager ctrl.Manager) (err error) {
	if n.options.Kubelet == nil {
		return nil
	}
	if n.kubelet, err = kubelet.Start(n.options.Kubelet, pods{n}, n.options.Log); err != nil {
		return err
	}
	registration := &registration{node: n, port: n.kubelet.Port()}
	if err := errors.Join(registration.register(ctx), manager.Add(registration)); err != nil {
		n.kubelet.Close()
		return err
	}
	return nil
}

func newManager(options Options) (ctrl.Manager, error) {
	anyName, stop := true, 5*time.Second
	managerOptions := ctrl.Options{
		Logger:     options.Log,
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: &anyName}, // a test may have several nodes
		// pods are ended by Stop, not by the manager
		GracefulShutdownTimeout: &stop,
	}
	if len(options.Namespaces) > 0 {
		managerOptions.Cache.DefaultNamespaces = map[string]cache.Config{}
		for _, namespace := range options.Namespaces {
			managerOptions.Cache.DefaultNamespaces[namespace] = cache.Config{}
		}
	}
	return ctrl.NewManager(options.Config, managerOptions)
}

// run ends the processes before it reports the end, so that nothing outlives the node.
func (n *Node) run(ctx context.Context, manager ctrl.Manager) {
	defer close(n.ended)
	n.err = manager.Start(ctx)
	n.cancel()
	n.mu.Lock()
	runners, services := n.runners, n.services
	n.runners, n.services = nil, nil // whoever comes late starts nothing
	n.mu.Unlock()
	for _, service := range services {
		service.close()
	}
	for _, runner := range runners {
		runner.abandon()
	}
	for _, runner := range runners {
		<-runner.done
	}
	// whoever followed a log has seen its end by now
	if n.kubelet != nil {
		n.kubelet.Close()
	}
}

// Stop ends all processes and leaves the objects in the API server alone, as a node does that loses power.
func (n *Node) Stop() {
	n.cancel()
	<-n.ended
}

// Ended is closed when the node has stopped for whatever reason; Err then says why.
func (n *Node) Ended() <-chan struct{} { return n.ended }

// Err is the reason when the node stopped by itself.
func (n *Node) Err() error {
	<-n.ended
	return n.err
}

// PID is the id of the pod's process now, or 0.
func (n *Node) PID(namespace, pod string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if runner := n.runners[types.NamespacedName{Namespace: namespace, Name: pod}]; runner != nil {
		return int(runner.pid.Load())
	}
	return 0
}

// PodLog is the file that the pod's process writes to; it stays when the pod goes.
func (n *Node) PodLog(namespace, pod string) string {
	return filepath.Join(n.options.Dir, "log", namespace+"_"+pod+".log")
}

// ServiceAddress is where a Service's port can be reached from this machine, or nothing while there is no such Service.
func (n *Node) ServiceAddress(namespace, name string, port int32) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if service := n.services[types.NamespacedName{Namespace: namespace, Name: name}]; service != nil {
		return service.address(port)
	}
	return ""
}
