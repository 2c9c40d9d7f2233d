// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crypto/tls"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/credential"
	records "github.com/sparkgateway/spark/gateway/ledger"
	"github.com/sparkgateway/spark/test/fakecollector"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// bed is a configuration with two providers, and a gateway that serves it from the first request on.
type bed struct {
	*testing.T
	one, two *fakeprovider.Server
	resource v1alpha1.SparkGateway
	idp      idp
	sink     *sink
	services services
	traces   *fakecollector.Collector
	input    compiler.Input
	compiled compiler.Output
	cloud    cloud
	log      logText
	// ahead is how far the gateway's clock for limits and breakers is ahead of the time, in nanoseconds.
	ahead atomic.Int64

	starting sync.Once
	kept     *records.Ledger
	server   *gateway.Server
	address  string

	mu      sync.Mutex
	dialled map[string]bool
}

// newBed compiles the objects.
func newBed(t *testing.T, o objects) *bed {
	t.Helper()
	b := &bed{T: t, one: provider(t), two: provider(t), idp: newIDP(t), sink: newSink(t), services: newServices(t), traces: fakecollector.Start(t),
		dialled: map[string]bool{}}
	overTLS := httptest.NewUnstartedServer(b.one.Handler())
	overTLS.Config.ErrorLog = discard
	overTLS.TLS = &tls.Config{Certificates: []tls.Certificate{pairs()[providerTest].serving()}}
	overTLS.StartTLS()
	t.Cleanup(overTLS.Close)
	places := append(theStores.places(t, fmt.Sprint(o)), "$SINK", b.sink.URL, "$SENTRY", b.sink.Listener.Addr().String(),
		"$OTLPHTTP", strings.TrimSuffix(b.traces.HTTP, "/v1/traces"), "$OTLP", b.traces.GRPC, "$EMBED", b.services.embedder.URL, "$GUARDTLS", b.services.guardOverTLS.URL, "$GUARD", b.services.guard.URL)
	set := o.parse(t, strings.NewReplacer(append(places, "$ONE", b.one.URL(), "$TWO", b.two.URL(), "$TLS", overTLS.URL, "$IDPTLS", b.idp.overTLS, "$IDP", b.idp.plain)...))
	b.resource = set.Gateways()[0]
	main := types.NamespacedName{Namespace: b.resource.Namespace, Name: b.resource.Name}
	in := compiler.Input{Gateway: &b.resource, Secrets: set.Secrets(), Namespaces: set.Namespaces()}
	for _, p := range set.Providers() {
		if compiler.Attaches(p.Spec.GatewayRefs, p.Namespace, main) {
			in.Providers = append(in.Providers, p)
		}
	}
	for _, r := range set.Routes() {
		if compiler.Attaches(r.Spec.GatewayRefs, r.Namespace, main) {
			in.Routes = append(in.Routes, r)
		}
	}
	for _, k := range set.Keys() {
		if compiler.Attaches(k.Spec.GatewayRefs, k.Namespace, main) {
			in.Keys = append(in.Keys, k)
		}
	}
	for _, u := range set.Policies() {
		if compiler.Attaches(u.Spec.GatewayRefs, u.Namespace, main) {
			in.Policies = append(in.Policies, u)
		}
	}
	b.compile(in)
	b.mountTokens()
	return b
}

