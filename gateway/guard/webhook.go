// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

const (
	// maxConcurrent bounds the questions that one service is asked at a time. Others wait within their timeout.
	maxConcurrent = 64
	// maxAnswer bounds an answer, in bytes.
	maxAnswer = 1 << 20
	// maxHeader bounds the header of an answer, in bytes.
	maxHeader = 64 << 10
)

// Settings of a Webhook.
type Settings struct {
	// URL takes questions by POST.
	URL string
	// Authorization is the value of that header; empty sends none.
	Authorization config.Secret
	// CA is a PEM bundle that replaces the system's roots; empty keeps them.
	CA string
	// Timeout bounds one Ask, waiting for others included. Positive.
	Timeout time.Duration
	// Gateway is "namespace/name", which questions tell.
	Gateway string
}

// SettingsOf gives those that a document asks for. The secrets are its own, by their names.
func SettingsOf(c *config.GuardWebhook, secrets map[string]config.Secret, gateway string) Settings {
	return Settings{
		URL: c.URL, Authorization: secrets[c.Authorization], CA: c.CA, Timeout: c.Timeout.Std(), Gateway: gateway,
	}
}

// identity is what settings have in common when they are the same.
type identity struct {
	url, authorization, ca, gateway string
	timeout                         time.Duration
}

func (s *Settings) identity() identity {
	return identity{s.URL, s.Authorization.Reveal(), s.CA, s.Gateway, s.Timeout}
}

// Webhook asks a service of the user's own. It is living state: a Book keeps it over snapshots. It is safe for concurrent use.
type Webhook struct {
	settings Settings
	client   *http.Client
	slots    chan struct{}
	circuit  circuit
}

// NewWebhook gives a Webhook that asks by a transport, or where that is nil over the network: at the URL itself, through no proxy
// and after no redirect. Its error does not quote the settings.
func NewWebhook(s Settings, transport http.RoundTripper) (*Webhook, error) {
	if s.Timeout <= 0 {
		return nil, errors.New("the timeout is not positive")
	}
	if err := config.CheckURL(s.URL); err != nil {
		return nil, err
	}
	if transport == nil {
		network, err := newTransport(&s)
		if err != nil {
			return nil, err
		}
		transport = network
	}
	return &Webhook{settings: s, slots: make(chan struct{}, maxConcurrent), client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func newTransport(s *Settings) (*http.Transport, error) {
	var roots *x509.CertPool
	if s.CA != "" {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(s.CA)) {
			return nil, errors.New("the bundle of certificate authorities holds none")
		}
	}
	return &http.Transport{
		// A connection that takes longer is of no use to who asked for it.
		DialContext:         (&net.Dialer{Timeout: s.Timeout}).DialContext,
		TLSHandshakeTimeout: s.Timeout,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: maxConcurrent, IdleConnTimeout: time.Minute,
		MaxResponseHeaderBytes: maxHeader,
		// Or a small answer could be a large one.
		DisableCompression: true,
	}, nil
}

// Ask gives the service's verdict, within the timeout. An error is an *Error, or the context's own when that ended first; it
// holds nothing of the question or the answer. Nothing to ask about may pass.
func (w *Webhook) Ask(ctx context.Context, q Question) (Verdict, error) {
	if len(q.Texts) == 0 {
		return Verdict{Allow: true}, nil
	}
	probe, ok := w.circuit.enter(time.Now())
	if !ok {
		return Verdict{}, &Error{Failure: FailureOpen}
	}
	verdict, err := w.ask(ctx, &q)
	if ended := ctx.Err(); err != nil && ended != nil {
		// Who asked has gone: that says nothing about the service.
		w.circuit.leave(probe)
		return Verdict{}, ended
	}
	failure := (*Error)(nil)
	if errors.As(err, &failure) && failure.Failure == FailureBusy {
		w.circuit.leave(probe)
		return Verdict{}, err
	}
	w.circuit.settle(probe, err == nil, time.Now())
	return verdict, err
}

func (w *Webhook) ask(ctx context.Context, q *Question) (Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, w.settings.Timeout)
	defer cancel()
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return Verdict{}, &Error{Failure: FailureBusy}
	}
	body, err := w.call(ctx, q)
	if err != nil {
		if ctx.Err() != nil {
			err = &Error{Failure: FailureTimeout}
		}
		return Verdict{}, err
	}
	return readAnswer(body, len(q.Texts))
}

// call gives the body of an answer of success. Its errors are the failure alone: those of the transport tell the address.
func (w *Webhook) call(ctx context.Context, q *Question) ([]byte, error) {
	question := appendQuestion(nil, w.settings.Gateway, q)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.settings.URL, bytes.NewReader(question))
	if err != nil {
		return nil, &Error{Failure: FailureUnreachable}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "spark-gateway")
	if w.settings.Authorization.Reveal() != "" {
		req.Header.Set("Authorization", w.settings.Authorization.Reveal())
	}
	if q.Traceparent != "" {
		req.Header.Set("Traceparent", q.Traceparent)
	}
	if q.Tracestate != "" {
		req.Header.Set("Tracestate", q.Tracestate)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, &Error{Failure: FailureUnreachable}
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, &Error{Failure: FailureStatus, Status: resp.StatusCode}
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, &Error{Failure: FailureMalformed}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case len(body) > maxAnswer:
		return nil, &Error{Failure: FailureTooLarge}
	case err != nil:
		return nil, &Error{Failure: FailureUnreachable}
	}
	return body, nil
}

// Close ends idle connections. Questions under way go on.
func (w *Webhook) Close() { w.client.CloseIdleConnections() }
