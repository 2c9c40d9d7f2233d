// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// probed is a container whose health a test decides.
type probed struct {
	status atomic.Int32
	spec   corev1.Container
}

func newProbed(t *testing.T, scheme corev1.URIScheme) *probed {
	t.Helper()
	p := &probed{}
	p.status.Store(http.StatusOK)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RequestURI() != "/ready?verbose=1" || r.Header.Get("X-Probe") != "yes" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.WriteHeader(int(p.status.Load()))
	})
	start := httptest.NewServer
	if scheme == corev1.URISchemeHTTPS {
		start = httptest.NewTLSServer
	}
	server := start(handler)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	p.spec = corev1.Container{Name: "app", Ports: []corev1.ContainerPort{{Name: "health", ContainerPort: int32(port)}}}
	return p
}

func (p *probed) probe(scheme corev1.URIScheme) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: "/ready?verbose=1", Port: intstr.FromString("health"), Scheme: scheme,
			HTTPHeaders: []corev1.HTTPHeader{{Name: "X-Probe", Value: "yes"}},
		}},
		PeriodSeconds: 1, FailureThreshold: 1,
	}
}

func next(t *testing.T, p *probes) probeResult {
	t.Helper()
	select {
	case result := <-p.results:
		return result
	case <-time.After(time.Minute):
		t.Fatal("no verdict")
		return probeResult{}
	}
}

func TestHTTPProbesAskAsTheSpecSays(t *testing.T) {
	for _, scheme := range []corev1.URIScheme{corev1.URISchemeHTTP, corev1.URISchemeHTTPS} {
		t.Run(string(scheme), func(t *testing.T) {
			container := newProbed(t, scheme)
			a := asker{probes: newProbes(&container.spec), address: "127.0.0.1"}
			for status, want := range map[int]bool{200: true, 204: true, 302: true, 399: true, 400: false, 404: false, 503: false} {
				container.status.Store(int32(status))
				err := a.ask(t.Context(), container.probe(scheme))
				if (err == nil) != want {
					t.Errorf("status %d: %v", status, err)
				}
			}
		})
	}
}

func TestOtherProbes(t *testing.T) {
	container := newProbed(t, corev1.URISchemeHTTP)
	a := asker{probes: newProbes(&container.spec), address: "127.0.0.1"}
	tcp := func(port intstr.IntOrString) *corev1.Probe {
		return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: port}}}
	}
	for name, tc := range map[string]struct {
		probe *corev1.Probe
		want  string
	}{
		"an open port":    {tcp(intstr.FromString("health")), ""},
		"a closed port":   {tcp(intstr.FromInt32(1)), "refused"},
		"an unknown port": {tcp(intstr.FromString("none")), `no port named "none"`},
		"a command":       {&corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{}}}, "knows only"},
	} {
		err := a.ask(t.Context(), tc.probe)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func TestAContainerWithoutProbesIsReadyAtOnce(t *testing.T) {
	p := newProbes(&corev1.Container{})
	if started, ready := p.begin("127.0.0.1"); !started || !ready {
		t.Errorf("started %v, ready %v", started, ready)
	}
	p.stop()
}

func TestReadinessFollowsTheAnswers(t *testing.T) {
	container := newProbed(t, corev1.URISchemeHTTP)
	container.status.Store(http.StatusServiceUnavailable)
	container.spec.StartupProbe = &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString("health")}}, PeriodSeconds: 1,
	}
	container.spec.ReadinessProbe = container.probe(corev1.URISchemeHTTP)
	p := newProbes(&container.spec)
	if started, ready := p.begin("127.0.0.1"); started || ready {
		t.Errorf("before any answer: started %v, ready %v", started, ready)
	}
	defer func() { p.stop() }()
	if got := next(t, p); got.verdict != hasStarted {
		t.Errorf("first verdict %+v, want started", got)
	}
	container.status.Store(http.StatusOK)
	if got := next(t, p); got.verdict != isReady {
		t.Errorf("second verdict %+v, want ready", got)
	}
	p.onlyReadiness() // the pod is leaving: it may still become unready
	container.status.Store(http.StatusServiceUnavailable)
	if got := next(t, p); got.verdict != notReady || !strings.Contains(got.message, "503") {
		t.Errorf("third verdict %+v, want not ready with the status", got)
	}
}

func TestAContainerThatNeverStartsIsDead(t *testing.T) {
	container := newProbed(t, corev1.URISchemeHTTP)
	container.status.Store(http.StatusServiceUnavailable)
	container.spec.StartupProbe = container.probe(corev1.URISchemeHTTP)
	grace := int64(3)
	container.spec.StartupProbe.TerminationGracePeriodSeconds = &grace
	p := newProbes(&container.spec)
	p.begin("127.0.0.1")
	defer func() { p.stop() }()
	if got := next(t, p); got.verdict != isDead || got.grace == nil || *got.grace != grace {
		t.Errorf("verdict %+v, want dead with the probe's grace period", got)
	}
}

func TestAVerdictNobodyWantsDoesNotHoldItsAsker(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := asker{probes: newProbes(&corev1.Container{})}
	a.tell(ctx, isReady, "", nil) // returns
}
