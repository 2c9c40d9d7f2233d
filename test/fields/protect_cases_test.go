// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

const (
	boundsOf = "SparkGateway.spec.requestLimits"
	corsOf   = "SparkGateway.spec.cors"
	errorsOf = "SparkGateway.spec.telemetry.errorTracking"
)

// protectCases are of bounds of single requests, of scripts of web pages, and of who is told of errors.
func protectCases() cases {
	found := boundCases()
	for _, some := range []cases{corsCases(), trackingCases()} {
		maps.Copy(found, some)
	}
	return found
}

// refusal sees why a request is refused; "" where it is not.
func refusal(q question) func(*bed) any {
	return func(b *bed) any { return b.ask(q).header.Get("X-Spark-Reason") }
}

func boundCases() cases {
	many := map[string]string{}
	for i := range 30 {
		many[fmt.Sprintf("X-Field-%d", i)] = "a"
	}
	two := question{body: `{"model":"smart","messages":[{"role":"user","content":"hello"},{"role":"assistant","content":"hello"},{"role":"user","content":"hello"}]}`}
	deep := question{extra: `,"metadata":` + strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20)}
	long := question{body: `{"model":"smart","messages":[{"role":"user","content":"` + strings.Repeat("the ", 500) + `"}]}`}
	greedy := question{extra: `,"max_tokens":50`}
	asksFor := received(greedy, func(r fakeprovider.Record) any {
		var asked struct {
			Most int `json:"max_tokens"`
		}
		_ = json.Unmarshal([]byte(r.Body), &asked)
		return asked.Most
	})
	bounded := edits{targets: justOne, boundsOf: "{maxOutputTokens: 10}"}
	return cases{
		boundsOf + ".maxHeaderFields":       {to: "16", was: "", is: "too_many_header_fields", see: refusal(question{header: many})},
		boundsOf + ".maxMessages":           {to: "2", was: "", is: "too_many_messages", see: refusal(two)},
		boundsOf + ".maxDepth":              {to: "8", was: false, is: true, see: func(b *bed) any { return refusal(deep)(b) == "body_too_deep" }},
		boundsOf + ".maxInputTokens":        {to: "100", was: "", is: "input_tokens", see: refusal(long)},
		boundsOf + ".maxOutputTokens":       {to: "49", was: "", is: "max_output_tokens", see: refusal(greedy)},
		boundsOf + ".onExcessOutput=Clamp":  {with: bounded, was: "nothing; 400", is: 10, see: statusOnly(asksFor)},
		boundsOf + ".onExcessOutput=Refuse": {with: bounded, from: "Clamp", was: 10, is: "nothing; 400", see: statusOnly(asksFor)},
		boundsOf + ".minBodyRate":           {with: edits{boundsOf + ".bodyTimeout": "1h"}, from: "1", to: "128", was: "", is: "HTTP/1.1 408 Request Timeout", see: dripped},
	}
}

// statusOnly leaves the words of an answer aside.
func statusOnly(see func(*bed) any) func(*bed) any {
	return func(b *bed) any {
		seen := see(b)
		if text, ok := seen.(string); ok {
			text, _, _ = strings.Cut(text, " {")
			return text
		}
		return seen
	}
}

// dripped sees the first line of the answer to a request whose body comes by 20 bytes a second, for as long as nobody is tired.
func dripped(b *bed) any {
	b.up()
	conn, err := net.Dial("tcp", b.address)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s1\r\nContent-Length: 99999\r\n\r\n{", aliceKey)
	gone := make(chan struct{})
	defer close(gone)
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if _, err := conn.Write([]byte(" ")); err != nil {
					return
				}
			case <-gone:
				return
			}
		}
	}()
	// Five seconds are for everybody.
	_ = conn.SetReadDeadline(time.Now().Add(3 * glance))
	var answer [256]byte
	n, _ := conn.Read(answer[:]) // nothing is an answer too
	line, _, _ := strings.Cut(string(answer[:n]), "\r\n")
	return line
}

// preflight asks what a script of a page may do.
func preflight(name string) func(*bed) any {
	return func(b *bed) any {
		return b.ask(question{method: http.MethodOptions, as: "nobody", body: " ", header: map[string]string{
			"Origin": "https://app.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a, x-b",
		}}).header.Get(name)
	}
}

