// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Command gateway is the data plane: an LLM reverse proxy that serves the configuration in a directory, or as pushed
// to its administrative listener.
package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/admin"
	"github.com/sparkgateway/spark/gateway/source"
)

// version is set by the linker.
var version = "dev"

// drainDelay is how long a pod that was asked to leave goes on accepting, so that load balancers notice first.
const drainDelay = 5 * time.Second

// idleLinger is how long it then leaves silent connections open; most clients close theirs sooner.
const idleLinger = 15 * time.Second

type options struct {
	configDir, adminDir         string
	stateDir                    string
	bind                        string
	port, adminPort, healthPort int
	drainDelay                  time.Duration
}

func main() {
	o := options{}
	flag.StringVar(&o.configDir, "config-dir", "/etc/spark/config", "directory that holds the configuration")
	flag.StringVar(&o.adminDir, "admin-dir", "/etc/spark/admin", "directory that holds the administrative credentials")
	flag.StringVar(&o.stateDir, "state-dir", os.Getenv("SPARK_STATE_DIR"), "directory that usage records are kept in where there is no store; empty keeps none")
	flag.StringVar(&o.bind, "bind-address", os.Getenv("SPARK_BIND_ADDRESS"), "address to listen on; empty listens on all")
	flag.IntVar(&o.port, "port", 8080, "port of the listener for applications")
	flag.IntVar(&o.adminPort, "admin-port", 9443, "port of the administrative listener (mutual TLS)")
	flag.IntVar(&o.healthPort, "health-port", 9090, "port of /livez, /readyz and /metrics")
	flag.DurationVar(&o.drainDelay, "drain-delay", drainDelay, "how long to go on accepting after a signal to leave")
	flag.Parse()
	logger := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, o, logger)
	stop()
	if err != nil {
		logger.Error("the gateway ends", "error", err)
		os.Exit(1)
	}
}

// run serves until the context ends, then drains.
func run(ctx context.Context, o options, logger *slog.Logger) error {
	identity := gateway.Identity{Pod: os.Getenv("POD_UID"), Gateway: os.Getenv("SPARK_GATEWAY"), Version: version}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	records, err := gateway.OpenLedger(o.stateDir, identity, registry, logger)
	if err != nil {
		return err
	}
	living := gateway.NewLiving(gateway.LivingOptions{
		Logger: logger, Registry: registry, Ledger: records, Errors: gateway.NewTracker(identity, logger),
	})
	defer living.Close()
	server := gateway.NewServer(gateway.Options{
		Living: living, AccessLog: os.Stdout, Logger: logger, Version: version,
		DrainDelay: o.drainDelay, IdleLinger: idleLinger, Patience: identity.Patience(),
	})
	server.RegisterMetrics()
	reloader := server.Reloader(identity)

	adminTLS, err := admin.TLS(o.adminDir)
	if err != nil {
		return err
	}
	failed := make(chan error, 3)
	adminServer := admin.Server(admin.Handler(reloader, gateway.Report{Reloader: reloader, Server: server}))
	health := admin.Server(admin.Health(server.Ready,
		promhttp.HandlerFor(living.Registry(), promhttp.HandlerOpts{EnableOpenMetrics: true})))
	// The listeners for operators come first and go last: a pod is seen for as long as it lives.
	if err := listen(o, o.healthPort, nil, health.Serve, failed); err != nil {
		return err
	}
	if err := listen(o, o.adminPort, adminTLS, adminServer.Serve, failed); err != nil {
		return err
	}
	defer func() { _ = errors.Join(adminServer.Close(), health.Close()) }()
	if err := listen(o, o.port, nil, server.Serve, failed); err != nil {
		return err
	}
	go (&source.Directory{Path: o.configDir, Offer: reloader.Offer, Logger: logger}).Run(ctx)
	logger.Info("the gateway listens", "port", o.port, "admin", o.adminPort, "health", o.healthPort, "version", version)

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	reloader.Drain()
	return drain(server, o.drainDelay, logger)
}

// drain lets requests in flight end, for as long as the configuration allows.
func drain(server *gateway.Server, delay time.Duration, logger *slog.Logger) error {
	limit := cmp.Or(server.DrainTimeout(), time.Second) + delay
	logger.Info("the gateway drains", "inFlight", server.InFlight(), "limit", limit.String())
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		logger.Warn("requests were cut off at the end of the drain", "error", err)
	}
	return nil
}

// listen serves on a port in the background; that it fails later comes by the channel.
func listen(o options, port int, config *tls.Config, serve func(net.Listener) error, failed chan<- error) error {
	ln, err := net.Listen("tcp", net.JoinHostPort(o.bind, strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("listen on port %d: %w", port, err)
	}
	if config != nil {
		ln = tls.NewListener(ln, config)
	}
	go func() {
		if err := serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("serve on port %d: %w", port, err)
		}
	}()
	return nil
}
