// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// fields is a client's header.
type fields map[string]string

func (f fields) PeekCanonical(key []byte) []byte { return []byte(f[string(key)]) }

func base() config.Provider {
	return config.Provider{ID: "ns/p", Name: "p", Type: config.OpenAI, Endpoint: "https://api.example.com/v1"}
}

func made(t testing.TB, change func(*config.Provider), credential string) *Provider {
	t.Helper()
	p := base()
	if change != nil {
		change(&p)
	}
	got, err := New(&p, config.NewSecret(credential), "1.2")
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// chatHead is the whole head of a chat in OpenAI's dialect.
func chatHead(p *Provider, dst []byte, client Fields, length int) []byte {
	dst = p.Way(exchange.Chat, exchange.OpenAI).AppendHead(dst, &Head{Fields: client, Length: length})
	return append(dst, "\r\n"...)
}

// parse reads a head as a server would.
func parse(t testing.TB, head []byte, body string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(append(bytes.Clone(head), body...))))
	if err != nil {
		t.Fatalf("%v in %q", err, head)
	}
	return r
}

func TestEndpoints(t *testing.T) {
	type want struct {
		address, host, chat, models, serverName string
	}
	tests := map[string]struct {
		endpoint string
		want     want
	}{
		"https has its port": {
			"https://api.example.com/v1",
			want{"api.example.com:443", "api.example.com", "/v1/chat/completions", "/v1/models", "api.example.com"},
		},
		"http has its port": {"http://api.example.com", want{"api.example.com:80", "api.example.com", "/chat/completions", "/models", ""}},
		"a port of its own": {"http://127.0.0.1:8080/v1", want{"127.0.0.1:8080", "127.0.0.1:8080", "/v1/chat/completions", "/v1/models", ""}},
		"a slash at the end is not doubled": {
			"https://x.example/openai/v1/", want{"x.example:443", "x.example", "/openai/v1/chat/completions", "/openai/v1/models", "x.example"},
		},
		"an IPv6 address": {"https://[2001:db8::1]:8443/v1", want{"[2001:db8::1]:8443", "[2001:db8::1]:8443", "/v1/chat/completions", "/v1/models", "2001:db8::1"}},
		"an escaped path stays escaped": {
			"http://h/a%2Fb/v1", want{"h:80", "h", "/a%2Fb/v1/chat/completions", "/a%2Fb/v1/models", ""},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := made(t, func(p *config.Provider) { p.Endpoint = tc.endpoint }, "")
			chat := parse(t, chatHead(p, nil, fields{}, 0), "")
			models := parse(t, append(p.Way(exchange.ListModels, exchange.OpenAI).AppendHead(nil, &Head{Method: "GET", Length: -1}), "\r\n"...), "")
			got := want{p.Address, chat.Host, chat.RequestURI, models.RequestURI, ""}
			if p.TLS != nil {
				got.serverName = p.TLS.ServerName
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if chat.Method != "POST" || models.Method != "GET" {
				t.Errorf("methods %s and %s", chat.Method, models.Method)
			}
		})
	}
}

func TestHeads(t *testing.T) {
	client := fields{
		"Authorization": "Bearer client", "Cookie": "c", "X-Forwarded-For": "1.2.3.4", "Openai-Beta": "theirs", "Idempotency-Key": "i",
		"Accept": "text/event-stream", "Content-Type": "text/plain", "User-Agent": "sdk",
	}
	tests := map[string]struct {
		change     func(*config.Provider)
		credential string
		want       http.Header
		wantHost   string
	}{
		"a credential": {
			credential: "sk-1",
			want: http.Header{
				"Authorization": {"Bearer sk-1"}, "User-Agent": {"spark/1.2"}, "Openai-Beta": {"theirs"}, "Idempotency-Key": {"i"},
				"Accept": {"text/event-stream"},
			},
		},
		"none": {
			want: http.Header{"User-Agent": {"spark/1.2"}, "Openai-Beta": {"theirs"}, "Idempotency-Key": {"i"}, "Accept": {"text/event-stream"}},
		},
		"fields set replace the gateway's and the client's": {
			credential: "sk-1",
			change: func(p *config.Provider) {
				p.SetHeaders = []config.Header{
					{Name: "Authorization", Value: "Token other"}, {Name: "Openai-Beta", Value: "ours"}, {Name: "User-Agent", Value: "me"},
					{Name: "X-Team", Value: "search"},
				}
			},
			want: http.Header{
				"Authorization": {"Token other"}, "User-Agent": {"me"}, "Openai-Beta": {"ours"}, "Idempotency-Key": {"i"}, "X-Team": {"search"},
				"Accept": {"text/event-stream"},
			},
		},
		"fields removed, in any case": {
			credential: "sk-1",
			change: func(p *config.Provider) {
				p.RemoveHeaders = []string{"authorization", "USER-AGENT", "openai-beta", "Accept"}
			},
			want: http.Header{"Idempotency-Key": {"i"}},
		},
		"another host": {
			change: func(p *config.Provider) {
				p.SetHeaders = []config.Header{{Name: "Host", Value: "inner.example"}}
				p.RemoveHeaders = []string{"User-Agent", "Openai-Beta", "Accept", "Idempotency-Key"}
			},
			want: http.Header{}, wantHost: "inner.example",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := made(t, tc.change, tc.credential)
			r := parse(t, chatHead(p, nil, client, 5), "12345")
			always := http.Header{"Content-Type": {"application/json"}, "Content-Length": {"5"}, "Accept-Encoding": {"identity"}}
			for k, v := range tc.want {
				always[k] = v
			}
			if diff := cmp.Diff(always, r.Header); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if want := tc.wantHost; want != "" && r.Host != want {
				t.Errorf("host %q", r.Host)
			}
			if r.ContentLength != 5 {
				t.Errorf("content length %d", r.ContentLength)
			}
		})
	}
}

