// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

func TestARecordSaysWhatWasReceivedAndServed(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	_, stream := ask(t, server, counted, "Authorization", "Bearer sk-secret-9876", "X-Extra", "1", "x-fake-tokens", "5")
	got := ended(t, server)
	if got.ID != 1 || got.Method != "POST" || got.Path != chatPath || got.Body != counted ||
		got.BodyBytes != len(counted) || got.Model != "m" || !got.Stream || got.Status != 200 ||
		got.State != fakeprovider.Completed || got.Headers.Get("X-Extra") != "1" || got.RemoteAddr == "" {
		t.Errorf("record %+v", got)
	}
	if got.PromptTokens != fakeprovider.PromptTokens("hi") || got.CompletionTokens != 5 || got.EventsSent != 9 ||
		got.BytesSent != int64(len(stream)) {
		t.Errorf("served %+v, received %d bytes", got, len(stream))
	}
	if got.StartedAt.IsZero() || got.EndedAt.Before(got.StartedAt) || !got.CancelledAt.IsZero() {
		t.Errorf("times %+v", got)
	}
}

func TestCredentialsAreRedactedButCanBeRecognized(t *testing.T) {
	const key = "sk-secret-9876"
	for header, value := range map[string]string{
		"Authorization": "Bearer " + key, "X-Api-Key": key, "Api-Key": key, "X-Goog-Api-Key": key,
	} {
		server := start(t, fakeprovider.Options{})
		ask(t, server, plain, header, value)
		got := ended(t, server)
		want := strings.Replace(value, key, "***9876", 1)
		if got.Headers.Get(header) != want || got.KeySHA256 != fakeprovider.SHA256Of(key) {
			t.Errorf("%s is recorded as %q, %s", header, got.Headers.Get(header), got.KeySHA256)
		}
	}
	server := start(t, fakeprovider.Options{})
	response, err := send(t, server, "/v1/models?key="+key+"&a=b", "")
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, response.Body) //nolint:errcheck // only the record matters
	if got := ended(t, server); strings.Contains(got.Query, "secret") || got.KeySHA256 != fakeprovider.SHA256Of(key) {
		t.Errorf("query %q, %s", got.Query, got.KeySHA256)
	}
	server.Reset()
	ask(t, server, plain, "Authorization", "Bearer short")
	if got := ended(t, server).Headers.Get("Authorization"); got != "Bearer ***" {
		t.Errorf("a short key is recorded as %q", got)
	}
}

func TestALeavingClientIsSeenAtOnce(t *testing.T) {
	for name, c := range map[string]struct{ body, fault, delay string }{
		"while a body is being made":   {plain, "none", "1m"},
		"while a stream is under way":  {streamed, "none", "5ms"},
		"while a stream is silent":     {streamed, "stall", "0s"},
		"before the headers":           {plain, "latency:1m", "0s"},
		"before the first token":       {streamed, "first-token-latency:1m", "0s"},
		"while comments fill the wait": {streamed, "stall,keep-alive:1ms", "0s"},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, fakeprovider.Options{})
			left := leaveMidway(t, server, c.body, c.fault, c.delay)
			got := ended(t, server)
			if got.State != fakeprovider.Cancelled {
				t.Fatalf("record %+v", got)
			}
			if late := got.CancelledAt.Sub(left); late > 100*time.Millisecond {
				t.Errorf("seen %s after the client left", late)
			}
			if stats := server.Stats(); stats.InFlight != 0 || stats.Cancelled != 1 || stats.Completed != 0 {
				t.Errorf("stats %+v", stats)
			}
		})
	}
}

// leaveMidway makes a long request, waits until it runs (a stream: until it has served something), leaves, and says
// when.
func leaveMidway(t *testing.T, server *fakeprovider.Server, body, spec, delay string) time.Time {
	t.Helper()
	ctx, leave := context.WithCancel(soon(t))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL()+chatPath, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("x-fake-fault", spec)
	request.Header.Set("x-fake-token-delay", delay)
	request.Header.Set("x-fake-tokens", "5000")
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		response, err := client(t).Do(request)
		if err == nil {
			io.Copy(io.Discard, response.Body) //nolint:errcheck // it ends when the client leaves
			response.Body.Close()
		}
	}()
	serves := body == streamed && !strings.Contains(spec, "first-token")
	if _, err := server.WaitFor(soon(t), func(r fakeprovider.Record) bool {
		return r.Fault == spec && (!serves || r.EventsSent >= 2)
	}); err != nil {
		t.Fatal(err)
	}
	left := time.Now()
	leave()
	<-gone
	return left
}

func TestTokensOfACancelledStreamAreThoseThatWereServed(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	leaveMidway(t, server, streamed, "none", "5ms")
	got := ended(t, server)
	if got.CompletionTokens == 0 || got.CompletionTokens >= 5000 || got.CompletionTokens != got.EventsSent-1 {
		t.Errorf("%d tokens in %d events", got.CompletionTokens, got.EventsSent)
	}
}

func TestOnlyTheNewestRecordsAndAShortBodyAreKept(t *testing.T) {
	server := start(t, fakeprovider.Options{RecordLimit: 2, RecordBodyLimit: 10})
	for range 3 {
		ask(t, server, plain)
	}
	got, err := server.WaitForN(soon(t), 2, func(r fakeprovider.Record) bool { return r.State == fakeprovider.Completed })
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].ID != 2 || got[1].ID != 3 || got[0].Body != plain[:10] || got[0].BodyBytes != len(plain) {
		t.Errorf("records %+v", got)
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := server.WaitFor(ctx, func(fakeprovider.Record) bool { return true })
	if err == nil || !strings.Contains(err.Error(), "0 of 0 records match, 1 wanted") {
		t.Errorf("error = %v", err)
	}
}

func TestManyAtOnceAreCountedRight(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	const streams = 50
	for range streams {
		go func() {
			request, _ := http.NewRequestWithContext(t.Context(), "POST", server.URL()+chatPath, strings.NewReader(streamed))
			request.Header.Set("x-fake-tokens", "20")
			if response, err := client(t).Do(request); err == nil {
				io.Copy(io.Discard, response.Body) //nolint:errcheck // the records are what is looked at
				response.Body.Close()
			}
		}()
	}
	done, err := server.WaitForN(soon(t), streams, func(r fakeprovider.Record) bool {
		return r.State == fakeprovider.Completed
	})
	if err != nil {
		t.Fatal(err)
	}
	stats := server.Stats()
	if len(done) != streams || stats.Completed != streams || stats.CompletionTokens != streams*20 || stats.InFlight != 0 {
		t.Errorf("%d done, stats %+v", len(done), stats)
	}
}
