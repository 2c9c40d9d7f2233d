// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

var discard = log.New(io.Discard, "", 0)

// question is a request of an application: a short chat, unless it says otherwise.
type question struct {
	model  string         // default "smart"
	key    string         // the end of the key; default "1", alice's
	as     string         // "token" shows a token instead of the key, "nobody" nothing
	claims map[string]any // of the token, instead of the usual
	steer  string         // what the fake provider is told, such as "fault=hang"
	stream bool
	extra  string // further members of the body, such as `,"max_tokens":9`
	header map[string]string
	method string // default POST
	path   string // default that of OpenAI's chats
	body   string // default the chat
}

// answer is what came, read to the end. A status of 0 is no answer, and err how its body ended.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
	served *tls.ConnectionState
}

// ask asks and waits.
func (b *bed) ask(q question) answer {
	b.Helper()
	p := b.begin(q)
	got, ok := p.answered(patience)
	if !ok {
		b.Fatalf("no answer to %+v within %s\n%s", q, patience, b.told())
	}
	return got
}

// pending is a question that is not answered yet.
type pending struct {
	leave context.CancelFunc
	ended chan struct{}
	answer
}

// begin asks without waiting. What was asked is given up with the test.
func (b *bed) begin(q question) *pending {
	b.Helper()
	b.up()
	ctx, cancel := context.WithCancel(b.Context())
	request := q.request(ctx, b)
	p := &pending{leave: cancel, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableCompression: true}
		defer transport.CloseIdleConnections()
		response, err := transport.RoundTrip(request)
		if err != nil {
			p.err = err
			return
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		p.answer = answer{response.StatusCode, response.Header, string(body), err, response.TLS}
	}()
	b.Cleanup(func() {
		cancel()
		<-p.ended
	})
	return p
}

func (q *question) request(ctx context.Context, b *bed) *http.Request {
	orElse := func(said, otherwise string) string {
		if said == "" {
			return otherwise
		}
		return said
	}
	body := q.body
	if body == "" && q.method != http.MethodGet {
		body = fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"hello [[fake %s]]"}],"stream":%t%s}`,
			orElse(q.model, "smart"), orElse(q.steer, "tokens=3"), q.stream, q.extra)
	}
	scheme := "http://"
	if b.compiled.Document.Core.Gateway.TLS != nil {
		scheme = "https://"
	}
	url := scheme + b.address + orElse(q.path, "/v1/chat/completions")
	request, err := http.NewRequestWithContext(ctx, orElse(q.method, http.MethodPost), url, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	switch q.as {
	case "token":
		request.Header.Set("Authorization", "Bearer "+b.idp.token(q.claims))
	case "":
		request.Header.Set("Authorization", "Bearer "+aliceKey+orElse(q.key, "1"))
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range q.header {
		request.Header.Set(name, value)
	}
	return request
}

// answered gives the answer, if it comes in time.
func (p *pending) answered(d time.Duration) (answer, bool) {
	select {
	case <-p.ended:
		return p.answer, true
	default:
	}
	select {
	case <-p.ended:
		return p.answer, true
	case <-time.After(d):
		return answer{}, false
	}
}

// status sees the status of one answer.
func status(q question) func(*bed) any {
	return func(b *bed) any { return b.ask(q).status }
}

// served sees how many of n requests, one after another, are answered well.
func served(n int, q question) func(*bed) any {
	return func(b *bed) any {
		good := 0
		for range n {
			if b.ask(q).status == http.StatusOK {
				good++
			}
		}
		return good
	}
}

// servedAfter sees how many of 2 requests are answered well, between which time passes.
func servedAfter(d time.Duration, q question) func(*bed) any {
	return func(b *bed) any {
		before, _ := served(1, q)(b).(int)
		b.pass(d)
		after, _ := served(1, q)(b).(int)
		return before + after
	}
}

// endsSoon sees whether a request ends, in whatever way, before anybody loses patience.
func endsSoon(q question) func(*bed) any {
	return func(b *bed) any {
		_, ok := b.begin(q).answered(glance)
		return ok
	}
}

// asked are the requests to a provider, health checks and lists aside.
func asked(p *fakeprovider.Server) []fakeprovider.Record {
	return slices.DeleteFunc(p.Records(), func(r fakeprovider.Record) bool { return r.Method != http.MethodPost })
}

// shares counts the requests to both providers.
type shares struct{ One, Two int }

func (b *bed) shares() shares { return shares{len(asked(b.one)), len(asked(b.two))} }

// attempts sees how often each provider is asked for n requests, one after another.
func attempts(n int, q question) func(*bed) any {
	return func(b *bed) any {
		for range n {
			b.ask(q)
		}
		return b.shares()
	}
}

// who sees which providers are asked in n requests.
func who(n int, q question) func(*bed) any {
	return func(b *bed) any {
		for range n {
			b.ask(q)
		}
		return b.shares().who()
	}
}

func (s shares) who() string {
	switch {
	case s.One > 0 && s.Two > 0:
		return "both"
	case s.One > 0:
		return "one"
	case s.Two > 0:
		return "two"
	}
	return "none"
}

// received sees something of the first request that provider one gets.
func received(q question, look func(fakeprovider.Record) any) func(*bed) any {
	return func(b *bed) any {
		got := b.ask(q)
		records := asked(b.one)
		if len(records) == 0 {
			return fmt.Sprintf("nothing; %d %s", got.status, got.body)
		}
		return look(records[0])
	}
}

// reaches sees where the gateway connects to for a request.
func reaches(q question) func(*bed) any {
	return func(b *bed) any {
		b.ask(q)
		return b.reached()
	}
}

// breaks makes provider one fail in every way that is named, one after another and the last for ever.
func (b *bed) breaks(faults ...string) {
	b.Helper()
	rules := make([]fakeprovider.Rule, len(faults))
	for i, fault := range faults {
		rules[i] = fakeprovider.Rule{Fault: fault, Count: 1}
	}
	rules[len(rules)-1].Count = 0
	if err := b.one.SetScript(rules...); err != nil {
		b.Fatal(err)
	}
}

// whenBroken sees something of a gateway whose provider one fails.
func whenBroken(see func(*bed) any, faults ...string) func(*bed) any {
	return func(b *bed) any {
		b.breaks(faults...)
		return see(b)
	}
}