func corsCases() cases {
	with := edits{corsOf: "{allowOrigins: [https://app.example]}"}
	exposed := func(b *bed) any {
		q := list
		q.header = map[string]string{"Origin": "https://app.example"}
		return strings.Contains(strings.ToLower(b.ask(q).header.Get("Access-Control-Expose-Headers")), "x-team")
	}
	origin, headers := preflight("Access-Control-Allow-Origin"), preflight("Access-Control-Allow-Headers")
	found := cases{
		corsOf: {to: "{allowOrigins: [https://app.example]}", was: "", is: "https://app.example", see: origin},
		corsOf + ".allowOrigins": {from: "[https://other.example]", to: `["https://*.other.example", "https://app.example"]`,
			was: "", is: "https://app.example", see: origin},
		corsOf + ".allowHeaders":     {with: with, from: "[X-A]", to: "[X-B, X-C]", was: "X-A", is: "X-B, X-C", see: headers},
		corsOf + ".allowCredentials": {with: with, to: "true", was: "", is: "true", see: preflight("Access-Control-Allow-Credentials")},
		corsOf + ".maxAge":           {with: with, to: "1m", was: "600", is: "60", see: preflight("Access-Control-Max-Age")},
		corsOf + ".exposeHeaders":    {with: with, to: "[X-Team]", was: false, is: true, see: exposed},
	}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		other := "POST"
		if method == other {
			other = "GET"
		}
		found[corsOf+".allowMethods="+method] = fieldCase{with: with, from: "[" + other + "]", to: "[" + method + "]", was: other, is: method,
			see: preflight("Access-Control-Allow-Methods")}
	}
	return found
}

// trackingCases are of who is told of errors, when providers fail.
func trackingCases() cases {
	told := func(b *bed) any {
		b.ask(question{steer: "fault=status:500"})
		within(patience, func() bool { return b.sink.first() != "" })
		return b.sink.first()
	}
	sentry := edits{errorsOf: "{sentryDSNSecretRef: {name: sentry-1}}"}
	hook := edits{errorsOf: "{webhook: {url: $SINK/a}}"}
	return cases{
		errorsOf + ".sentryDSNSecretRef.name": {from: "sentry-1", to: "sentry-2", was: "POST /api/1/envelope/ ", is: "POST /api/3/envelope/ ", see: told},
		errorsOf + ".sentryDSNSecretRef.key":  {with: sentry, to: "second", was: "POST /api/1/envelope/ ", is: "POST /api/2/envelope/ ", see: told},
		errorsOf + ".environment": {with: sentry, to: "staging-7", was: false, is: true, see: func(b *bed) any {
			told(b)
			return strings.Contains(b.sink.body(), `"environment":"staging-7"`)
		}},
		errorsOf + ".webhook.url":                         {from: "$SINK/a", to: "$SINK/b", was: "POST /a ", is: "POST /b ", see: told},
		errorsOf + ".webhook.authorizationSecretRef.name": {with: hook, from: "sink-1", to: "sink-2", was: "POST /a Bearer one", is: "POST /a Bearer two", see: told},
		errorsOf + ".webhook.authorizationSecretRef.key": {with: and(hook, edits{errorsOf + ".webhook.authorizationSecretRef.name": "sink-1"}), to: "second",
			was: "POST /a Bearer one", is: "POST /a Bearer other", see: told},
		errorsOf + ".maxGroups": {with: edits{"APIKey.spec.role": "Master"}, to: "10", was: 12, is: 10, see: groups},
	}
}

// groups sees how many groups of errors are remembered after twelve kinds of them.
func groups(b *bed) any {
	for _, code := range []int{400, 402, 404, 409, 410, 413, 415, 418, 422, 423, 424, 426} {
		b.ask(question{model: "one/gpt", steer: fmt.Sprintf("fault=status:%d", code)})
	}
	var report struct{ Groups []json.RawMessage }
	within(glance, func() bool {
		got := b.ask(question{method: http.MethodGet, path: "/api/spark/errors"})
		if err := json.Unmarshal([]byte(got.body), &report); err != nil {
			b.Fatal(got.status, got.body)
		}
		return len(report.Groups) == 12
	})
	return len(report.Groups)
}
