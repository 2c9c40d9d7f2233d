// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
)

type verdict int

const (
	hasStarted verdict = iota
	isReady
	notReady
	isDead
)

// probeResult is sent when a verdict changes, not with every attempt.
type probeResult struct {
	verdict verdict
	round   int // of begin: a late result of the process before must not count
	message string
	grace   *int64
}

// probes asks a container how it is, as its spec says.
type probes struct {
	spec    *corev1.Container
	results chan probeResult
	round   int
	stop    context.CancelFunc // all
	// onlyReadiness ends the others: whoever is leaving need not prove that it lives, but may become unready.
	onlyReadiness context.CancelFunc
}

// eager is how often a container that is not up yet is asked, so that nobody waits for a long period to pass.
const eager = 200 * time.Millisecond

func newProbes(spec *corev1.Container) *probes {
	return &probes{spec: spec, results: make(chan probeResult), stop: func() {}, onlyReadiness: func() {}}
}

// begin starts asking and says what holds before the first answer.
func (p *probes) begin(address string) (started, ready bool) {
	p.round++
	var ctx, living context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	living, p.onlyReadiness = context.WithCancel(ctx)
	round := asker{probes: p, round: p.round, address: address}
	go func() {
		if p.spec.StartupProbe != nil && !round.awaitStart(living) {
			return
		}
		if p.spec.LivenessProbe != nil {
			go round.watchLiveness(living)
		}
		if p.spec.ReadinessProbe != nil {
			round.watchReadiness(ctx)
		} else if p.spec.StartupProbe != nil {
			round.tell(ctx, isReady, "", nil)
		}
	}()
	started = p.spec.StartupProbe == nil
	return started, started && p.spec.ReadinessProbe == nil
}

// asker asks one process.
type asker struct {
	probes  *probes
	round   int
	address string
}

func (a asker) tell(ctx context.Context, v verdict, message string, probe *corev1.Probe) {
	result := probeResult{verdict: v, round: a.round, message: message}
	if probe != nil {
		result.grace = probe.TerminationGracePeriodSeconds
	}
	select {
	case a.probes.results <- result:
	case <-ctx.Done():
	}
}

// awaitStart allows the failures that the probe's own, slower period would.
func (a asker) awaitStart(ctx context.Context) bool {
	probe := a.probes.spec.StartupProbe
	if !pause(ctx, seconds(probe.InitialDelaySeconds, 0)) {
		return false
	}
	allowance := seconds(probe.PeriodSeconds, 10) * time.Duration(max(1, probe.FailureThreshold))
	for began := time.Now(); ; {
		err := a.ask(ctx, probe)
		if err == nil {
			a.tell(ctx, hasStarted, "", nil)
			return true
		}
		if time.Since(began) > allowance {
			a.tell(ctx, isDead, "startup: "+err.Error(), probe)
			return false
		}
		if !pause(ctx, min(eager, seconds(probe.PeriodSeconds, 10))) {
			return false
		}
	}
}

func (a asker) watchLiveness(ctx context.Context) {
	probe := a.probes.spec.LivenessProbe
	if !pause(ctx, seconds(probe.InitialDelaySeconds, 0)) {
		return
	}
	failures := int32(0)
	for pause(ctx, seconds(probe.PeriodSeconds, 10)) {
		err := a.ask(ctx, probe)
		if err == nil {
			failures = 0
			continue
		}
		if failures++; failures >= max(1, probe.FailureThreshold) {
			a.tell(ctx, isDead, "liveness: "+err.Error(), probe)
			return
		}
	}
}

func (a asker) watchReadiness(ctx context.Context) {
	probe := a.probes.spec.ReadinessProbe
	if !pause(ctx, seconds(probe.InitialDelaySeconds, 0)) {
		return
	}
	ready, streak := false, int32(0) // the streak is of answers that contradict `ready`
	for ever := false; ; {
		err := a.ask(ctx, probe)
		if ctx.Err() != nil {
			return
		}
		if (err == nil) == ready {
			streak = 0
		} else {
			streak++
		}
		switch {
		case !ready && streak >= max(1, probe.SuccessThreshold):
			ready, ever, streak = true, true, 0
			a.tell(ctx, isReady, "", nil)
		case ready && streak >= max(1, probe.FailureThreshold):
			ready, streak = false, 0
			a.tell(ctx, notReady, "readiness: "+err.Error(), nil)
		}
		period := seconds(probe.PeriodSeconds, 10)
		if !ever {
			period = min(period, eager)
		}
		if !pause(ctx, period) {
			return
		}
	}
}

func (a asker) ask(ctx context.Context, probe *corev1.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, seconds(probe.TimeoutSeconds, 1))
	defer cancel()
	switch {
	case probe.HTTPGet != nil:
		return a.get(ctx, probe.HTTPGet)
	case probe.TCPSocket != nil:
		port, err := containerPort(a.probes.spec, probe.TCPSocket.Port)
		if err != nil {
			return err
		}
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(a.address, strconv.Itoa(int(port))))
		if err != nil {
			return err
		}
		return connection.Close()
	}
	return errors.New("this node knows only httpGet and tcpSocket probes")
}

// probeClient asks like a kubelet: a new connection each time, any certificate, no redirects.
var probeClient = &http.Client{
	Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // so does a kubelet
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (a asker) get(ctx context.Context, action *corev1.HTTPGetAction) error {
	port, err := containerPort(a.probes.spec, action.Port)
	if err != nil {
		return err
	}
	host := a.address
	if action.Host != "" {
		host = action.Host
	}
	target := &url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.Itoa(int(port)))}
	if action.Scheme == corev1.URISchemeHTTPS {
		target.Scheme = "https"
	}
	if target, err = target.Parse("/" + trimSlash(action.Path)); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "kube-probe/devnode")
	for _, header := range action.HTTPHeaders {
		request.Header.Add(header.Name, header.Value)
	}
	response, err := probeClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= http.StatusOK && response.StatusCode < http.StatusBadRequest {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, 200))
	return fmt.Errorf("%s answers %s: %s", target, response.Status, body)
}

func trimSlash(path string) string {
	if path != "" && path[0] == '/' {
		return path[1:]
	}
	return path
}

func seconds(value int32, otherwise time.Duration) time.Duration {
	if value == 0 {
		return otherwise * time.Second
	}
	return time.Duration(value) * time.Second
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
