// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

func TestAChatIsProxiedAndItsUsageRecorded(t *testing.T) {
	s := start(t)
	got := s.chat("tokens=7", false)
	if got.StatusCode != 200 || got.err != nil {
		t.Fatalf("status %d, error %v: %s", got.StatusCode, got.err, got.body)
	}
	a := decode(t, got.body)
	record := s.record(fakeprovider.Completed)
	if a.Usage == nil || a.Usage.CompletionTokens != 7 || record.Model != "gpt-4o" {
		t.Errorf("usage %+v, record %+v", a.Usage, record)
	}
	if record.KeySHA256 != fakeprovider.SHA256Of(providerKey) {
		t.Error("the provider got another credential than its own")
	}
	l := s.lines(1)[0]
	if l.Outcome != "ok" || l.Status != 200 || l.Key != "default/alice" || l.User != "alice" || l.Model != "gpt-4o" ||
		l.Usage == nil || l.Usage.Source != "reported" || l.Usage.Completion != 7 || l.Usage.Prompt != int64(record.PromptTokens) {
		t.Errorf("access log: %+v", l)
	}
	if got.Header.Get("X-Request-Id") != l.ID || len(l.ID) != 32 {
		t.Errorf("x-request-id %q, in the log %q", got.Header.Get("X-Request-Id"), l.ID)
	}
	if got.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("the document's header is missing")
	}
}

func TestAStreamIsRelayedAndItsUsageRecorded(t *testing.T) {
	s := start(t)
	got := s.chat("tokens=5", true)
	if got.StatusCode != 200 || got.err != nil || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("status %d, error %v, header %v", got.StatusCode, got.err, got.Header)
	}
	data := events(got.body)
	if data[len(data)-1] != "[DONE]" {
		t.Errorf("the stream ends with %q", data[len(data)-1])
	}
	for _, d := range data[:len(data)-1] {
		if a := decode(t, d); a.Usage != nil || len(a.Choices) == 0 {
			t.Errorf("the client did not ask for usage and got %s", d)
		}
	}
	l := s.lines(1)[0]
	if l.Outcome != "ok" || !l.Stream || l.Usage == nil || l.Usage.Source != "reported" || l.Usage.Completion != 5 {
		t.Errorf("access log: %+v", l)
	}
	if l.BytesOut != int64(len(got.body)) {
		t.Errorf("bytes out %d, of %d", l.BytesOut, len(got.body))
	}
}
