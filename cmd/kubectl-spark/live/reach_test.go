// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

// askers are all that a pod is asked, by what it is.
func askers(c *Cluster) map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"its health": func(ctx context.Context) error {
			told, err := c.Health(ctx, "main", "main-a")
			if err != nil {
				return err
			}
			return told[0].Err
		},
		"its metrics": func(ctx context.Context) error {
			_, err := c.Metrics(ctx, "main-a")
			return err
		},
		"an explanation": func(ctx context.Context) error {
			_, _, err := c.Explain(ctx, "main", "main-a", config.ExplainRequest{})
			return err
		},
		"its records": func(ctx context.Context) error {
			_, err := c.Records(ctx, "main", time.Time{}, time.Now(), func([]byte) error { return nil })
			return err
		},
	}
}

// at is a cluster of one pod, at an API server.
func at(t *testing.T, url string) *Cluster {
	t.Helper()
	data, _, err := issue.Admin(nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c, err := connect(&rest.Config{Host: url, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}, "team")
	if err != nil {
		t.Fatal(err)
	}
	c.clients = fake.NewClientset(pod("main-a", "main", "True", false), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: render.AdminSecretName("main")}, Data: data,
	})
	return c
}

func TestWhyAPodCannotBeReachedIsTheError(t *testing.T) {
	var mu sync.Mutex
	var logged strings.Builder
	klog.SetLogger(funcr.New(func(prefix, args string) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintln(&logged, prefix, args)
	}, funcr.Options{Verbosity: 10}))
	t.Cleanup(klog.ClearLogger)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	server := apiServer(t, closed.Addr().String(), &sync.Map{})
	for name, ask := range askers(at(t, server.URL)) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			err := ask(ctx)
			if err == nil || !strings.Contains(err.Error(), "forward a port: dial tcp 127.0.0.1:") || !strings.HasSuffix(err.Error(), "connection refused") {
				t.Errorf("error %v", err)
			}
		})
	}
	mu.Lock()
	defer mu.Unlock()
	if logged.Len() > 0 {
		t.Errorf("client-go said beside:\n%s", logged.String())
	}
}

func TestASilentPodIsNotWaitedForForLong(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // what connects to it waits, as for a process that is stopped
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	server := apiServer(t, silent.Addr().String(), &sync.Map{})
	c := at(t, server.URL)
	c.patience = 300 * time.Millisecond
	for name, ask := range askers(c) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := ask(ctx); err == nil || !strings.HasSuffix(err.Error(), "no answer within 300ms") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestRecordsMayTakeLongWhileTheyCome(t *testing.T) {
	lines := []string{"a", "b", "c", "d", "e", "f"}
	f := newFleet(t, "", map[string]http.HandlerFunc{"main-a": func(w http.ResponseWriter, _ *http.Request) {
		for _, line := range lines {
			_, _ = io.WriteString(w, line+"\n")
			_ = http.NewResponseController(w).Flush()
			<-time.After(100 * time.Millisecond)
		}
	}})
	f.patience = 400 * time.Millisecond
	got := ""
	silent, err := f.Records(t.Context(), "main", time.Time{}, time.Now(), func(line []byte) error {
		got += string(line)
		return nil
	})
	if err != nil || got != strings.Join(lines, "") {
		t.Errorf("%q, %v, %v", got, silent, err)
	}
}

func TestAnAPIServerThatHangsIsLeft(t *testing.T) {
	over := make(chan struct{})
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	defer server.Close()
	defer close(over)
	c := at(t, server.URL)
	for name, ask := range askers(c) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, cancel)
			if err := ask(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
		})
	}
}
