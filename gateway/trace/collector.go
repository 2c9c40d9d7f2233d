// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/sparkgateway/spark/gateway/config"
)

// Settings say where spans go. The zero value is nowhere.
type Settings struct {
	// Endpoint is a URL: with a path for OTLP over HTTP, without one for gRPC. Empty is none.
	Endpoint string
	HTTP     bool
	// Authorization is the value of that header; empty sends none.
	Authorization config.Secret
	// Gateway is "namespace/name", Version the release.
	Gateway, Version string
}

// SettingsOf gives the settings of a configuration.
func SettingsOf(t *config.Tracing, secrets map[string]config.Secret, gateway, version string) Settings {
	if t == nil {
		return Settings{}
	}
	return Settings{Endpoint: t.Endpoint, HTTP: t.HTTP, Authorization: secrets[t.Authorization], Gateway: gateway, Version: version}
}

func (s *Settings) same(o *Settings) bool {
	return s.Endpoint == o.Endpoint && s.HTTP == o.HTTP && s.Gateway == o.Gateway && s.Version == o.Version &&
		s.Authorization.Reveal() == o.Authorization.Reveal()
}

const (
	// uploadTimeout bounds one call of a collector, tries of it included.
	uploadTimeout = 10 * time.Second
	// The first wait before another try, and the longest.
	minBackoff = 500 * time.Millisecond
	maxBackoff = 5 * time.Second
	// pingAfter is the least that collectors allow where nobody set them otherwise.
	pingAfter = 5 * time.Minute
)

// collector is a client of the exporter's own; idle closes what is open and unused. The environment, which the exporter would look
// at, has no say in what stands here.
func (s *Settings) collector() (client otlptrace.Client, idle func(), err error) {
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Host == "" {
		return nil, nil, errors.New("the collector's endpoint is not a URL")
	}
	headers := map[string]string{}
	if value := s.Authorization.Reveal(); value != "" {
		headers["authorization"] = value
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	if s.HTTP {
		client, idle = overHTTP(u, headers)
		return client, idle, nil
	}
	return overGRPC(u, headers), func() {}, nil
}

func overHTTP(u *url.URL, headers map[string]string) (client otlptrace.Client, idle func()) {
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // It is one.
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	client = otlptracehttp.NewClient(otlptracehttp.WithEndpointURL(u.String()), otlptracehttp.WithHeaders(headers),
		otlptracehttp.WithCompression(otlptracehttp.NoCompression), otlptracehttp.WithTimeout(uploadTimeout),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: minBackoff, MaxInterval: maxBackoff, MaxElapsedTime: uploadTimeout,
		}),
		otlptracehttp.WithHTTPClient(&http.Client{
			Timeout: uploadTimeout, Transport: &statuses{transport},
			// What stands in the header is for nobody else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}))
	return client, transport.CloseIdleConnections
}

func overGRPC(u *url.URL, headers map[string]string) otlptrace.Client {
	delays := backoff.DefaultConfig
	delays.MaxDelay = maxBackoff
	// Calls are too short for a ping, but the kernel gives up a connection on which nothing was acknowledged for so long. Without it a
	// collector whose node is gone would be waited for a quarter of an hour.
	alive := keepalive.ClientParameters{Time: pingAfter, Timeout: uploadTimeout}
	options := []otlptracegrpc.Option{
		otlptracegrpc.WithEndpointURL(u.Scheme + "://" + u.Host), otlptracegrpc.WithHeaders(headers), otlptracegrpc.WithTimeout(uploadTimeout),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{
			Enabled: true, InitialInterval: minBackoff, MaxInterval: maxBackoff, MaxElapsedTime: uploadTimeout,
		}),
		otlptracegrpc.WithDialOption(grpc.WithConnectParams(grpc.ConnectParams{Backoff: delays, MinConnectTimeout: uploadTimeout})),
		otlptracegrpc.WithDialOption(grpc.WithKeepaliveParams(alive)),
	}
	if u.Scheme == "https" {
		options = append(options, otlptracegrpc.WithTLSCredentials(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})))
	}
	return otlptracegrpc.NewClient(options...)
}

// statuses makes an answer that the exporter would only describe with its body, which is nothing for a log, an error of its own.
type statuses struct{ next http.RoundTripper }

// statusError is an HTTP status that will not become better.
type statusError int

func (e statusError) Error() string { return "HTTP status " + strconv.Itoa(int(e)) }

// RoundTrip sends a request.
func (s *statuses) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return resp, nil
	}
	if resp.StatusCode >= 300 {
		_ = resp.Body.Close()
		return nil, statusError(resp.StatusCode)
	}
	return resp, nil
}

// why gives what a log may say of a failure: neither what a collector wrote nor its address.
func why(err error) string {
	var status statusError
	switch {
	case errors.As(err, &status):
		return status.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	if rejection.MatchString(err.Error()) {
		return "the collector rejected spans"
	}
	if code := codeOf(err); code != codes.Unknown {
		return code.String()
	}
	return "not reachable, or no collector"
}

// codeOf gives the gRPC status of an error, wherever in it that stands.
func codeOf(err error) codes.Code {
	var with interface{ GRPCStatus() *status.Status }
	if errors.As(err, &with) {
		return with.GRPCStatus().Code()
	}
	return codes.Unknown
}

// rejection is how the exporter says what a collector rejected. The collector's own words stand in the middle.
var rejection = regexp.MustCompile(`(?s)^OTLP partial success: .*\((\d+) spans rejected\)$`)

// lost gives how many of so many traces a failed upload cost. A collector that took a part says how many spans it did not.
func lost(err error, traces int) int {
	if err == nil {
		return 0
	}
	if said := rejection.FindStringSubmatch(err.Error()); said != nil {
		if spans, err := strconv.Atoi(said[1]); err == nil {
			return min(spans, traces)
		}
	}
	return traces
}
