// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	corev1 "k8s.io/api/core/v1"

	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

// Health asks the pods of a gateway how they are, in the way of Purge.
func (c *Cluster) Health(ctx context.Context, gateway, pod string) ([]Told[config.Health], error) {
	return everyPod[config.Health](ctx, c, gateway, pod, question{
		method: http.MethodGet, path: config.HealthPath, unknown: "its release does not tell its health",
	})
}

// Acks asks the pods of a gateway which configuration they run, in the same way.
func (c *Cluster) Acks(ctx context.Context, gateway string) ([]Told[config.Ack], error) {
	return everyPod[config.Ack](ctx, c, gateway, "", question{
		method: http.MethodGet, path: config.AckPath, unknown: "it tells no configuration",
	})
}

// maxMetrics bounds what a pod's metrics may be.
const maxMetrics = 64 << 20

// Metrics gives those of a pod, in Prometheus's text format. It takes no credentials of the gateway.
func (c *Cluster) Metrics(ctx context.Context, pod string) (text []byte, err error) {
	err = c.within(ctx, pod, render.HealthPort, nil, func(ctx context.Context, transport http.RoundTripper, address string) error {
		text, err = metrics(ctx, transport, address)
		return err
	})
	return text, err
}

func metrics(ctx context.Context, transport http.RoundTripper, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers with status %d", response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxMetrics+1))
	if len(text) > maxMetrics {
		return nil, errors.New("its metrics are too many")
	}
	return text, err
}

// Pods names those of a gateway that run, sorted.
func (c *Cluster) Pods(ctx context.Context, gateway string) ([]string, error) {
	return c.running(ctx, gateway)
}

// Logs reads those of a pod until the context ends or, where they are not followed, they do. Close it.
func (c *Cluster) Logs(ctx context.Context, pod string, of *corev1.PodLogOptions) (io.ReadCloser, error) {
	return c.logs(ctx, pod, of)
}
