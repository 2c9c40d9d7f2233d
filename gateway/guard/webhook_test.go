// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// secret is in whatever must not show itself.
const secret = "hunter2"

func question() Question {
	return Question{Direction: config.DirectionRequest, Texts: texts("my word is " + secret)}
}

// server gives a Webhook of a real server, over real connections.
func server(t *testing.T, timeout time.Duration, h http.HandlerFunc) *Webhook {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	w, err := NewWebhook(Settings{URL: s.URL + "/check?key=" + secret, Timeout: timeout, Authorization: config.NewSecret("Bearer " + secret)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func failureOf(err error) Failure {
	if failure := (*Error)(nil); errors.As(err, &failure) {
		return failure.Failure
	}
	return ""
}

func TestAsk(t *testing.T) {
	large := `{"action":"allow","x":"` + strings.Repeat("x", maxAnswer) + `"}`
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    Verdict
		failure Failure
		text    string
	}{
		"it allows":  {say(200, `{"action":"allow"}`), Verdict{Allow: true}, "", ""},
		"it blocks":  {say(200, `{"action":"block","reason":"no"}`), Verdict{Reason: "no"}, "", ""},
		"it redacts": {say(200, `{"action":"redact","texts":[{"text":"x"}]}`), Verdict{Allow: true, Replace: []string{"x"}}, "", ""},
		"an answer of the greatest length": {
			say(200, `{"action":"allow"}`+strings.Repeat(" ", maxAnswer-len(`{"action":"allow"}`))), Verdict{Allow: true}, "", "",
		},
		"an answer that is too large":  {say(200, large), Verdict{}, FailureTooLarge, "the guard gave no verdict: too_large"},
		"another status of success":    {say(204, ""), Verdict{}, FailureStatus, "the guard gave no verdict: status 204"},
		"a failure":                    {say(500, `{"action":"allow"}`), Verdict{}, FailureStatus, "the guard gave no verdict: status 500"},
		"an answer that is none":       {say(200, "OK "+secret), Verdict{}, FailureMalformed, "the guard gave no verdict: malformed"},
		"an answer of the wrong count": {say(200, `{"action":"redact","texts":[]}`), Verdict{}, FailureMalformed, "the guard gave no verdict: malformed"},
		"a redirect to itself": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				say(200, `{"action":"allow"}`)(w, r)
			}
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, Verdict{}, FailureStatus, "the guard gave no verdict: status 307"},
		"an answer that is compressed": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			say(200, `{"action":"allow"}`)(w, r)
		}, Verdict{}, FailureMalformed, "the guard gave no verdict: malformed"},
		"an answer that breaks off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"action":"allow"}`)
		}, Verdict{}, FailureUnreachable, "the guard gave no verdict: unreachable"},
		"a connection that breaks": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			Verdict{}, FailureUnreachable, "the guard gave no verdict: unreachable"},
		"a header that is too large": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 2*maxHeader))
			say(200, `{"action":"allow"}`)(w, r)
		}, Verdict{}, FailureUnreachable, "the guard gave no verdict: unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := server(t, 10*time.Second, test.handler).Ask(t.Context(), question())
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if failureOf(err) != test.failure || err != nil && err.Error() != test.text {
				t.Errorf("got %v, want %q", err, test.text)
			}
		})
	}
}

