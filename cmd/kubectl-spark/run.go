// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/standalone"
	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/admin"
	"github.com/sparkgateway/spark/gateway/config"
)

type service struct {
	paths                  []string
	listen, admin, gateway string
	state                  string
	drainDelay             time.Duration
}

func runCommand() *cobra.Command {
	s := service{}
	cmd := &cobra.Command{
		Use:   "run -f PATH...",
		Short: "Serve a SparkGateway from manifests, without Kubernetes",
		Long: `Serve a SparkGateway from manifests, without Kubernetes: the same checks, compiler and gateway as in a cluster.

A change to the files is taken up within a second, without dropping a request. A change with any problem is refused as
a whole, with the reasons on standard error, and the last good configuration stays. SIGTERM or Ctrl-C lets requests in
flight end (spec.drain.timeout); a second one does not.

An APIKey without spec.secretRef uses the Secret named after it with "-key" behind, if the manifests have it, else a key
that is generated into the directory ` + standalone.KeysDir + ` beside them.`,
		Example: "  kubectl spark run -f config/samples/standalone --listen 127.0.0.1:8080",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	filesFlag(cmd, &s.paths, "file or directory (those below it are not read); repeatable")
	cmd.Flags().StringVar(&s.listen, "listen", "", "address for applications (default: 127.0.0.1 and the SparkGateway's spec.listener.port)")
	cmd.Flags().StringVar(&s.admin, "admin", "127.0.0.1:9090", "address of /livez, /readyz and /metrics; empty serves none")
	cmd.Flags().StringVar(&s.state, "state-dir", "", "directory to keep usage records in (default: one that goes when this ends)")
	cmd.Flags().StringVar(&s.gateway, "gateway", "", "namespace/name of the SparkGateway (default: the only one)")
	cmd.Flags().DurationVar(&s.drainDelay, "drain-delay", 0, "how long to go on accepting after a signal to end, while /readyz already fails")
	return cmd
}

// run serves until the context ends, then drains.
func (s service) run(ctx context.Context, accessLog, stderr io.Writer) error {
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	name, err := s.gatewayName()
	if err != nil {
		return err
	}
	living, leave, err := s.living(logger)
	if err != nil {
		return err
	}
	defer leave()
	server := gateway.NewServer(gateway.Options{
		Living: living, AccessLog: accessLog, Logger: logger, Version: version, DrainDelay: s.drainDelay,
	})
	server.RegisterMetrics()
	follower := &standalone.Follower{
		Paths: s.paths, Gateway: name, Apply: offering(server), Logger: logger,
		Keys: standalone.Keyring{Dir: standalone.KeyringDir(s.paths), Generated: func(secret types.NamespacedName, file string) {
			logger.Info("key generated", "secret", secret.String(), "file", file)
		}},
	}
	configuration, err := follower.Start()
	if err != nil {
		return err
	}
	if fields := configuration.ClusterFields(); len(fields) > 0 {
		logger.Info("fields that only a cluster gives a meaning to", "fields", strings.Join(fields, ", "))
	}
	failed := make(chan error, 2)
	stop, err := s.serve(server, configuration.Port(), logger, failed)
	if err != nil {
		return err
	}
	defer stop()
	ticker := time.NewTicker(standalone.CheckEvery)
	defer ticker.Stop()
	go follower.Follow(ctx, ticker.C)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	return drain(server, s.drainDelay, logger)
}

// offering gives what applies documents to a server as an operator would: its health then tells their revision.
func offering(server *gateway.Server) func(*config.Document) error {
	reloader := server.Reloader(gateway.Identity{Version: version})
	var sequence int64
	return func(doc *config.Document) error {
		bundle, err := config.Encode(doc)
		if err != nil {
			return err
		}
		sequence++
		bundle.Manifest.Sequence = sequence
		if ack, _ := reloader.Offer(bundle); ack.Rejected != nil {
			return errors.New(ack.Rejected.Error)
		}
		return nil
	}
}

// living gives the state of a gateway that keeps its usage records in the state directory; leave ends it.
func (s service) living(logger *slog.Logger) (living *gateway.Living, leave func(), err error) {
	dir, remove := s.state, func() {}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "spark-"); err != nil {
			return nil, nil, err
		}
		remove = func() { _ = os.RemoveAll(dir) }
	}
	registry := prometheus.NewRegistry()
	records, err := gateway.OpenLedger(dir, gateway.Identity{Version: version}, registry, logger)
	if err != nil {
		remove()
		return nil, nil, err
	}
	living = gateway.NewLiving(gateway.LivingOptions{Logger: logger, Registry: registry, Ledger: records})
	return living, func() {
		living.Close()
		remove()
	}, nil
}

func (s service) gatewayName() (types.NamespacedName, error) {
	if slices.Contains(s.paths, manifest.Stdin) {
		return types.NamespacedName{}, errors.New("run follows files: standard input is none")
	}
	namespace, name, ok := strings.Cut(s.gateway, "/")
	switch {
	case s.gateway == "":
		return types.NamespacedName{}, nil
	case !ok:
		namespace, name = manifest.DefaultNamespace, s.gateway
	case namespace == "" || name == "":
		return types.NamespacedName{}, fmt.Errorf("--gateway %q is not namespace/name", s.gateway)
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}

// serve listens for applications and, beside, for operators; stop ends the latter.
func (s service) serve(server *gateway.Server, port int, logger *slog.Logger, failed chan<- error) (stop func(), err error) {
	stop = func() {}
	if s.admin != "" {
		metrics := promhttp.HandlerFor(server.Registry(), promhttp.HandlerOpts{EnableOpenMetrics: true})
		health := admin.Server(admin.Health(server.Ready, metrics))
		if err := listen(s.admin, "health and metrics", health.Serve, logger, failed); err != nil {
			return nil, err
		}
		stop = func() { _ = health.Close() }
	}
	address := cmp.Or(s.listen, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err := listen(address, "applications", server.Serve, logger, failed); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// listen serves in the background; that it fails later comes by the channel.
func listen(address, what string, serve func(net.Listener) error, logger *slog.Logger, failed chan<- error) error {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	logger.Info("listening", "for", what, "address", ln.Addr().String())
	go func() {
		if err := serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("serve %s: %w", what, err)
		}
	}()
	return nil
}

// drain lets requests in flight end, for as long as the configuration allows.
func drain(server *gateway.Server, delay time.Duration, logger *slog.Logger) error {
	limit := server.DrainTimeout() + delay
	logger.Info("draining", "inFlight", server.InFlight(), "limit", limit.String())
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		logger.Warn("requests were cut off at the end of the drain", "error", err)
	}
	return nil
}