func TestWhatCannotBeAProviderIsRefused(t *testing.T) {
	tests := map[string]struct {
		change     func(*config.Provider)
		credential string
		want       string
	}{
		"framing set":            {change: func(p *config.Provider) { p.SetHeaders = []config.Header{{Name: "Content-Length", Value: "1"}} }, want: "setHeaders[0]: Content-Length"},
		"framing removed":        {change: func(p *config.Provider) { p.RemoveHeaders = []string{"X", "transfer-encoding"} }, want: "removeHeaders[1]: transfer-encoding"},
		"an encoding asked for":  {change: func(p *config.Provider) { p.SetHeaders = []config.Header{{Name: "Accept-Encoding", Value: "gzip"}} }, want: "Accept-Encoding"},
		"a credential of lines":  {credential: "sk-secret\r\nX: y", want: "credential: not printable"},
		"a credential of spaces": {credential: "sk secret", want: "credential: not printable"},
		"an endpoint of noise":   {change: func(p *config.Provider) { p.Endpoint = "http://a b" }, want: "endpoint"},
		"an authority of noise":  {change: func(p *config.Provider) { p.CA = "nonsense" }, want: "ca: holds no PEM"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := base()
			if tc.change != nil {
				tc.change(&p)
			}
			_, err := New(&p, config.NewSecret(tc.credential), "1")
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestConnectionsAreSharedOnlyByWhatMayShareThem(t *testing.T) {
	first := made(t, nil, "sk-1")
	tests := map[string]struct {
		change                     func(*config.Provider)
		credential                 string
		wantConnection, wantModels bool // whether the key stays
	}{
		"nothing changed":       {credential: "sk-1", wantConnection: true, wantModels: true},
		"another credential":    {credential: "sk-2", wantConnection: true},
		"another timeout":       {credential: "sk-1", change: func(p *config.Provider) { p.Timeouts.Total = 5 }, wantConnection: true, wantModels: true},
		"another name":          {credential: "sk-1", change: func(p *config.Provider) { p.Name = "q" }, wantConnection: true, wantModels: true},
		"another path":          {credential: "sk-1", change: func(p *config.Provider) { p.Endpoint += "/x" }, wantConnection: true},
		"another header":        {credential: "sk-1", change: func(p *config.Provider) { p.SetHeaders = []config.Header{{Name: "X", Value: "1"}} }, wantConnection: true},
		"another host":          {credential: "sk-1", change: func(p *config.Provider) { p.Endpoint = "https://other.example/v1" }},
		"plain HTTP":            {credential: "sk-1", change: func(p *config.Provider) { p.Endpoint = "http://api.example.com:443/v1" }},
		"another server name":   {credential: "sk-1", change: func(p *config.Provider) { p.ServerName = "other" }},
		"another provider's ID": {credential: "sk-1", change: func(p *config.Provider) { p.ID = "ns/q" }},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := made(t, tc.change, tc.credential)
			if same := p.ConnectionKey == first.ConnectionKey; same != tc.wantConnection {
				t.Errorf("shares connections: %t", same)
			}
			if same := p.CatalogKey == first.CatalogKey; same != tc.wantModels {
				t.Errorf("shares the list of models: %t", same)
			}
			if strings.Contains(p.ConnectionKey+p.CatalogKey, tc.credential) {
				t.Error("a key holds the credential")
			}
		})
	}
}

func TestServerNameOverridesTheHost(t *testing.T) {
	if p := made(t, func(p *config.Provider) { p.ServerName = "inner" }, ""); p.TLS.ServerName != "inner" {
		t.Errorf("got %q", p.TLS.ServerName)
	}
}

func TestReturned(t *testing.T) {
	for name, want := range map[string]Return{
		"Openai-Processing-Ms": Pass, "Openai-Version": Pass, "Retry-After": Pass, "Retry-After-Ms": Pass, "X-Should-Retry": Pass,
		"X-Request-Id": RequestID, "Request-Id": RequestID,
		"X-Ratelimit-Limit-Tokens": PassUnlessOurs, "X-Ratelimit-Remaining-Requests": PassUnlessOurs,
		"Set-Cookie": Drop, "Server": Drop, "Openai-Organization": Drop, "Connection": Drop, "Content-Length": Drop, "Date": Drop,
		"X-Ratelimit-": Drop, "Strict-Transport-Security": Drop, "Alt-Svc": Drop, "": Drop, "X-Spark-Reason": Drop,
	} {
		if got := Returned([]byte(name)); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

func TestAppendHeadDoesNotAllocate(t *testing.T) {
	p, buf := made(t, nil, "sk"), make([]byte, 0, 4096)
	none := noFields{}
	if n := testing.AllocsPerRun(100, func() { buf = chatHead(p, buf[:0], none, 1234) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

type noFields struct{}

func (noFields) PeekCanonical([]byte) []byte { return nil }
