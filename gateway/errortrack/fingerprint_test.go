// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// failure is an event as most tests need one.
func failure(cause string) Event {
	e := Event{
		Reason: exchange.ReasonConnect, Outcome: exchange.ProviderUnreachable, Status: 502, Provider: "team-a/openai", Target: "gpt-4o",
		Route: "team-a/smart", Dialect: exchange.OpenAI, Operation: exchange.Chat, Message: "The provider cannot be reached.",
	}
	if cause != "" {
		e.Cause = errors.New(cause)
	}
	return e
}

func TestACauseIsFoldedToItsClass(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"words stay":                           {"connection refused", "connection refused"},
		"an underscore is part of a word":      {"invalid_request_error", "invalid_request_error"},
		"addresses and ports go":               {"dial tcp 10.2.3.4:443: connect: connection refused", "dial tcp #connect connection refused"},
		"of IPv6 as well":                      {"dial tcp [2001:db8::17]:443: i/o timeout", "dial tcp #timeout"},
		"names of hosts go":                    {"lookup api.openai.com on 10.96.0.10:53: no such host", "lookup #on #no such host"},
		"numbers go":                           {"got 17 bytes, want 250", "got #bytes want #"},
		"hexadecimal goes":                     {"at deadbeef of 0xc000123", "at #of #"},
		"short words of these letters stay":    {"a bad cafe", "a bad cafe"},
		"identifiers go":                       {"response 3f2b8c1e-77aa-4d7e-9d4e-0123456789ab is lost", "response #is lost"},
		"quotations go":                        {`unknown field "temprature" in 'messages'`, "unknown field #in #"},
		"a mark within a quotation is escaped": {`bad "a \" b" here`, "bad #here"},
		"an open quotation goes to the end":    {`bad "abc def`, "bad #"},
		"apostrophes are no quotations":        {"can't read the users' names", "can't read the users names"},
		"URLs and files go":                    {"get https://u:p@host/x?y=z from /etc/ssl/ca.crt", "get #from #"},
		"other scripts go":                     {"the word прывет is not known", "the word #is not known"},
		"white space is one space":             {"a \t\n  b", "a b"},
		"a very long word goes":                {"x " + strings.Repeat("y", 40) + " z", "x #z"},
		"nothing stays nothing":                {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(appendClass([]byte{0}, test.text)[1:]); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAClassIsBounded(t *testing.T) {
	for _, text := range []string{strings.Repeat("word ", 10_000), strings.Repeat("1 ", 10_000), strings.Repeat(`"`, 9999), strings.Repeat("a'", 9999)} {
		if got := appendClass([]byte{0}, text); len(got) > maxClass+1 {
			t.Errorf("%.10q…: %d bytes", text, len(got))
		}
	}
}

// Pods of several releases and restarts have to come to the same numbers: they are part of what users link to.
func TestFingerprintsDoNotChange(t *testing.T) {
	for name, test := range map[string]struct {
		event Event
		want  string
	}{
		"with a cause":    {failure("dial tcp 10.2.3.4:443: connect: connection refused"), "736d8237c019b551"},
		"without a cause": {failure(""), "a99001cf10fefa45"},
		"of nothing":      {Event{}, "72593a01b3ffa99b"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fingerprintText(fingerprint(&test.event)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestWhatMakesAGroup(t *testing.T) {
	base := failure("dial tcp 10.2.3.4:443: connect: connection refused")
	for name, test := range map[string]struct {
		change func(*Event)
		same   bool
	}{
		"another address":         {func(e *Event) { e.Cause = errors.New("dial tcp 10.9.9.9:8443: connect: connection refused") }, true},
		"another request":         {func(e *Event) { e.RequestID[0] = 'x'; e.Time = time.Unix(1, 0) }, true},
		"another route":           {func(e *Event) { e.Route = "b/c" }, true},
		"another dialect":         {func(e *Event) { e.Dialect = exchange.Anthropic }, true},
		"another message":         {func(e *Event) { e.Message = "x" }, true},
		"another cause":           {func(e *Event) { e.Cause = errors.New("no route to host") }, false},
		"no cause":                {func(e *Event) { e.Cause = nil }, false},
		"another reason":          {func(e *Event) { e.Reason = exchange.ReasonReset }, false},
		"another status":          {func(e *Event) { e.Status = 504 }, false},
		"another upstream status": {func(e *Event) { e.UpstreamStatus = 500 }, false},
		"another provider":        {func(e *Event) { e.Provider = "team-a/other" }, false},
		"another model":           {func(e *Event) { e.Target = "gpt-4o-mini" }, false},
		"another operation":       {func(e *Event) { e.Operation = exchange.Embeddings }, false},
		"a part that moved":       {func(e *Event) { e.Provider, e.Target = "team-a/openaigpt-4o", "" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			changed := base
			test.change(&changed)
			if got := fingerprint(&changed) == fingerprint(&base); got != test.same {
				t.Errorf("the same group: %v, want %v", got, test.same)
			}
		})
	}
}

func TestALevelIsWhoseFaultItWas(t *testing.T) {
	for name, test := range map[string]struct {
		event Event
		want  bool
	}{
		"a key that is not known":            {Event{Outcome: exchange.Unauthenticated, Status: 401}, false},
		"a request of a wrong shape":         {Event{Outcome: exchange.Refused, Status: 400}, false},
		"a limit of the gateway":             {Event{Outcome: exchange.Limited, Status: 429}, false},
		"a refusal by the provider":          {Event{Outcome: exchange.ProviderRefused, Status: 404, UpstreamStatus: 404}, false},
		"a failure of the provider":          {Event{Outcome: exchange.ProviderFailed, Status: 500, UpstreamStatus: 500}, true},
		"the gateway's credential":           {Event{Outcome: exchange.ProviderFailed, Status: 502, UpstreamStatus: 401}, true},
		"a stream that broke after a 200":    {Event{Outcome: exchange.ProviderBroken, Status: 200, UpstreamStatus: 200}, true},
		"a gateway that had to leave":        {Event{Outcome: exchange.Drained, Status: 200}, true},
		"every target out":                   {Event{Outcome: exchange.Unavailable, Status: 429}, true},
		"a fault of the gateway":             {Event{Outcome: exchange.Internal, Status: 500}, true},
		"a store that is down, so a refusal": {Event{Outcome: exchange.Limited, Status: 503}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := faulty(&test.event); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
