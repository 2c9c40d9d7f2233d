// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/sse"
)

// Answer is what became of a request.
type Answer struct {
	// Failure is empty where all went well.
	Failure Kind
	// Input and Output are tokens as the answer says; 0 where it does not.
	Input, Output int64
	// Sent and Received are bytes of bodies.
	Sent, Received int64
}

// Sender sends requests. It is safe for concurrent use. It calls content at each event of a stream that carries something of
// the answer, and ends when the context does.
type Sender interface {
	Send(ctx context.Context, r *Request, content func()) Answer
}

// maxAnswer bounds an answer in one piece.
const maxAnswer = 64 << 20

// ClientOptions say where requests go.
type ClientOptions struct {
	// URL is the base: with or without "/v1" at its end.
	URL string
	// Keys take turns; none sends none.
	Keys    []string
	Dialect Dialect
	// Connections bounds how many there are; each has one request at a time.
	Connections int
	// TLS is nil for the system's roots.
	TLS *tls.Config
	// Address is where to connect to; empty: where the URL says.
	Address string
}

// Client sends requests over HTTP/1.1, each connection of which carries one at a time, as the gateway's own applications do.
// It follows no redirects and uses no proxy.
type Client struct {
	base      string
	headers   []http.Header // by key
	transport *http.Transport
	dialect   Dialect
	buffers   sync.Pool
}

// NewClient checks where requests go. It sends nothing.
func NewClient(o ClientOptions) (*Client, error) {
	base, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return nil, errors.New("the URL cannot be read") // it may hold a password
	case base.Scheme != "http" && base.Scheme != "https", base.Host == "":
		return nil, fmt.Errorf("%q is no http:// or https:// URL", base.Redacted())
	case base.User != nil, base.RawQuery != "":
		return nil, errors.New("the URL has a user or a query: keys are given by themselves")
	}
	c := &Client{base: trimBase(o.URL), dialect: o.Dialect}
	for _, key := range o.Keys {
		c.headers = append(c.headers, header(o.Dialect, key))
	}
	if len(o.Keys) == 0 {
		c.headers = []http.Header{header(o.Dialect, "")}
	}
	c.transport = &http.Transport{
		MaxConnsPerHost: o.Connections, MaxIdleConnsPerHost: o.Connections,
		DisableCompression: true, TLSHandshakeTimeout: 30 * time.Second, WriteBufferSize: 16 << 10,
		TLSClientConfig: o.TLS, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
		DialContext: dialer(o.Address),
	}
	c.buffers.New = func() any { return new(buffers) }
	return c, nil
}

func dialer(address string) func(ctx context.Context, network, to string) (net.Conn, error) {
	d := &net.Dialer{}
	return func(ctx context.Context, network, to string) (net.Conn, error) {
		if address != "" {
			to = address
		}
		return d.DialContext(ctx, network, to)
	}
}

// trimBase takes away what dialects' paths begin with.
func trimBase(base string) string {
	base = strings.TrimRight(base, "/")
	for _, version := range []string{"/v1", "/v1beta"} {
		base = strings.TrimSuffix(base, version)
	}
	return base
}

func header(d Dialect, key string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"kubectl-spark-load"}}
	if d == Anthropic {
		h.Set("Anthropic-Version", "2023-06-01")
	}
	switch {
	case key == "":
	case d == Anthropic:
		h.Set("X-Api-Key", key)
	case d == Gemini:
		h.Set("X-Goog-Api-Key", key)
	default:
		h.Set("Authorization", "Bearer "+key)
	}
	return h
}

// Close closes idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// buffers are one exchange's.
type buffers struct {
	scanner sse.Scanner
	body    []byte
}

// Send implements Sender.
func (c *Client) Send(ctx context.Context, r *Request, content func()) (a Answer) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return Answer{Failure: KindInvalid}
	}
	request.Header = c.headers[r.Number%len(c.headers)]
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return Answer{Failure: transportKind(ctx, err, false, KindConnection)}
	}
	defer func() { _ = response.Body.Close() }()
	a.Sent = int64(len(r.Body))
	b := c.buffers.Get().(*buffers)
	defer c.buffers.Put(b)
	switch {
	case response.StatusCode != http.StatusOK:
		a.Failure = statusKind(response.StatusCode, reasonWord(response.Header.Get("X-Spark-Reason")))
		// What is left of it is read, so that the connection can be used again.
		a.Received, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	case r.Stream && !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream"):
		a.Failure = KindInvalid
	case r.Stream:
		c.stream(ctx, response.Body, b, &a, content)
	default:
		c.whole(ctx, response.Body, b, &a)
	}
	return a
}

// whole reads an answer in one piece.
func (c *Client) whole(ctx context.Context, from io.Reader, b *buffers, a *Answer) {
	var err error
	if b.body, err = appendAll(b.body[:0], io.LimitReader(from, maxAnswer)); err != nil {
		a.Failure = transportKind(ctx, err, true, KindBrokenBody)
	}
	a.Received = int64(len(b.body))
	if a.Failure == "" {
		p, err := c.dialect.read(b.body)
		a.take(p, err)
	}
	if cap(b.body) > 1<<20 {
		b.body = nil
	}
}

func appendAll(dst []byte, from io.Reader) ([]byte, error) {
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, make([]byte, max(4096, len(dst)))...)[:len(dst)]
		}
		n, err := from.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if errors.Is(err, io.EOF) {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
}

// take notes what a message says.
func (a *Answer) take(p piece, err error) {
	a.Input, a.Output = max(a.Input, p.input), max(a.Output, p.output)
	switch {
	case err != nil:
		a.Failure = KindInvalid
	case p.failed:
		a.Failure = KindErrorEvent.because(p.failure)
	}
}

// stream reads one until its dialect's last word, an error, or its end.
func (c *Client) stream(ctx context.Context, from io.Reader, b *buffers, a *Answer, content func()) {
	b.scanner.Reset()
	ended := false
	for {
		n, err := b.scanner.Fill(from)
		a.Received += int64(n)
		if err != nil {
			b.scanner.End()
		}
		for a.Failure == "" {
			event, ok, long := b.scanner.Next()
			if long != nil {
				a.Failure = KindInvalid
			}
			if !ok {
				break
			}
			if !event.HasData {
				continue
			}
			p, wrong := c.dialect.read(event.Data)
			a.take(p, wrong)
			if p.content {
				content()
			}
			ended = ended || p.end
		}
		switch {
		case a.Failure != "":
			return
		case errors.Is(err, io.EOF) && ended:
			return
		case err != nil:
			a.Failure = transportKind(ctx, err, true, KindBrokenStream)
			return
		}
	}
}
