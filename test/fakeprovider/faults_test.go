// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

func TestErrorStatuses(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for spec, want := range map[string]struct {
		status                  int
		retryAfter, retryMillis string
		kind, code              string
	}{
		"rate-limit":             {429, "1", "1000", "requests", "rate_limit_exceeded"},
		"rate-limit:1500ms":      {429, "2", "1500", "requests", "rate_limit_exceeded"},
		"status:503":             {503, "", "", "server_error", ""},
		"status:503:2s":          {503, "2", "2000", "server_error", ""},
		"status:403":             {403, "", "", "permission_error", ""},
		"status:418":             {418, "", "", "invalid_request_error", ""},
		"latency:1ms,status:529": {529, "", "", "server_error", ""},
	} {
		for _, body := range []string{plain, streamed} {
			response, content := ask(t, server, body, fault(spec)...)
			_, kind, code := failureOf(t, content)
			if response.StatusCode != want.status || response.Header.Get("Retry-After") != want.retryAfter ||
				response.Header.Get("Retry-After-Ms") != want.retryMillis || kind != want.kind || code != want.code {
				t.Errorf("%s: %s, %v, type %s, code %s; want %+v", spec, response.Status, response.Header, kind, code, want)
			}
			if response.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: content-type %s", spec, response.Header.Get("Content-Type"))
			}
		}
	}
	for _, record := range server.Records() {
		if record.State != fakeprovider.Faulted {
			t.Errorf("record %d (%s) is %s, want faulted", record.ID, record.Fault, record.State)
		}
	}
}

func isReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }
func isEOF(err error) bool   { return errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) }
func isCut(err error) bool   { return errors.Is(err, io.ErrUnexpectedEOF) }

func TestConnectionsThatBreakBeforeTheHeaders(t *testing.T) {
	for spec, is := range map[string]func(error) bool{"reset-before-headers": isReset, "close-before-headers": isEOF} {
		for _, body := range []string{plain, streamed} {
			server := start(t, fakeprovider.Options{})
			if _, err := send(t, server, chatPath, body, fault(spec)...); !is(err) {
				t.Errorf("%s: error = %v", spec, err)
			}
			if record := ended(t, server); record.State != fakeprovider.Faulted || record.BytesSent != 0 {
				t.Errorf("%s: record %+v", spec, record)
			}
		}
	}
}

func TestAnswersThatBreakOff(t *testing.T) {
	for spec, c := range map[string]struct {
		body   string
		is     func(error) bool
		events int
	}{
		"reset-after-headers,first-token-latency:1s": {streamed, isReset, 0},
		"reset-mid-stream":                           {streamed, isReset, 3},
		"reset-mid-stream:0":                         {streamed, isReset, 0},
		"reset-mid-stream:5":                         {streamed, isReset, 5},
		"reset-mid-stream:99":                        {streamed, isReset, 12}, // 10 tokens, role and finish_reason, but never [DONE]
		"truncate-stream":                            {streamed, isCut, 3},
		"truncate-stream:1":                          {streamed, isCut, 1},
		"reset-after-headers":                        {plain, isReset, 0},
		"reset-mid-body":                             {plain, isReset, 0},
		"truncate-body":                              {plain, isCut, 0},
	} {
		t.Run(spec, func(t *testing.T) {
			server := start(t, fakeprovider.Options{})
			response, err := send(t, server, chatPath, c.body, append(fault(spec), "x-fake-tokens", "10")...)
			if err != nil {
				t.Fatalf("the headers should arrive: %v", err)
			}
			content, err := io.ReadAll(response.Body)
			if !c.is(err) {
				t.Errorf("error = %v", err)
			}
			if got := count(content, "data: "); got != c.events || count(content, "[DONE]") > 0 {
				t.Errorf("%d events before the end, want %d: %s", got, c.events, content)
			}
			record := ended(t, server)
			if record.State != fakeprovider.Faulted || record.EventsSent != c.events || record.Fault != spec {
				t.Errorf("record %+v", record)
			}
			if want := max(0, min(c.events-1, 10)); c.body == streamed && record.CompletionTokens != want {
				t.Errorf("%d tokens were served, want %d", record.CompletionTokens, want)
			}
		})
	}
}

func TestABodyIsCutAtTheByteThatWasAskedFor(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	response, err := send(t, server, chatPath, plain, fault("truncate-body:10")...)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(response.Body)
	if !isCut(err) || len(content) != 10 || response.ContentLength <= 10 {
		t.Errorf("%d of %d bytes, error %v", len(content), response.ContentLength, err)
	}
}