// provider starts one that takes any credential and records it.
func provider(t *testing.T) *fakeprovider.Server {
	t.Helper()
	p := fakeprovider.New(fakeprovider.Options{})
	if err := p.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// compile makes what is served, if it can be.
func (b *bed) compile(in compiler.Input) {
	b.Helper()
	b.input, b.compiled = in, compiler.Compile(in)
	if b.compiled.Document == nil {
		return
	}
	// The bed is one process, which need not leave others their share.
	b.compiled.Document.Core.Gateway.Replicas = 1
}

// mountTokens puts the tokens of the pods' ServiceAccount where the document looks for them, below another directory.
func (b *bed) mountTokens() {
	if b.compiled.Document == nil {
		return
	}
	dir := b.TempDir()
	for _, audience := range b.compiled.Document.Core.Audiences() {
		path := filepath.Join(dir, config.TokenPath(audience))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("pod"), 0o600)); err != nil {
			b.Fatal(err)
		}
	}
	move := func(file *string) { *file = strings.Replace(*file, config.TokenDir, dir, 1) }
	for i := range b.compiled.Document.Core.Providers {
		p := &b.compiled.Document.Core.Providers[i]
		if p.AWS != nil {
			move(&p.AWS.TokenFile)
		}
		if p.GCP != nil {
			move(&p.GCP.TokenFile)
		}
		if p.Azure != nil {
			move(&p.Azure.TokenFile)
		}
	}
}

// up starts the gateway, once.
func (b *bed) up() {
	b.Helper()
	if b.compiled.Document == nil {
		b.Fatalf("nothing to serve: %+v", b.compiled.Gateway)
	}
	b.starting.Do(func() {
		now := func() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) }
		var err error
		if b.kept, err = records.New(records.Options{Dir: filepath.Join(b.TempDir(), "ledger"), Now: now}); err != nil {
			b.Fatal(err)
		}
		living := gateway.NewLiving(gateway.LivingOptions{
			Now: now, Ledger: b.kept,
			Dial: b.dial,
			Credentials: credential.Options{Transport: &b.cloud, Getenv: func(name string) string {
				return map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/"}[name]
			}},
		})
		b.server = gateway.NewServer(gateway.Options{Living: living, AccessLog: &b.log})
		if err := b.server.Apply(b.compiled.Document); err != nil {
			b.Fatal(err)
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		b.address = ln.Addr().String()
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = b.server.Serve(ln)
		}()
		b.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = b.server.Shutdown(ctx)
			living.Close()
			// It may be that Serve had not begun.
			_ = ln.Close()
			<-served
		})
	})
}

// another is a second pod of the same gateway.
func (b *bed) another() *bed {
	return &bed{T: b.T, one: b.one, two: b.two, idp: b.idp, sink: b.sink, services: b.services, traces: b.traces, resource: b.resource,
		input: b.input, compiled: b.compiled, dialled: map[string]bool{}}
}

// dial connects to this machine only, and never to silent.test.
func (b *bed) dial(ctx context.Context, network, address string) (net.Conn, error) {
	b.mu.Lock()
	switch "http://" + address {
	case b.one.URL():
		b.dialled["one"] = true
	case b.two.URL():
		b.dialled["two"] = true
	default:
		b.dialled[address] = true
	}
	b.mu.Unlock()
	switch host, _, _ := net.SplitHostPort(address); host {
	case "127.0.0.1":
		return (&net.Dialer{}).DialContext(ctx, network, address)
	case "silent.test":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, errors.New("there is no network here")
}

// reached are the addresses that the gateway connected to, or would have.
func (b *bed) reached() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.dialled))
}

// pass lets time pass for limits, breakers and quotas.
func (b *bed) pass(d time.Duration) { b.ahead.Add(int64(d)) }

// told is what helps to find out why something else was seen.
func (b *bed) told() string {
	text := "access log:\n" + b.log.String()
	for name, v := range b.compiled.Providers {
		text += fmt.Sprintf("ProviderPolicy %s: %+v %+v\n", name, v.Accepted, v.ResolvedRefs)
	}
	for name, v := range b.compiled.Routes {
		text += fmt.Sprintf("ModelRoute %s: %+v %+v\n", name, v.Accepted, v.ResolvedRefs)
	}
	return text
}

// within polls until the condition holds, and is false when it does not in time.
func within(d time.Duration, ok func() bool) bool {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(d); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			return ok()
		}
	}
	return true
}

// patience bounds waits for what has to come. A glance is long enough for what comes at once to come on a machine that is
// busy, and is waited for in vain where it should not.
const (
	patience = time.Minute
	glance   = 5 * time.Second
)

// logText collects the access log.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
