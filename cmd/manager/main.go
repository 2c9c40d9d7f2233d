// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Command manager is the operator: it reconciles SparkGateways and what attaches to them.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers"
	"github.com/sparkgateway/spark/controllers/render"
)

// version is set by the linker; a release's manager runs that release's gateways.
var version = "dev"

// gracefulStop is how long reconciliations may go on once the process was asked to end.
const gracefulStop = 15 * time.Second

type options struct {
	metricsAddress, healthAddress string
	metricsSecure                 bool
	leaderElect                   bool
	leaderElectionNamespace       string
	namespace                     string
	gatewayImage                  string
	statusWrites                  float64
	console                       consoleFlags
}

func main() {
	o := options{}
	flag.StringVar(&o.metricsAddress, "metrics-bind-address", ":8443", "address of /metrics; \"0\" serves none")
	flag.BoolVar(&o.metricsSecure, "metrics-secure", true, "serve /metrics over TLS to those whom the API server authorizes")
	flag.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz")
	flag.BoolVar(&o.leaderElect, "leader-elect", true, "let only one of several managers work at a time")
	flag.StringVar(&o.leaderElectionNamespace, "leader-election-namespace", "", "namespace of the lease; empty means the pod's own")
	flag.StringVar(&o.namespace, "operator-namespace", os.Getenv("POD_NAMESPACE"), "namespace that the operator's pods live in")
	flag.StringVar(&o.gatewayImage, "gateway-image", defaultImage(), "image of gateways whose resource names none")
	flag.Float64Var(&o.statusWrites, "status-writes-per-second", 50, "bound on status writes of attached resources, over the whole cluster")
	o.console.bind(flag.CommandLine)
	logging := zap.Options{}
	logging.BindFlags(flag.CommandLine)
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))
	if err := run(o); err != nil {
		ctrl.Log.Error(err, "the manager ends")
		os.Exit(1)
	}
}

func defaultImage() string {
	if image := os.Getenv("GATEWAY_IMAGE"); image != "" {
		return image
	}
	return "sparkgateway/gateway:" + version
}

func run(o options) error {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	stop := gracefulStop
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Client:                        controllers.ClientOptions(),
		Cache:                         controllers.CacheOptions(),
		Metrics:                       metrics(o),
		HealthProbeBindAddress:        o.healthAddress,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              "spark-operator.sparkgateway.dev",
		LeaderElectionNamespace:       o.leaderElectionNamespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       &stop,
	})
	if err != nil {
		return fmt.Errorf("make the manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("caches", synced(mgr.GetCache())); err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	if err := controllers.Setup(ctx, mgr, controllers.Options{
		Render:                render.Options{Image: o.gatewayImage, OperatorNamespace: o.namespace},
		StatusWritesPerSecond: o.statusWrites,
	}); err != nil {
		return fmt.Errorf("set up the controllers: %w", err)
	}
	console, err := o.console.options()
	if err != nil {
		return err
	}
	if err := controllers.SetupConsole(ctx, mgr, console); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func metrics(o options) metricsserver.Options {
	m := metricsserver.Options{BindAddress: o.metricsAddress, SecureServing: o.metricsSecure}
	if o.metricsSecure {
		m.FilterProvider = filters.WithAuthenticationAndAuthorization
		m.TLSOpts = []func(*tls.Config){func(c *tls.Config) { c.MinVersion = tls.VersionTLS12 }}
	}
	return m
}

// synced is ready once the caches hold the cluster's state.
func synced(c cache.Cache) healthz.Checker {
	return func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), time.Second)
		defer cancel()
		if !c.WaitForCacheSync(ctx) {
			return errors.New("the caches are not in step with the API server yet")
		}
		return nil
	}
}