func TestSilenceLastsUntilTheClientLeaves(t *testing.T) {
	for spec, c := range map[string]struct {
		body  string
		wants string // what arrives before the silence
	}{
		"hang":          {plain, ""},
		"stall":         {streamed, "data: "},
		"stall:1":       {streamed, "data: "},
		"stall-body:20": {plain, `{"id":"chatcmpl-`},
	} {
		t.Run(spec, func(t *testing.T) {
			server := start(t, fakeprovider.Options{})
			ctx, leave := context.WithCancel(soon(t))
			defer leave()
			request, err := http.NewRequestWithContext(ctx, "POST", server.URL()+chatPath, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("x-fake-fault", spec)
			arrived := make(chan []byte, 1)
			go func() {
				defer close(arrived)
				response, err := client(t).Do(request)
				if err != nil {
					return
				}
				defer response.Body.Close()
				first := make([]byte, len(c.wants))
				if _, err := io.ReadFull(response.Body, first); err == nil {
					arrived <- first
				}
				io.Copy(io.Discard, response.Body) //nolint:errcheck // it ends when the client leaves
			}()
			if c.wants != "" {
				if got := string(<-arrived); got != c.wants {
					t.Errorf("%q arrived, want %q", got, c.wants)
				}
			}
			if _, err := server.WaitFor(soon(t), func(r fakeprovider.Record) bool { return r.Fault == spec }); err != nil {
				t.Fatal(err)
			}
			leave()
			if record := ended(t, server); record.State != fakeprovider.Cancelled {
				t.Errorf("record %+v", record)
			}
			for line := range arrived {
				_ = line // until the client has ended
			}
		})
	}
}

func TestNoise(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for _, c := range []struct{ spec, body, contentType string }{
		{"garbage", plain, "application/json"},
		{"garbage", streamed, "text/event-stream; charset=utf-8"},
		{"html", plain, "text/html; charset=utf-8"},
		{"html", streamed, "text/html; charset=utf-8"},
	} {
		response, content := ask(t, server, c.body, fault(c.spec)...)
		if response.StatusCode != 200 || response.Header.Get("Content-Type") != c.contentType {
			t.Errorf("%s: %s %s", c.spec, response.Status, response.Header.Get("Content-Type"))
		}
		if json.Valid(content) || count(content, "data:") > 0 || len(content) == 0 {
			t.Errorf("%s makes sense: %q", c.spec, content)
		}
	}
}

func TestUsageFaults(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for _, c := range []struct{ spec, body, has, hasNot string }{
		{"no-usage", plain, `"finish_reason":"stop"`, "usage"},
		{"bad-usage", plain, `"prompt_tokens":"many"`, "details"},
		{"no-usage", counted, "[DONE]", "usage"},
		{"bad-usage", counted, `"choices":[],"usage":{"prompt_tokens":"many"`, "details"},
		{"bad-usage", streamed, `"choices":[],"usage":{"prompt_tokens":"many"`, "details"},
	} {
		_, content := ask(t, server, c.body, fault(c.spec)...)
		if count(content, c.has) == 0 || count(content, c.hasNot) > 0 {
			t.Errorf("%s: want %s and no %s in %s", c.spec, c.has, c.hasNot, content)
		}
	}
}

func TestGzip(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for _, body := range []string{plain, streamed} {
		response, content := ask(t, server, body, fault("gzip")...)
		if response.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("headers %v", response.Header)
		}
		unpacked, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(unpacked)
		if err != nil || count(text, "You ") != 1 {
			t.Errorf("%v: %s", err, text)
		}
		records := server.Records()
		if record := records[len(records)-1]; record.BytesSent != int64(len(content)) {
			t.Errorf("%d bytes recorded, %d received", record.BytesSent, len(content))
		}
	}
}

func TestFaultsThatDoNotFitAreRefused(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for _, c := range []struct{ spec, body, reason string }{
		{"stall", plain, `fault "stall" needs a streamed answer`},
		{"reset-mid-body", streamed, `fault "reset-mid-body" needs an answer that is not streamed`},
		{"stahl", plain, `header x-fake-fault: unknown fault "stahl"`},
	} {
		response, content := ask(t, server, c.body, fault(c.spec)...)
		if reason, _, _ := failureOf(t, content); response.StatusCode != 400 || !strings.Contains(reason, c.reason) {
			t.Errorf("%d %q, want 400 about %q", response.StatusCode, reason, c.reason)
		}
	}
}

func TestFaultsComeByMessageAndModelToo(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for _, body := range []string{
		chatBody("m+fault=status:503:2s", "hi", false),
		chatBody("m", "hi [[fake tokens=5 fault=status:503:2s]] there", true),
	} {
		if response, _ := ask(t, server, body); response.StatusCode != 503 || response.Header.Get("Retry-After") != "2" {
			t.Errorf("%s: %s", body, response.Status)
		}
	}
}
