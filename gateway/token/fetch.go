// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	// fetchTimeout bounds one answer of an issuer, maxAnswer its size, and maxRedirects where it may send us.
	fetchTimeout = 5 * time.Second
	maxAnswer    = 1 << 20
	maxRedirects = 3
	discovery    = "/.well-known/openid-configuration"
)

// fetcher asks one issuer for its keys.
type fetcher struct {
	id     sourceID
	client *http.Client
	err    error // why it cannot ask at all
}

// newFetcher gives a fetcher that asks by a transport, or where that is nil over the network.
func newFetcher(id sourceID, transport http.RoundTripper) *fetcher {
	f := &fetcher{id: id}
	if transport == nil {
		transport, f.err = newTransport(id.ca)
	}
	f.client = &http.Client{Transport: transport, CheckRedirect: checkRedirect, Timeout: fetchTimeout}
	return f
}

func newTransport(ca string) (*http.Transport, error) {
	var roots *x509.CertPool
	if ca != "" {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(ca)) {
			return nil, errors.New("the bundle of certificate authorities holds none")
		}
	}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		// Nothing is asked twice within a minute, but when something is wrong.
		DisableKeepAlives:      true,
		TLSHandshakeTimeout:    fetchTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
	}, nil
}

// checkRedirect follows to where nobody between can have written the answer: over TLS, or to the host that was asked
// without TLS to begin with.
func checkRedirect(to *http.Request, via []*http.Request) error {
	from := via[len(via)-1].URL
	switch {
	case len(via) > maxRedirects:
		return errors.New("too many redirects")
	case to.URL.Scheme == "https":
		return nil
	case to.URL.Scheme == from.Scheme && to.URL.Host == from.Host:
		return nil
	default:
		return errors.New("a redirect leads elsewhere, and not over TLS")
	}
}

// keys gives the issuer's keys, and for how long.
func (f *fetcher) keys(ctx context.Context) (keySet, time.Duration, error) {
	if f.err != nil {
		return nil, 0, f.err
	}
	from := f.id.jwksURI
	if from == "" {
		body, _, err := f.get(ctx, strings.TrimSuffix(f.id.issuer, "/")+discovery)
		if err != nil {
			return nil, 0, fmt.Errorf("the OpenID configuration: %w", err)
		}
		if from, err = parseDiscovery(body, f.id.issuer); err != nil {
			return nil, 0, fmt.Errorf("the OpenID configuration: %w", err)
		}
	}
	body, head, err := f.get(ctx, from)
	if err != nil {
		return nil, 0, fmt.Errorf("the key set: %w", err)
	}
	set, err := parseKeys(body)
	return set, ageOf(head.Values("Cache-Control")), err
}

func (f *fetcher) get(ctx context.Context, address string) ([]byte, http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, errors.New("not a URL")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "spark-gateway")
	answer, err := f.client.Do(request)
	if err != nil {
		// Without the URL, whose query might hold a secret.
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("status %d", answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, nil, err
	case len(body) > maxAnswer:
		return nil, nil, fmt.Errorf("larger than %d bytes", maxAnswer)
	}
	return body, answer.Header, nil
}

// parseDiscovery gives where an OpenID configuration says that the keys are.
func parseDiscovery(body []byte, issuer string) (string, error) {
	var said struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return "", errors.New("not well-formed JSON")
	}
	// OpenID Connect Discovery 4.3: else one issuer could speak for another.
	if said.Issuer != issuer {
		return "", errors.New("it is another issuer's")
	}
	from, err := url.Parse(said.JWKSURI)
	secure := err == nil && from.Scheme == "https"
	plain := err == nil && from.Scheme == "http" && strings.HasPrefix(issuer, "http://")
	if !secure && !plain || from.Host == "" || from.User != nil || from.Fragment != "" {
		return "", errors.New("jwks_uri is not a URL of the issuer's scheme, or https")
	}
	return said.JWKSURI, nil
}

// ageOf gives how long an answer is fresh by its Cache-Control, within bounds.
func ageOf(fields []string) time.Duration {
	for directive := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if !strings.EqualFold(name, "max-age") {
			continue
		}
		if seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
			return min(max(time.Duration(seconds)*time.Second, minAge), maxAge)
		}
	}
	return usualAge
}