func say(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestWhatIsSent(t *testing.T) {
	var got *http.Request
	var body []byte
	w := server(t, 10*time.Second, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		say(200, `{"action":"allow"}`)(w, r)
	})
	q := question()
	if _, err := w.Ask(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	header := []string{
		got.Method, got.URL.String(), got.Header.Get("Content-Type"), got.Header.Get("Authorization"), got.Header.Get("Accept-Encoding"),
	}
	want := []string{"POST", "/check?key=" + secret, "application/json", "Bearer " + secret, ""}
	if diff := cmp.Diff(want, header); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(string(appendQuestion(nil, "", &q)), string(body)); diff != "" {
		t.Error(diff)
	}
}

func TestNothingToAskAbout(t *testing.T) {
	w := server(t, time.Second, say(500, ""))
	if v, err := w.Ask(t.Context(), Question{}); err != nil || !v.Allow {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	var mu sync.Mutex
	from := map[string]int{}
	w := server(t, 10*time.Second, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		from[r.RemoteAddr]++
		say(200, `{"action":"allow"}`)(w, r)
	})
	for range 20 {
		if _, err := w.Ask(t.Context(), question()); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(from) != 1 {
		t.Errorf("%d connections", len(from))
	}
}

func TestAnAuthorityOfItsOwn(t *testing.T) {
	s := httptest.NewTLSServer(say(200, `{"action":"allow"}`))
	defer s.Close()
	own := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	for name, test := range map[string]struct {
		ca   string
		want Failure
	}{"that is known": {own, ""}, "that is not": {"", FailureUnreachable}} {
		t.Run(name, func(t *testing.T) {
			w, err := NewWebhook(Settings{URL: s.URL, Timeout: 10 * time.Second, CA: test.ca}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if _, err = w.Ask(t.Context(), question()); failureOf(err) != test.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSettingsThatAreNone(t *testing.T) {
	for name, test := range map[string]struct {
		settings Settings
		want     string
	}{
		"no URL":        {Settings{Timeout: 1}, "must begin with http:// or https://"},
		"a bad URL":     {Settings{Timeout: 1, URL: "http://" + secret + "\x00"}, "not a URL"},
		"no timeout":    {Settings{URL: "http://a"}, "the timeout is not positive"},
		"no authority":  {Settings{Timeout: 1, URL: "http://a", CA: secret}, "the bundle of certificate authorities holds none"},
		"a URL of keys": {Settings{Timeout: 1, URL: "http://a:" + secret + "@b"}, "must not carry credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			if w, err := NewWebhook(test.settings, nil); w != nil || err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestSettingsOfADocument(t *testing.T) {
	secrets := map[string]config.Secret{"guard": config.NewSecret(secret)}
	c := config.GuardWebhook{URL: "http://a", Authorization: "guard", CA: "pem", Timeout: config.Duration(time.Second)}
	got := SettingsOf(&c, secrets, "team-a/main")
	if want := (identity{"http://a", secret, "pem", "team-a/main", time.Second}); got.identity() != want {
		t.Errorf("got %+v", got)
	}
	c.Authorization = ""
	if got := SettingsOf(&c, secrets, ""); got.Authorization.Reveal() != "" {
		t.Error("an authorization came from nowhere")
	}
}

// A proxy of the environment would see what is asked.
func TestNoProxyIsAsked(t *testing.T) {
	transport, err := newTransport(&Settings{Timeout: time.Second})
	if err != nil || transport.Proxy != nil {
		t.Errorf("%v, a proxy: %v", err, transport.Proxy != nil)
	}
}

// trip is a transport, for tests with a time of their own.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answerOf(body string) *http.Response {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// drip is a body that never ends.
type drip struct{ ctx context.Context }

func (d drip) Read(p []byte) (int, error) {
	select {
	case <-time.After(10 * time.Millisecond):
		p[0] = ' '
		return 1, nil
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
}

func (drip) Close() error { return nil }

func fake(t *testing.T, timeout time.Duration, f trip) *Webhook {
	t.Helper()
	w, err := NewWebhook(Settings{URL: "http://guard.example", Timeout: timeout}, f)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// hang answers when it is too late.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestTheTimeoutIsExact(t *testing.T) {
	for name, f := range map[string]trip{
		"no answer": hang,
		"an answer that drips": func(r *http.Request) (*http.Response, error) {
			resp := answerOf("")
			resp.Body = drip{r.Context()}
			return resp, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				_, err := fake(t, 300*time.Millisecond, f).Ask(t.Context(), question())
				if took := time.Since(began); took != 300*time.Millisecond || failureOf(err) != FailureTimeout {
					t.Errorf("%v after %v", err, took)
				}
			})
		})
	}
}

func TestWhoLeavesWaitsNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fake(t, time.Second, hang)
		for range 2 * failuresToOpen {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(10*time.Millisecond, cancel)
			began := time.Now()
			_, err := w.Ask(ctx, question())
			if took := time.Since(began); took != 10*time.Millisecond || !errors.Is(err, context.Canceled) {
				t.Errorf("%v after %v", err, took)
			}
		}
		// And it was not the service's fault.
		if _, err := w.Ask(t.Context(), question()); failureOf(err) != FailureTimeout {
			t.Errorf("got %v", err)
		}
	})
}

func TestSoManyAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		w := fake(t, 250*time.Millisecond, func(*http.Request) (*http.Response, error) {
			n := now.Add(1)
			defer now.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(100 * time.Millisecond)
			return answerOf(`{"action":"allow"}`), nil
		})
		var wait sync.WaitGroup
		var ok, busy, late, other atomic.Int64
		for range 3 * maxConcurrent {
			wait.Go(func() {
				_, err := w.Ask(t.Context(), question())
				switch failureOf(err) {
				case "":
					ok.Add(1)
				case FailureBusy:
					busy.Add(1)
				case FailureTimeout:
					late.Add(1)
				default:
					other.Add(1)
				}
			})
		}
		wait.Wait()
		// The last of them get their turn after 200 ms, which leaves them too little time.
		if most.Load() != maxConcurrent || ok.Load() < 2*maxConcurrent || other.Load() != 0 {
			t.Errorf("%d at a time, %d answered, %d busy, %d late, %d other", most.Load(), ok.Load(), busy.Load(), late.Load(), other.Load())
		}
	})
}

func TestTooManyWaitNoLongerThanTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fake(t, 300*time.Millisecond, hang)
		var wait sync.WaitGroup
		var asked, waited atomic.Int64
		for range 4 * maxConcurrent {
			wait.Go(func() {
				began := time.Now()
				_, err := w.Ask(t.Context(), question())
				switch failureOf(err) {
				case FailureTimeout:
					asked.Add(1)
				case FailureBusy:
					waited.Add(1)
				}
				if took := time.Since(began); took != 300*time.Millisecond {
					t.Errorf("%v after %v", err, took)
				}
			})
		}
		wait.Wait()
		// Who leaves and who comes do so at one instant, so that some of those who waited may have begun to ask.
		if asked.Load() < maxConcurrent || asked.Load()+waited.Load() != 4*maxConcurrent {
			t.Errorf("%d asked, %d waited", asked.Load(), waited.Load())
		}
		if len(w.slots) != 0 {
			t.Errorf("%d slots are taken", len(w.slots))
		}
	})
}
