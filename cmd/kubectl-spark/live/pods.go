// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

// Told is what one pod said, or why it did not.
type Told[T any] struct {
	Pod    string
	Answer T
	// Err holds no secret.
	Err error
}

// Purge has the pods of a gateway forget cached answers, all that run or, where one is named, that one. They are told all at once,
// and stand in the order of their names. The error is of what is the same for all, so that none was told.
func (c *Cluster) Purge(ctx context.Context, gateway, pod string, of config.CachePurge) ([]Told[config.CachePurged], error) {
	body, err := json.Marshal(of)
	if err != nil {
		return nil, err
	}
	return everyPod[config.CachePurged](ctx, c, gateway, pod, question{
		method: http.MethodPost, path: config.PurgePath, body: body, unknown: "its release cannot purge its cache",
	})
}

// Errors asks the pods of a gateway how requests failed, in the same way.
func (c *Cluster) Errors(ctx context.Context, gateway, pod string) ([]Told[config.ErrorReport], error) {
	return everyPod[config.ErrorReport](ctx, c, gateway, pod, question{
		method: http.MethodGet, path: config.ErrorsPath, unknown: "its release does not group errors",
	})
}

// question is what a pod is asked.
type question struct {
	method, path string
	body         []byte
	// unknown says what it means when the pod has nothing at the path.
	unknown string
}

// maxPods bounds how many pods are asked at a time: each takes a connection to the API server.
const maxPods = 32

func everyPod[T any](ctx context.Context, c *Cluster, gateway, pod string, q question) ([]Told[T], error) {
	credentials, err := c.credentials(ctx, gateway)
	if err != nil {
		return nil, err
	}
	pods, err := c.running(ctx, gateway)
	if err != nil {
		return nil, err
	}
	if pod != "" {
		if !slices.Contains(pods, pod) {
			return nil, fmt.Errorf("--pod %s is none that runs of SparkGateway %s/%s, which has %s", pod, c.Namespace, gateway, or(pods))
		}
		pods = []string{pod}
	}
	all := make([]Told[T], len(pods))
	slots := make(chan struct{}, maxPods)
	var asked sync.WaitGroup
	for i := range pods {
		slots <- struct{}{}
		asked.Go(func() {
			defer func() { <-slots }()
			all[i].Pod = pods[i]
			all[i].Err = c.put(ctx, credentials, pods[i], &q, &all[i].Answer)
		})
	}
	asked.Wait()
	return all, ctx.Err()
}

// put asks one pod.
func (c *Cluster) put(ctx context.Context, credentials *tls.Config, pod string, q *question, into any) error {
	return c.within(ctx, pod, render.AdminPort, credentials, func(ctx context.Context, transport http.RoundTripper, address string) error {
		return q.put(ctx, transport, address, into)
	})
}

// put sends the question.
func (q *question) put(ctx context.Context, transport http.RoundTripper, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, q.method, "https://"+address+q.path, bytes.NewReader(q.body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusOK:
		if json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(into) != nil {
			return errors.New("its answer cannot be read")
		}
		return nil
	case http.StatusNotFound:
		return errors.New(q.unknown)
	}
	said, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem))
	if text := strings.TrimSpace(string(said)); text != "" {
		return errors.New(text)
	}
	return fmt.Errorf("it answers with status %d", response.StatusCode)
}
