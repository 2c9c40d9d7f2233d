// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/store"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// storeSecret is the password of the user spark at the stores that ask for one.
const storeSecret = "the-password-of-a-store"

// stores are real ones for all cases, each started when a case first names it: $REDIS, one that answers late as $SLOW, one over
// TLS, one that asks for a password, a cluster, sentinels.
type stores struct {
	t  *testing.T
	mu sync.Mutex
	// started are what stands for the places, and ca the authority of the one over TLS.
	started map[string]string
	ca      string
}

var theStores *stores

// places give what stands for the stores that a text names.
func (s *stores) places(t *testing.T, text string) []string {
	t.Helper()
	var places []string
	for _, name := range []string{"$REDISTLS", "$REDISLOCKED", "$REDIS", "$SLOW", "$CLUSTER", "$SENTINEL"} {
		if strings.Contains(text, name) {
			places = append(places, name, s.place(t, name))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// A PEM text stands in JSON.
	return append(places, "$STORECA", strings.ReplaceAll(s.ca, "\n", `\n`))
}

func (s *stores) place(t *testing.T, name string) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.start(lasting{t, s.t}, name)
}

// lasting is a case that starts what outlives it.
type lasting struct {
	testing.TB
	all *testing.T
}

func (l lasting) Cleanup(end func()) { l.all.Cleanup(end) }
func (l lasting) TempDir() string    { return l.all.TempDir() }

func (s *stores) start(t testing.TB, name string) string {
	if s.started[name] != "" {
		return s.started[name]
	}
	users := func(rules string) []string {
		return append([]string{"--user", "spark", "on", ">" + storeSecret}, strings.Fields(rules)...)
	}
	switch name {
	case "$REDIS":
		s.started[name] = redistest.Start(t, redistest.Options{}).Addr
	case "$SLOW":
		s.started[name] = late(t, s.start(t, "$REDIS"), 300*time.Millisecond)
	case "$REDISTLS":
		server := redistest.Start(t, redistest.Options{TLS: true})
		s.started[name], s.ca = server.Addr, server.CA
	case "$REDISLOCKED":
		s.started[name] = redistest.Start(t, redistest.Options{Args: append([]string{"--user", "default", "off"}, users(store.Rules)...)}).Addr
	case "$CLUSTER":
		s.started[name] = redistest.StartCluster(t)[0].Addr
	case "$SENTINEL":
		_, _, sentinels := redistest.StartSentinel(t, "main", "", "user spark on >"+storeSecret+" "+store.SentinelRules)
		s.started[name] = sentinels[0].Addr
	}
	return s.started[name]
}

// late gives the address of a way to a server on which every answer takes its time.
func late(t testing.TB, server string, by time.Duration) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			behind, err := net.Dial("tcp", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() { _, _ = io.Copy(behind, client); _ = behind.Close() }()
			go func() { _, _ = io.Copy(delayed{client, by}, behind); _ = client.Close() }()
		}
	}()
	return ln.Addr().String()
}

type delayed struct {
	io.Writer
	by time.Duration
}

func (d delayed) Write(p []byte) (int, error) {
	<-time.After(d.by)
	return d.Writer.Write(p)
}

// sink takes records, and remembers where they were posted and with which Authorization, and what.
type sink struct {
	*httptest.Server
	mu     sync.Mutex
	seen   []string
	bodies []string
}

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.bodies = append(s.bodies, string(body))
		s.seen = append(s.seen, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization"))
	}))
	t.Cleanup(s.Close)
	return s
}

// body is the first that was posted.
func (s *sink) body() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.bodies) == 0 {
		return ""
	}
	return s.bodies[0]
}

func (s *sink) first() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 {
		return ""
	}
	return s.seen[0]
}
