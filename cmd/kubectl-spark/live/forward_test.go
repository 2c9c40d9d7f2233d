// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

// apiServer forwards ports as the API server does before it spoke WebSocket: each connection is a stream of data, with one
// for errors beside.
func apiServer(t *testing.T, to string, ports *sync.Map) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "websocket" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if _, err := httpstream.Handshake(r, w, []string{"portforward.k8s.io"}); err != nil {
			return
		}
		streams := make(chan httpstream.Stream, 10)
		connection := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
			streams <- s
			return nil
		})
		if connection == nil {
			return
		}
		told := make(chan httpstream.Stream, 10)
		for {
			select {
			case <-connection.CloseChan():
				return
			case s := <-streams:
				if ports.Store(s.Headers().Get(corev1.PortHeader), true); s.Headers().Get(corev1.StreamType) == corev1.StreamTypeData {
					go relay(s, <-told, to)
				} else {
					told <- s
				}
			}
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func relay(s, told io.ReadWriteCloser, to string) {
	conn, err := net.Dial("tcp", to)
	if err != nil {
		_, _ = io.WriteString(told, err.Error())
		_ = told.Close()
		_ = s.Close()
		return
	}
	defer func() { _ = told.Close() }()
	go func() {
		_, _ = io.Copy(conn, s)
		_ = conn.Close()
	}()
	_, _ = io.Copy(s, conn)
	_ = s.Close()
}

// The whole road: from the Secret by a forwarded port, over mutual TLS, to the pod and back.
func TestExplainGoesThroughAForwardedPort(t *testing.T) {
	data, _, err := issue.Admin(nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	told := config.Explanation{Method: "POST", Model: "smart"}
	pod := pod("main-a", "main", "True", false)
	address := listener(t, data, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(told) })
	var ports sync.Map
	server := apiServer(t, address, &ports)
	settings := &rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
	connected, err := connect(settings, "team")
	if err != nil {
		t.Fatal(err)
	}
	connected.clients = fake.NewClientset(pod, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: render.AdminSecretName("main")}, Data: data,
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 2 {
		got, asked, err := connected.Explain(ctx, "main", "", config.ExplainRequest{Body: []byte("{}")})
		if err != nil || asked != "main-a" {
			t.Fatal(asked, err)
		}
		if diff := cmp.Diff(told, got); diff != "" {
			t.Error(diff)
		}
	}
	ports.Range(func(port, _ any) bool {
		if port != "9443" {
			t.Errorf("port %s of the pod was asked for", port)
		}
		return true
	})
}
