// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/admin"
	"github.com/sparkgateway/spark/gateway/config"
)

// credentials are issued as the operator issues them.
func credentials(t *testing.T) map[string][]byte {
	t.Helper()
	data, _, err := issue.Admin(nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// reloader answers pushes as told.
type reloader struct {
	pushed  []config.Bundle
	missing []string
	ack     config.Ack
}

func (r *reloader) Offer(b config.Bundle) (config.Ack, []string) {
	r.pushed = append(r.pushed, b)
	return r.ack, r.missing
}

func (r *reloader) Ack() config.Ack { return r.ack }

// serve runs a pod's administrative listener with the server's half of the credentials, and gives its address and a
// count of its connections.
func serve(t *testing.T, data map[string][]byte, h http.Handler) (address string, connections *atomic.Int64) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{render.AdminCA, render.AdminServerCert, render.AdminServerKey} {
		if err := os.WriteFile(filepath.Join(dir, name), data[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config, err := admin.TLS(dir)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connections = &atomic.Int64{}
	server := admin.Server(h)
	server.ErrorLog = log.New(io.Discard, "", 0)
	server.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(tls.NewListener(ln, config))
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return ln.Addr().String(), connections
}

func call(t *testing.T, c *fleet.HTTPCaller, data map[string][]byte, address string, push *config.Push) (config.Ack, []string, error) {
	t.Helper()
	return c.Call(t.Context(), gateway, fleet.Target{Admin: data}, fleet.Pod{UID: "uid", Name: "pod", Address: address}, push)
}

func TestCallsOverMutualTLS(t *testing.T) {
	data := credentials(t)
	ack := config.Ack{Gateway: gateway.String(), Pod: "uid", Instance: "i", Revision: "r", Sequence: 3, Schemas: []int{1},
		Rejected: &config.Rejection{Revision: "x", Sequence: 4, Error: "no"}}
	r := &reloader{ack: ack}
	address, connections := serve(t, data, admin.Handler(r, nil))
	c := fleet.NewPatientHTTPCaller()
	t.Cleanup(func() { c.Forget(gateway) })

	got, missing, err := call(t, c, data, address, nil)
	if diff := cmp.Diff(ack, got); diff != "" || missing != nil || err != nil {
		t.Errorf("asked: %v, missing %v (-want +got):\n%s", err, missing, diff)
	}
	push := versioned(3)
	got, missing, err = call(t, c, data, address, &push)
	if diff := cmp.Diff(ack, got); diff != "" || missing != nil || err != nil {
		t.Errorf("pushed: %v, missing %v (-want +got):\n%s", err, missing, diff)
	}
	if diff := cmp.Diff([]config.Bundle{push}, r.pushed); diff != "" {
		t.Errorf("what arrived (-want +got):\n%s", diff)
	}
	r.missing = []string{"core", "keys-07"}
	if _, missing, err = call(t, c, data, address, &push); err != nil || !cmp.Equal(missing, r.missing) {
		t.Errorf("falling short: %v, missing %v", err, missing)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("three calls took %d connections", n)
	}
}

func TestErrorsAreInStableWords(t *testing.T) {
	data, stranger := credentials(t), credentials(t)
	without := func(name string) map[string][]byte {
		d := maps.Clone(data)
		delete(d, name)
		return d
	}
	// An operator with a client certificate that another authority signed, and with none that counts.
	forged := maps.Clone(data)
	forged[render.AdminClientCert], forged[render.AdminClientKey] = stranger[render.AdminClientCert], stranger[render.AdminClientKey]
	asServer := maps.Clone(data)
	asServer[render.AdminClientCert], asServer[render.AdminClientKey] = data[render.AdminServerCert], data[render.AdminServerKey]

	answer := func(status int, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
	elsewhere := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://192.0.2.1/", http.StatusTemporaryRedirect)
	})
	tests := map[string]struct {
		credentials map[string][]byte
		handler     http.Handler
		want        string
	}{
		"a pod of another authority":           {stranger, answer(200, "{}"), "its certificate is not valid"},
		"a client of another authority":        {forged, answer(200, "{}"), "the connection fails"},
		"a client with a server's certificate": {asServer, answer(200, "{}"), "the connection fails"},
		"no client certificate":                {without(render.AdminClientCert), answer(200, "{}"), "the administrative credentials are not usable: the client certificate and key do not make a pair"},
		"no authority":                         {without(render.AdminCA), answer(200, "{}"), "the administrative credentials are not usable: the authority's certificate is not PEM"},
		"an answer that is no ack":             {data, answer(200, "hello"), "its answer is not an ack"},
		"an answer without end":                {data, answer(200, `{"pod":"`+strings.Repeat("x", 1<<20)+`"}`), "its answer is not an ack"},
		"a shortfall of nothing":               {data, answer(409, "{}"), "its answer does not say what it lacks"},
		"another status":                       {data, answer(500, "192.0.2.1 is out of memory"), "it answers with status 500"},
		"a way elsewhere is not gone":          {data, elsewhere, "it answers with status 307"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			address, _ := serve(t, data, test.handler)
			c := fleet.NewPatientHTTPCaller()
			t.Cleanup(func() { c.Forget(gateway) })
			push := versioned(1)
			for _, p := range []*config.Push{nil, &push} {
				_, _, err := call(t, c, test.credentials, address, p)
				if err == nil || err.Error() != test.want {
					t.Errorf("pushing: %t, error %v, want %s", p != nil, err, test.want)
				}
				if err != nil && (strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "192.0.2.1")) {
					t.Error("the error names an address")
				}
			}
		})
	}
}

func TestPodsThatCannotBeReached(t *testing.T) {
	data := credentials(t)
	c := fleet.NewHTTPCaller()
	t.Cleanup(func() { c.Forget(gateway) })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := ln.Addr().String()
	_ = ln.Close()
	if _, _, err := call(t, c, data, closed, nil); fmt.Sprint(err) != "it refuses connections" {
		t.Errorf("a closed port: %v", err)
	}
	// A process that is stopped: its kernel accepts, and nobody answers.
	stopped, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stopped.Close() })
	began := time.Now()
	if _, _, err := call(t, c, data, stopped.Addr().String(), nil); fmt.Sprint(err) != "it does not answer in time" {
		t.Errorf("a stopped process: %v", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s to give up", took)
	}
	if _, _, err := call(t, c, data, "not an address", nil); err == nil || strings.Contains(err.Error(), "not an address") {
		t.Errorf("no address: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.Call(ctx, gateway, fleet.Target{Admin: data}, fleet.Pod{Address: closed}, nil); err == nil {
		t.Error("a call after the end succeeds")
	}
}

func TestRenewedCredentialsMakeNewConnections(t *testing.T) {
	first := credentials(t)
	renewed, _, err := issue.Admin(first, time.Now().Add(61*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	address, connections := serve(t, first, admin.Handler(&reloader{}, nil))
	c := fleet.NewPatientHTTPCaller()
	t.Cleanup(func() { c.Forget(gateway) })
	for range 2 {
		if _, _, err := call(t, c, first, address, nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	// Those of the future are not valid yet; that they are shown at all is what counts.
	_, _, _ = call(t, c, renewed, address, nil)
	if n := connections.Load(); n != 2 {
		t.Errorf("after the renewal %d connections", n)
	}
}
