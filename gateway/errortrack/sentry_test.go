// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// The real SDK sends over a real connection; what it adds of its own is looked for.
func TestWhatSentryIsTold(t *testing.T) {
	// The SDK would take these for its own.
	for name, value := range map[string]string{
		"SENTRY_DSN": "http://other@127.0.0.1:1/1", "SENTRY_ENVIRONMENT": "other", "SENTRY_RELEASE": "other", "SENTRY_TAGS_SECRET": "other",
	} {
		t.Setenv(name, value)
	}
	r := &receiver{}
	dsn := strings.Replace(serve(t, r), "http://", "http://publickey@", 1) + "/42"
	tr := New(Options{Gateway: "team-a/main", Instance: "pod-1", Version: "1.2.3", Now: func() time.Time { return start }})
	defer tr.Close(t.Context())
	if err := tr.Use(Settings{SentryDSN: config.NewSecret(dsn), Environment: "staging"}); err != nil {
		t.Fatal(err)
	}
	e := failure("dial tcp 10.2.3.4:443: key sk-abcd1234")
	e.RequestID = id('a')
	tr.Record(e)
	got := r.await(t, 1)[0]
	if auth := got.header.Get("X-Sentry-Auth"); got.path != "/api/42/envelope/" || !strings.Contains(auth, "sentry_key=publickey") {
		t.Errorf("sent to %s with %q", got.path, auth)
	}
	header, items := envelope(t, got.body)
	event := items["event"]
	if header["event_id"] != event["event_id"] || event["event_id"] == "" {
		t.Errorf("the envelope is of %v, the event of %v", header["event_id"], event["event_id"])
	}
	delete(event, "event_id")
	delete(event, "sdk")
	want := map[string]any{
		"contexts": map[string]any{"failures": map[string]any{
			"count": 1.0, "since_last_event": 1.0, "last_hour": 1.0, "first_seen": "2026-11-23T12:00:00Z", "last_seen": "2026-11-23T12:00:00Z",
		}},
		"environment": "staging",
		"exception": []any{map[string]any{
			"type": "upstream_connect_failed", "value": "The provider cannot be reached.: dial tcp [address]:443: key [key]",
		}},
		"fingerprint": []any{fingerprintText(fingerprint(&e))},
		"level":       "error", "logger": "spark-gateway", "platform": "go", "release": "1.2.3",
		"tags": map[string]any{
			"dialect": "openai", "gateway": "team-a/main", "instance": "pod-1", "model": "gpt-4o", "operation": "chat",
			"outcome": "provider_unreachable", "provider": "team-a/openai", "reason": "upstream_connect_failed",
			"request_id": strings.Repeat("a", 32), "route": "team-a/smart", "status": "502",
		},
		"timestamp": "2026-11-23T12:00:00Z", "user": map[string]any{},
	}
	if diff := cmp.Diff(want, event); diff != "" {
		t.Error(diff)
	}
	if host, _ := os.Hostname(); host != "" && bytes.Contains(got.body, []byte(`"server_name"`)) {
		t.Errorf("the host's name was told: %s", got.body)
	}
}

// counts gives "since/count" of each event sent.
func counts(t *testing.T, r *receiver) []string {
	t.Helper()
	var all []string
	for _, c := range r.all() {
		_, items := envelope(t, c.body)
		contexts, _ := items["event"]["contexts"].(map[string]any)
		failures, _ := contexts["failures"].(map[string]any)
		all = append(all, fmt.Sprintf("%v/%v", failures["since_last_event"], failures["count"]))
	}
	return all
}

// inBubble gives a Tracker within a test's own time, told by a receiver.
func inBubble(t *testing.T, r *receiver, s Settings) *Tracker {
	t.Helper()
	tr := New(Options{Gateway: "team-a/main", Instance: "pod-1", Transport: r})
	if err := tr.Use(s); err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestSentryIsToldAtOnceAndThenOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		tr := inBubble(t, r, sentryOnly())
		began := time.Now()
		tr.Record(fault(1))
		synctest.Wait()
		if got := counts(t, r); len(got) != 1 || time.Since(began) != 0 {
			t.Fatalf("at once: %q", got)
		}
		// Half a second from where an event is due, so that each record is before it or behind it.
		time.Sleep(time.Second / 2)
		for range 150 {
			tr.Record(fault(1))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"1/1", "60/61", "60/121"}, counts(t, r)); diff != "" {
			t.Error(diff)
		}
		for i, c := range r.all() {
			if at := c.at.Sub(began); at != time.Duration(i)*time.Minute {
				t.Errorf("event %d came after %v", i, at)
			}
		}
		tr.Close(t.Context())
		if got := counts(t, r); len(got) != 4 || got[3] != "30/151" {
			t.Errorf("at the end: %q", got)
		}
	})
}

func TestSentryIsNotToldOfMistakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		tr := inBubble(t, r, sentryOnly())
		tr.Record(mistake(1))
		tr.Record(fault(1))
		tr.Close(t.Context())
		if got := r.all(); len(got) != 1 || !bytes.Contains(got[0].body, []byte("upstream_connect_failed")) {
			t.Errorf("%d events", len(got))
		}
	})
}

// What Sentry did not take is lost as an event, and counts in the next.
func TestWhatSentryDoesNotTake(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (int, error){
		"a failure": refusing(500), "a refusal": refusing(403), "no connection": unreachable, "no answer": dead,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{answer: answer}
				tr := inBubble(t, r, sentryOnly())
				tr.Record(fault(1))
				time.Sleep(70 * time.Second)
				r.answers(nil)
				tr.Record(fault(1))
				synctest.Wait()
				if diff := cmp.Diff([]string{"1/1", "2/2"}, counts(t, r)); diff != "" {
					t.Error(diff)
				}
				if s := tr.Stats(); s.SentryDropped != 1 || s.SentryEvents != 1 {
					t.Errorf("%+v", s)
				}
				tr.Close(t.Context())
			})
		})
	}
}

func TestSentryThatAsksToBeLeftAloneIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: refusing(429)}
		tr := inBubble(t, r, sentryOnly())
		for n := range 50 {
			tr.Record(fault(n + 1))
		}
		synctest.Wait()
		if got := len(r.all()); got != 1 {
			t.Errorf("%d calls, want one", got)
		}
		if s := tr.Stats(); s.SentryDropped != 50 || s.SentryEvents != 0 {
			t.Errorf("%+v", s)
		}
		tr.Close(t.Context())
	})
}

func TestAFloodOfGroupsIsNotAFloodOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		tr := inBubble(t, r, sentryOnly())
		for n := range 3000 {
			tr.Record(fault(n + 1))
		}
		synctest.Wait()
		if got := len(r.all()); got != sentryBurst {
			t.Errorf("%d events at once", got)
		}
		time.Sleep(30*time.Second + time.Millisecond)
		synctest.Wait()
		if got := len(r.all()); got != sentryBurst+30 {
			t.Errorf("%d events after 30 seconds", got)
		}
		if got := tr.sentry.size.Load(); got > maxWaiting {
			t.Errorf("%d wait", got)
		}
		tr.Close(t.Context())
		if s := tr.Stats(); s.SentryEvents+s.SentryDropped != 3000 {
			t.Errorf("%+v", s)
		}
	})
}

func TestAnotherDSNIsUsedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		tr := inBubble(t, r, sentryOnly())
		use := func(dsn string) {
			if err := tr.Use(Settings{SentryDSN: config.NewSecret(dsn)}); err != nil {
				t.Fatal(err)
			}
		}
		tr.Record(fault(1))
		synctest.Wait()
		use("http://k@sentry.example/43")
		tr.Record(fault(2))
		synctest.Wait()
		use("")
		tr.Record(fault(3))
		synctest.Wait()
		use("http://k@sentry.example/44")
		tr.Record(fault(4))
		synctest.Wait()
		var paths []string
		for _, c := range r.all() {
			paths = append(paths, c.path)
		}
		if diff := cmp.Diff([]string{"/api/42/envelope/", "/api/43/envelope/", "/api/44/envelope/"}, paths); diff != "" {
			t.Error(diff)
		}
		if n := len(tr.Groups()); n != 4 {
			t.Errorf("%d groups are left", n)
		}
		tr.Close(t.Context())
	})
}

func TestADSNThatIsNoneIsNotQuoted(t *testing.T) {
	for name, dsn := range map[string]string{
		"no URL": "://hunter2", "no key": "https://sentry.example/hunter2", "a bad port": "https://hunter2@sentry.example:x/1",
		"no project": "https://hunter2@sentry.example", "a word": "hunter2",
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			tr := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), Transport: &receiver{}})
			err := tr.Use(Settings{SentryDSN: config.NewSecret(dsn)})
			if !errors.Is(err, errDSN) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v", err)
			}
			tr.Record(fault(1))
			tr.Close(context.Background())
			if s := tr.Stats(); s.SentryDropped != 0 || log.Len() > 0 {
				t.Errorf("%+v, %s", s, log.String())
			}
		})
	}
}

// The SDK sees secrets: no way that a call fails may show them.
func TestNoSecretIsLogged(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (int, error){
		"a status": refusing(500), "a redirect": refusing(302), "no connection": unreachable, "no answer": dead,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				r := &receiver{answer: answer}
				tr := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), Transport: r})
				s := webhookOnly()
				s.SentryDSN = config.NewSecret("https://hunter4:hunter5@sentry.example/42")
				if err := tr.Use(s); err != nil {
					t.Fatal(err)
				}
				tr.Record(fault(1))
				time.Sleep(2 * time.Minute)
				tr.Close(t.Context())
				if text := log.String(); strings.Contains(text, "hunter") || strings.Count(text, "errors were not reported") < 2 {
					t.Error(text)
				}
			})
		})
	}
}
