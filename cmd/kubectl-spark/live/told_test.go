// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

func TestPodsTellTheirHealthAndConfiguration(t *testing.T) {
	f := newFleet(t, "", map[string]http.HandlerFunc{
		"main-a": func(w http.ResponseWriter, r *http.Request) {
			body := map[string]string{config.HealthPath: `{"status":"ok","pod":"u1"}`, config.AckPath: `{"revision":"abc"}`}[r.URL.Path]
			_, _ = io.WriteString(w, body)
		},
		"main-b": http.NotFound,
	})
	health, err := f.Health(t.Context(), "main", "")
	if err != nil || len(health) != 2 || health[0].Answer.Status != config.HealthOK || health[1].Err == nil ||
		health[1].Err.Error() != "its release does not tell its health" {
		t.Errorf("%+v, %v", health, err)
	}
	acks, err := f.Acks(t.Context(), "main")
	if err != nil || len(acks) != 2 || acks[0].Answer.Revision != "abc" || acks[1].Err == nil {
		t.Errorf("%+v, %v", acks, err)
	}
	pods, err := f.Pods(t.Context(), "main")
	if err != nil || strings.Join(pods, " ") != "main-a main-b" {
		t.Errorf("%v, %v", pods, err)
	}
}

func TestMetricsAreReadWithoutCredentials(t *testing.T) {
	status, asked := http.StatusOK, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			t.Error(r.URL.Path)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "up 1\n")
	}))
	defer server.Close()
	c := &Cluster{}
	c.forward = func(_ context.Context, _ string, port int) (string, func() error, error) {
		if asked++; port != render.HealthPort {
			t.Errorf("port %d", port)
		}
		return strings.TrimPrefix(server.URL, "http://"), func() error { return nil }, nil
	}
	if text, err := c.Metrics(t.Context(), "main-a"); err != nil || string(text) != "up 1\n" || asked != 1 {
		t.Errorf("%s, %v", text, err)
	}
	status = http.StatusServiceUnavailable
	if _, err := c.Metrics(t.Context(), "main-a"); err == nil || err.Error() != "it answers with status 503" {
		t.Error(err)
	}
	c.forward = func(context.Context, string, int) (string, func() error, error) {
		return "", nil, errors.New("no route")
	}
	if _, err := c.Metrics(t.Context(), "main-a"); err == nil || err.Error() != "forward a port: no route" {
		t.Error(err)
	}
}

func TestLogsAreThoseOfThePod(t *testing.T) {
	c := &Cluster{}
	c.logs = func(_ context.Context, pod string, of *corev1.PodLogOptions) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(pod + " " + of.Container)), nil
	}
	read, err := c.Logs(t.Context(), "main-a", &corev1.PodLogOptions{Container: "gateway"})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(read); err != nil || string(text) != "main-a gateway" {
		t.Errorf("%s, %v", text, err)
	}
}
