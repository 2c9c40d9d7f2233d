// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Command rejecting is a gateway that refuses documents in which a header has the value "reject-me", as an older
// release refuses what it does not know. In all else it is the gateway.
package main

import (
	"context"
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

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/admin"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/source"
)

// marker is what makes a document bad.
const marker = "reject-me"

func main() {
	configDir := flag.String("config-dir", "", "directory that holds the configuration")
	adminDir := flag.String("admin-dir", "", "directory that holds the administrative credentials")
	port := flag.Int("port", 8080, "port of the listener for applications")
	adminPort := flag.Int("admin-port", 9443, "port of the administrative listener")
	healthPort := flag.Int("health-port", 9090, "port of /livez, /readyz and /metrics")
	flag.Parse()
	logger := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	living := gateway.NewLiving(gateway.LivingOptions{})
	server := gateway.NewServer(gateway.Options{Living: living, AccessLog: os.Stdout, Logger: logger})
	reloader := gateway.NewReloader(
		gateway.Identity{Pod: os.Getenv("POD_UID"), Gateway: os.Getenv("SPARK_GATEWAY"), Version: "rejecting"},
		refuseMarked(server.Apply))
	adminTLS, err := admin.TLS(*adminDir)
	check(err)
	administrative := admin.Server(admin.Handler(reloader, gateway.Report{Reloader: reloader, Server: server}))
	health := admin.Server(admin.Health(server.Ready, promhttp.Handler()))
	go serve(*healthPort, health.Serve)
	go serve(*adminPort, func(ln net.Listener) error {
		administrative.TLSConfig = adminTLS
		return administrative.ServeTLS(ln, "", "")
	})
	go serve(*port, server.Serve)
	go (&source.Directory{Path: *configDir, Offer: reloader.Offer, Logger: logger}).Run(ctx)
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = server.Shutdown(ctx)
}

func refuseMarked(apply func(*config.Document) error) func(*config.Document) error {
	return func(doc *config.Document) error {
		for _, h := range doc.Core.Gateway.Headers {
			if h.Value == marker {
				return fmt.Errorf("gateway.headers: this release does not know how to send %q in %s", h.Value, h.Name)
			}
		}
		return apply(doc)
	}
}

func serve(port int, serve func(net.Listener) error) {
	ln, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	check(err)
	if err := serve(ln); !errors.Is(err, http.ErrServerClosed) {
		check(err)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "rejecting:", err)
		os.Exit(1)
	}
}
