// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// endings are what only a whole stream has, in any dialect of an application.
var endings = []string{"[DONE]", "message_stop", "response.completed", `"finishReason":"`, `"finish_reason":"`, `"stop_reason":"`}

// short sends the beginning of a stream as one chunk that announces more than comes.
func short(kind config.ProviderType, body string) *script {
	whole := cut(kind, body)
	return &script{pieces: []string{whole.pieces[0], fmt.Sprintf("%x\r\n%s", len(body)+100, body)}}
}

// Wherever a stream ends before its end, within an event or between two, with or without the end of the framing, the
// client is told so and gets nothing that says otherwise.
func TestAStreamThatIsCutAnywhereIsNeverWhole(t *testing.T) {
	everyWire(t, func(t *testing.T, w wired, responses, _ bool) {
		events := wireStream(w.kind, responses, "one", "two")
		body := framed(w.kind, events, framings["plain"])
		last := len(framed(w.kind, events[:finishAt(w.kind, events)], framings["plain"]))
		for at := 1; at < last; at += 7 {
			for name, s := range map[string]*script{"at an end": cut(w.kind, body[:at]), "in a chunk": short(w.kind, body[:at])} {
				r := w.ask(t, s.dial, false)
				if r.refused != nil {
					if r.refused.Outcome != exchange.ProviderBroken || r.out.Len() > 0 {
						t.Fatalf("cut %s after %q: %v, %q", name, body[:at], r.refused, r.out.String())
					}
					continue
				}
				if r.relay == nil || r.ex.Outcome != exchange.ProviderBroken {
					t.Fatalf("cut %s after %q: %v, %s", name, body[:at], r.relay, r.ex.Outcome)
				}
				got := r.out.String()
				for _, ending := range endings {
					if strings.Contains(got, ending) {
						t.Fatalf("cut %s after %q: an ending was invented: %q", name, body[:at], got)
					}
				}
				if w.array && strings.HasSuffix(strings.TrimSpace(got), "]") {
					t.Fatalf("cut %s after %q: the array was closed: %q", name, body[:at], got)
				}
				if !strings.Contains(got, `"error"`) {
					t.Fatalf("cut %s after %q: no error in %q", name, body[:at], got)
				}
			}
		}
	})
}

// finishAt is the index of the event that tells why the answer ended.
func finishAt(kind config.ProviderType, events []wireEvent) int {
	for i, e := range events {
		for _, word := range append(endings, `"stopReason"`, "message-end") {
			if strings.Contains(e.data+e.name, word) || kind == config.Bedrock && e.name == "messageStop" {
				return i
			}
		}
	}
	return len(events)
}
