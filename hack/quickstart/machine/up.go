// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/hack/devnode"
	"github.com/sparkgateway/spark/hack/envtest/assets"
	"github.com/sparkgateway/spark/hack/envtest/controlplane"
	"github.com/sparkgateway/spark/hack/envtest/process"
)

// quickstart is a running one. Its steps fill the fields from top to bottom; stop empties them from bottom to top.
type quickstart struct {
	state    state
	progress *progress

	assets   string
	plane    *controlplane.ControlPlane
	client   client.Client
	account  types.NamespacedName // the operator's
	operator *operator
	fake     *process.Process
	fakeURL  string
	node     *devnode.Node

	gateway    *unstructured.Unstructured
	sampleKey  *unstructured.Unstructured // the APIKey of the samples
	apiKey     string
	keySecret  string // where the key came from
	gatewayURL string
	consoleURL string
	model      string
}

// up starts everything, calls ready if it is given, and then waits until it is told to end or something breaks.
func up(ctx context.Context, s state, p *progress, ready func()) error {
	release, err := s.lock()
	if err != nil {
		var running errRunning
		if errors.As(err, &running) {
			return fmt.Errorf("%w; `make quickstart-down` ends it", err)
		}
		return err
	}
	defer release()
	if err := s.clean(false); err != nil { // of one that was killed
		return err
	}
	if err := os.RemoveAll(s.path("log")); err != nil {
		return err
	}
	q := &quickstart{state: s, progress: p}
	defer q.stop()
	if err := q.start(ctx); err != nil {
		return q.explain(ctx, err)
	}
	q.summary()
	if ready != nil {
		ready()
	} else {
		p.printf("\nCtrl-C ends it.\n")
	}
	return q.wait(ctx)
}

func (q *quickstart) start(ctx context.Context) error {
	for _, step := range []struct {
		title string
		work  func(context.Context) error
	}{
		{"Get etcd, kube-apiserver and kubectl", q.getAssets},
		{"Build the programs", q.build},
		{"Start the control plane", q.startPlane},
		{"Install the resource definitions and the operator's rights", q.install},
		{"Start the operator", q.startOperator},
		{"Start the fake provider", q.startFake},
		{"Start the development node", q.startNode},
		{"Apply config/samples/quickstart", q.applySamples},
		{"Wait until the gateway is Programmed", q.awaitProgrammed},
		{"Ask the gateway for its models", q.askGateway},
	} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := q.progress.step(step.title, func() error { return step.work(ctx) }); err != nil {
			return err
		}
	}
	return q.writeEnv()
}

func (q *quickstart) getAssets(ctx context.Context) (err error) {
	q.assets, err = assets.Default(q.progress).Resolve(ctx)
	return err
}

func (q *quickstart) startPlane(ctx context.Context) (err error) {
	q.plane, err = controlplane.Start(ctx, controlplane.Options{Assets: q.assets, Dir: q.state.dir})
	if err != nil {
		return err
	}
	if err := controlplane.WriteKubeconfig(q.state.kubeconfig(), q.plane.Config); err != nil {
		return err
	}
	q.client, err = client.New(q.plane.Config, client.Options{})
	return err
}

// gatewayAddress is where the sample's gateway is reachable if the port is free.
const gatewayAddress = "127.0.0.1:18080"

func (q *quickstart) startNode(context.Context) error {
	samples, err := q.samples()
	if err != nil {
		return err
	}
	addresses := map[string]string{}
	if gateway := firstOf(samples, "SparkGateway"); gateway != nil {
		addresses[gateway.GetNamespace()+"/"+gateway.GetName()] = gatewayAddress
	}
	identity, err := q.plane.KubeletTLS()
	if err != nil {
		return err
	}
	log, err := os.Create(q.state.log("node"))
	if err != nil {
		return err
	}
	// it ends with stop and not with the context, so that pods end before the API server does
	q.node, err = devnode.Start(context.Background(), devnode.Options{
		Kubelet: identity, Config: q.plane.Config, Dir: q.state.dir, ServiceAddresses: addresses,
		Programs: map[string]string{"gateway": q.state.bin("gateway")},
		Log:      lineLogger(log),
	})
	return err
}

// wait returns when ctx ends or when something broke that nobody restarts.
func (q *quickstart) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-q.plane.Failed(ctx):
		return err
	case <-q.fake.Done():
		return q.fake.Exited()
	case <-q.node.Ended():
		return fmt.Errorf("the development node ended: %w", q.node.Err())
	}
}

// fakeGrace is short: nobody loses anything.
const fakeGrace = 2 * time.Second

// stop ends what was started, and keeps the logs.
func (q *quickstart) stop() {
	began := time.Now()
	q.progress.printf("\n==> End everything\n")
	if q.node != nil {
		q.node.Stop()
	}
	if q.operator != nil {
		q.operator.stop()
	}
	if q.fake != nil {
		q.fake.Stop(fakeGrace)
	}
	if q.plane != nil {
		q.plane.Stop()
	}
	if err := q.state.clean(false); err != nil {
		q.progress.note("%v", err)
	}
	q.progress.note("done (%s); the logs are in %s", tenths(began), relative(q.state.path("log")))
}

// explain adds what a person needs to know of a failure: the logs of those who may have caused it.
func (q *quickstart) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if q.node == nil {
		return err
	}
	logs, _ := filepath.Glob(q.state.path("log", "*_*.log"))
	tails := process.Tail(q.state.log("operator"), 15)
	for _, log := range logs {
		tails += process.Tail(log, 8)
	}
	return fmt.Errorf("%w%s", err, tails)
}

// relative is how a person in the checkout would write the path.
func relative(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
