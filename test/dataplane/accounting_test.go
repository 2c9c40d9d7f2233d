// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/sparkgateway/spark/gateway/config"
)

// However a session ends, its answers were made and have to be paid for.
func TestASessionIsPaidForHoweverItEnds(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(*setup, *websocket.Conn)
		want string
	}{
		"its client says goodbye": {func(_ *setup, c *websocket.Conn) { _ = c.Close(websocket.StatusNormalClosure, "") }, "ok"},
		"its client says too much": {func(s *setup, c *websocket.Conn) {
			s.say(c, strings.Repeat("x", 2001))
			_, _, _ = c.Read(s.soon())
		}, "refused"},
		"its client is gone": {func(_ *setup, c *websocket.Conn) { _ = c.CloseNow() }, "client_gone"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, withDocument(priced), withDocument(func(d *config.Document) {
				d.Core.Gateway.MaxBodyBytes = 2000
				d.Keys[0].Budgets = []config.Budget{{Amount: 10 * cent, Per: config.Day, Shadow: true}}
			}))
			conn, _ := s.talk("?model=dear", &websocket.DialOptions{})
			s.hearUntil(conn, "session.created")
			s.say(conn, strings.Replace(createItem, "tokens=5", "tokens=9", 1))
			s.say(conn, `{"type":"response.create"}`)
			s.hearUntil(conn, "response.done")
			test.end(s, conn)
			if l := s.lines(1)[0]; l.Outcome != test.want {
				t.Errorf("it ended %s, want %s", l.Outcome, test.want)
			}
			s.settled()
			if n := s.metric("spark_tokens_total", "completion", "reported"); n != 9 {
				t.Errorf("%v tokens of answers were counted, want 9", n)
			}
			if n := s.metric("spark_attempts_total", "dear", test.want); n != 1 {
				t.Errorf("%v attempts ended %s, want 1", n, test.want)
			}
			h := s.report().Health()
			if len(h.Budgets) != 1 || len(h.Spend) != 1 || !sameDollars(h.Budgets[0].Spent, 0.09) || !sameDollars(h.Spend[0].Cost, 0.09) {
				t.Errorf("of nine cents the budgets are %+v, the spend %+v", h.Budgets, h.Spend)
			}
		})
	}
}

func sameDollars(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

// What a provider made before its guard failed was made all the same.
func TestAnAnswerThatItsGuardKeptBackIsPaidFor(t *testing.T) {
	url := guardOf(t, func(string) (int, string) { return http.StatusInternalServerError, "" })
	s := start(t, withDocument(priced), withDocument(func(d *config.Document) {
		d.Keys[0].Budgets = []config.Budget{{Amount: 10 * cent, Per: config.Day}}
		d.Core.Gateway.Sanitizer = &config.Sanitizer{Webhook: &config.GuardWebhook{
			URL: url, Timeout: config.Duration(patience), OnFailure: config.GuardDeny, Directions: []config.Direction{config.DirectionResponse},
		}}
	}))
	if got := s.askFor(aliceKey, "dear", 9); got.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("%d: %s", got.StatusCode, got.body)
	}
	s.settled()
	if h := s.report().Health(); len(h.Budgets) != 1 || !sameDollars(h.Budgets[0].Spent, 0.09) {
		t.Errorf("the budgets are %+v, want nine cents of ten", h.Budgets)
	}
}

func TestWhatTheGatewayAsksItselfIsCountedAsThat(t *testing.T) {
	s := start(t, withDocument(func(d *config.Document) {
		d.Core.Gateway.Sanitizer = &config.Sanitizer{Moderation: &config.Moderation{
			Mode: config.SanitizeBlock, Timeout: config.Duration(patience), OnFailure: config.GuardDeny, Directions: []config.Direction{config.DirectionRequest},
			Target: config.Target{Provider: "default/fake", Model: "omni-moderation-latest", Upstream: "omni-moderation-latest"},
		}}
	}))
	if got := s.asks(aliceKey, saying("a harmless question", false)); got.StatusCode != 200 {
		t.Fatalf("%d: %s", got.StatusCode, got.body)
	}
	s.settled()
	if moderations, first := s.metric("spark_attempts_total", "moderation"), s.metric("spark_attempts_total", "first"); moderations != 1 || first != 1 {
		t.Errorf("%v moderations and %v first attempts, want one each", moderations, first)
	}
	e := startEmbedder(t)
	s = start(t, withDocument(e.comparing()))
	if got := s.asks(aliceKey, saying("What is the capital of France?", false)); got.StatusCode != 200 {
		t.Fatalf("%d: %s", got.StatusCode, got.body)
	}
	s.settled()
	if embeddings, first := s.metric("spark_attempts_total", "embedding"), s.metric("spark_attempts_total", "first"); embeddings != 1 || first != 1 {
		t.Errorf("%v embeddings and %v first attempts, want one each", embeddings, first)
	}
}

// Who may only spend so much, and asks a model whose price nobody said, is counted by that model.
func TestWhatCannotBePricedIsCounted(t *testing.T) {
	s := start(t, withDocument(priced), withDocument(func(d *config.Document) {
		d.Keys[0].Budgets = []config.Budget{{Amount: config.Dollar, Per: config.Day}}
	}))
	s.askFor(aliceKey, "free", 3)
	s.askFor(aliceKey, "dear", 3)
	s.askFor(bobKey, "free", 3)
	s.settled()
	if all, free := s.metric("spark_unpriced_requests_total"), s.metric("spark_unpriced_requests_total", "default/fake", "free"); all != 1 || free != 1 {
		t.Errorf("%v requests were not priced, %v of the model without a price; want one", all, free)
	}
	s.apply()
	if n := s.metric("spark_unpriced_requests_total"); n != 0 {
		t.Errorf("%v are left of a model that is not there any more", n)
	}
	s = start(t, withDocument(priced), withDocument(func(d *config.Document) {
		d.Core.Gateway.UnknownPrice = config.UnknownPriceZero
		d.Keys[0].Budgets = []config.Budget{{Amount: config.Dollar, Per: config.Day}}
	}))
	s.askFor(aliceKey, "free", 3)
	s.settled()
	if n := s.metric("spark_unpriced_requests_total"); n != 0 {
		t.Errorf("%v were counted where they are to be served silently", n)
	}
}
