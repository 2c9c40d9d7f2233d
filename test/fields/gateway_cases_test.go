// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// answered sees a header field of an answer.
func answered(name string) func(*bed) any {
	return func(b *bed) any { return b.ask(question{}).header.Get(name) }
}

const overTLS = "SparkGateway.spec.listener.tls.secretRef.name"

// listenerCases are of what every request meets.
func listenerCases() cases {
	found := cases{
		overTLS: {from: "tls-1", to: "tls-2", was: "listener-1.test", is: "listener-2.test", see: func(b *bed) any {
			return b.ask(question{}).served.PeerCertificates[0].Subject.CommonName
		}},
		"SparkGateway.spec.listener.maxConnections": {to: "2",
			was: []bool{true, true, true}, is: []bool{true, true, false}, see: connections},
		"SparkGateway.spec.drain.timeout": {from: "1h", to: "1s", was: false, is: true, see: drained},
		"SparkGateway.spec.requestLimits.maxBodyBytes": {to: "1024", was: 200, is: 413,
			see: status(question{extra: `,"user":"` + strings.Repeat("x", 2000) + `"`})},
		"SparkGateway.spec.requestLimits.maxHeaderBytes": {to: "1024", was: 200, is: 431,
			see: status(question{header: map[string]string{"X-Long": strings.Repeat("x", 2000)}})},
		"SparkGateway.spec.requestLimits.bodyTimeout": {to: "1s", was: "", is: "HTTP/1.1 408 Request Timeout", see: withoutBody},
		"SparkGateway.spec.securityHeaders.contentSecurityPolicy": {to: "sandbox",
			was: "default-src 'none'; frame-ancestors 'none'", is: "sandbox", see: answered("Content-Security-Policy")},
		"SparkGateway.spec.securityHeaders.strictTransportSecurity": {with: edits{overTLS: "tls-1"}, to: "max-age=5",
			was: "max-age=31536000; includeSubDomains", is: "max-age=5", see: answered("Strict-Transport-Security")},
		"SparkGateway.spec.securityHeaders.frameOptions=DENY": {from: "SAMEORIGIN", was: "SAMEORIGIN", is: "DENY",
			see: answered("X-Frame-Options")},
		"SparkGateway.spec.securityHeaders.frameOptions=SAMEORIGIN": {was: "DENY", is: "SAMEORIGIN", see: answered("X-Frame-Options")},
		"SparkGateway.spec.securityHeaders.extra":                   {to: "{X-Team: search}", was: "", is: "search", see: answered("X-Team")},
		"SparkGateway.spec.telemetry.accessLog.enabled": {to: "false", was: true, is: false, see: func(b *bed) any {
			b.ask(question{})
			return within(glance, func() bool { return strings.Contains(b.log.String(), `"user":"alice"`) })
		}},
	}
	for _, policy := range []string{"no-referrer-when-downgrade", "origin", "origin-when-cross-origin", "same-origin", "strict-origin",
		"strict-origin-when-cross-origin", "unsafe-url"} {
		found["SparkGateway.spec.securityHeaders.referrerPolicy="+policy] = fieldCase{was: "no-referrer", is: policy, see: answered("Referrer-Policy")}
	}
	found["SparkGateway.spec.securityHeaders.referrerPolicy=no-referrer"] = fieldCase{from: "origin", was: "origin", is: "no-referrer",
		see: answered("Referrer-Policy")}
	return found
}

// connections sees which of three clients are served that stay connected. One that is not is told so, or just left.
func connections(b *bed) any {
	b.up()
	served := make([]bool, 3)
	for i := range served {
		client := &http.Client{Transport: &http.Transport{}}
		b.Cleanup(client.CloseIdleConnections)
		response, err := client.Do(list.request(b.Context(), b))
		if err != nil {
			continue
		}
		// A connection stays only where its answer was read.
		_, err = io.Copy(io.Discard, response.Body)
		served[i] = errors.Join(err, response.Body.Close()) == nil && response.StatusCode == http.StatusOK
	}
	return served
}

// drained sees whether a request that does not end is broken off soon after the pod is asked to leave, as its program does.
func drained(b *bed) any {
	p := b.begin(question{steer: "fault=hang"})
	if !within(patience, func() bool { return len(asked(b.one))+len(asked(b.two)) > 0 }) {
		b.Fatal("no provider is asked")
	}
	ctx, cancel := context.WithTimeout(b.Context(), b.server.DrainTimeout())
	defer cancel()
	left := make(chan struct{})
	go func() {
		defer close(left)
		_ = b.server.Shutdown(ctx)
	}()
	got, ok := p.answered(glance)
	cancel()
	<-left
	return ok && got.status == http.StatusServiceUnavailable
}

// withoutBody sees the first line of the answer to a request whose body does not come, for as long as nobody is tired.
func withoutBody(b *bed) any {
	b.up()
	conn, err := net.Dial("tcp", b.address)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s1\r\nContent-Length: 99\r\n\r\n{", aliceKey)
	_ = conn.SetReadDeadline(time.Now().Add(glance))
	var answer [256]byte
	n, _ := conn.Read(answer[:]) // nothing is an answer too
	line, _, _ := strings.Cut(string(answer[:n]), "\r\n")
	return line
}

// list asks for nothing that costs.
var list = question{method: http.MethodGet, path: "/v1/models"}

// limitCases are of request limits, wherever they stand.
func limitCases() cases {
	found := cases{}
	for field, q := range map[string]question{
		"SparkGateway.spec.limits.requests": list, "SparkGateway.spec.limits.perIP.requests": list, "APIKey.spec.limits.requests": list,
		"ProviderPolicy.spec.limits.requests": {model: "one/gpt"},
	} {
		with := func(limit string) edits {
			return edits{field: limit, "ProviderPolicy.spec.limits.queue.length": "0"}
		}
		found[field+"[].count"] = fieldCase{with: with("[{per: 1h}]"), from: "2", to: "3", was: 2, is: 3, see: served(5, q)}
		found[field+"[].burst"] = fieldCase{with: with("[{count: 4, per: 1h}]"), to: "2", was: 4, is: 2, see: served(5, q)}
		found[field+"[].per"] = fieldCase{with: with("[{count: 1}]"), from: "1h", to: "1m",
			was: 1, is: 2, see: servedAfter(2*time.Minute, q)}
	}
	found["SparkGateway.spec.limits.requests[].count for each principal"] = fieldCase{
		with: edits{"SparkGateway.spec.limits.requests": "[{per: 1h}]"}, from: "9", to: "2", was: 4, is: 3,
		see: func(b *bed) any {
			alice, _ := served(3, list)(b).(int)
			another := list
			another.key = "2"
			other, _ := served(1, another)(b).(int)
			return alice + other
		}}
	return found
}
