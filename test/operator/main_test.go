// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package operator tests the controllers against a real API server, with the real gateway binary as pods that a
// development node runs on this machine, and a fake provider. Each test works in a namespace of its own.
package operator

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/hack/devnode"
	"github.com/sparkgateway/spark/hack/envtest/assets"
	"github.com/sparkgateway/spark/hack/envtest/controlplane"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

var (
	// cluster is an administrator's client without a cache.
	cluster client.Client
	// admin is an administrator's way to the API server.
	admin    *rest.Config
	node     *devnode.Node
	provider *fakeprovider.Server
	// writes counts the operator's requests that could change something.
	writes atomic.Int64
	// lastWrite is the method and path of the last of them.
	lastWrite atomic.Value
	// console is the "host:port" of the operator's console, whose playground uses the key "alice" of the namespace "console".
	console string
	// restart ends the operator, and starts another after something was done without one.
	restart func(between func()) error
	scheme  = runtime.NewScheme()
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir, err := os.MkdirTemp("", "spark-operator-test-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()

	programs, err := assets.Default(os.Stderr).Resolve(ctx)
	if err != nil {
		return 1, err
	}
	gateway := filepath.Join(dir, "gateway")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", gateway, "../../cmd/gateway").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build the gateway: %w\n%s", err, out)
	}
	plane, err := controlplane.Start(ctx, controlplane.Options{Assets: programs, Dir: filepath.Join(dir, "plane")})
	if err != nil {
		return 1, err
	}
	defer plane.Stop()
	if err := install(plane); err != nil {
		return 1, err
	}
	provider = fakeprovider.New(fakeprovider.Options{StrictModels: true, Models: []string{"fake-model"}})
	if err := provider.Start("127.0.0.1:0"); err != nil {
		return 1, err
	}
	defer func() { _ = provider.Close() }()
	if node, err = devnode.Start(ctx, devnode.Options{
		Config: admin, Dir: filepath.Join(dir, "node"), Programs: map[string]string{render.Container: gateway},
	}); err != nil {
		return 1, err
	}
	defer node.Stop()
	if console, err = freeAddress(); err != nil {
		return 1, err
	}
	stop, err := startOperator(ctx)
	if err != nil {
		return 1, err
	}
	defer func() { stop() }()
	restart = func(between func()) error {
		stop()
		between()
		next, err := startOperator(ctx)
		if err == nil {
			stop = next
		}
		return err
	}
	return m.Run(), nil
}

func install(plane *controlplane.ControlPlane) (err error) {
	admin = plane.Config
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	if cluster, err = client.New(admin, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	_, err = envtest.InstallCRDs(admin, envtest.CRDInstallOptions{Paths: []string{"../../config/crd"}, ErrorIfPathMissing: true})
	return err
}

// startOperator runs the controllers, whose writes are counted, until the function that it gives is called.
func startOperator(ctx context.Context) (stop func(), err error) {
	config := rest.CopyConfig(admin)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return counting{next} })
	anyName, grace := true, 5*time.Second
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Client: controllers.ClientOptions(), Cache: controllers.CacheOptions(),
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		Controller:              ctrlconfig.Controller{SkipNameValidation: &anyName},
		GracefulShutdownTimeout: &grace,
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	if err := controllers.Setup(ctx, mgr, controllers.Options{
		Render: render.Options{Image: "spark/gateway:test", OperatorNamespace: "spark-system"},
	}); err != nil {
		cancel()
		return nil, err
	}
	if err := controllers.SetupConsole(ctx, mgr, controllers.ConsoleOptions{
		Address: console, Version: "test", Playground: types.NamespacedName{Namespace: "console", Name: "alice"},
	}); err != nil {
		cancel()
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			fmt.Fprintln(os.Stderr, "the operator ended:", err)
		}
	}, nil
}

func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// counting counts requests that could change something.
type counting struct{ next http.RoundTripper }

func (c counting) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method != http.MethodGet {
		writes.Add(1)
		lastWrite.Store(request.Method + " " + request.URL.Path)
	}
	return c.next.RoundTrip(request)
}

// newNamespace makes a namespace for one test.
func newNamespace(t *testing.T) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := cluster.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}
