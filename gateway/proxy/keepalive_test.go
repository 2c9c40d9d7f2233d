// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// act is what a slow provider does after a pause.
type act struct {
	after time.Duration
	sends string
}

// slow is a provider that takes its time, which is that of a bubble.
type slow []act

func (s slow) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		defer func() { _ = server.Close() }()
		req, err := http.ReadRequest(bufio.NewReader(server))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		for _, a := range s {
			time.Sleep(a.after)
			if _, err := io.WriteString(server, a.sends); err != nil {
				return
			}
		}
	}()
	return client, nil
}

// Silences, and what bounds them, in the bubble's time.
const (
	beat   = 10 * time.Second
	bounds = 100 * time.Second
)

// wired is an application of one dialect at a provider of a type.
type wired struct {
	dialect exchange.Dialect
	shape   *dialect.Shape
	kind    config.ProviderType
	body    string
	array   bool
}

// applications ask for a stream, but for Gemini's, whose path does.
var (
	chatting   = wired{dialect: exchange.OpenAI, shape: dialect.Chat, body: stream}
	responding = wired{dialect: exchange.Responses, shape: dialect.Response, body: `{"model":"m","input":"abcdefgh","stream":true}`}
	messaging  = wired{
		dialect: exchange.Anthropic, shape: dialect.Messages,
		body: `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"abcdefgh"}],"stream":true}`,
	}
	generating = wired{
		dialect: exchange.Gemini, shape: dialect.Generate, body: `{"contents":[{"role":"user","parts":[{"text":"abcdefgh"}]}]}`,
	}
)

func (w wired) at(kind config.ProviderType) wired { w.kind = kind; return w }

func (w wired) listed() wired { w.array = true; return w }

// ask makes one attempt; whole says that no stream is asked for.
func (w wired) ask(t *testing.T, dial upstream.Dial, whole bool) *run {
	t.Helper()
	return w.askUnfinished(t, dial, whole).finish()
}

// askUnfinished leaves it to the test to finish the attempt.
func (w wired) askUnfinished(t *testing.T, dial upstream.Dial, whole bool) *run {
	t.Helper()
	p, err := provider.New(&config.Provider{
		ID: "ns/p", Name: "p", Type: w.kind, Endpoint: "http://provider.example",
		Timeouts: config.Timeouts{
			Connect: config.Duration(beat), FirstToken: config.Duration(bounds), BetweenTokens: config.Duration(bounds),
			Total: config.Duration(100 * bounds),
		},
	}, config.NewSecret("sk"), "1")
	if err != nil {
		t.Fatal(err)
	}
	pools := upstream.NewPools(dial)
	defer pools.Close()
	r := &run{t: t, guard: &guard{}, journey: &Journey{}}
	var asked dialect.Request
	if whole {
		w.body = strings.Replace(w.body, `,"stream":true`, "", 1)
	}
	if err := asked.Decode(w.shape, []byte(w.body)); err != nil {
		t.Fatal(err)
	}
	r.ex = exchange.Exchange{Start: time.Unix(1_700_000_000, 0), Stream: !whole, Model: []byte("m")}
	if r.refused = r.journey.Do(Request{
		Exchange: &r.ex, Operation: exchange.Chat, Dialect: w.dialect, Asked: &asked, Body: []byte(w.body), Array: w.array,
		Fields: fields{}, Guard: r.guard, KeepAlive: beat, Clock: clock,
	}, alone(at(p, pools))); r.refused == nil && r.journey.Answer.Streamed() {
		_, r.relay = r.journey.WriteTo(&r.out)
	} else if r.refused == nil {
		r.out.Write(r.journey.Answer.Body())
	}
	return r
}

// sent frames pieces as chunks, the first of which comes at once with the header.
func sent(after time.Duration, pieces ...string) slow {
	s := slow{{0, streamHead}}
	for _, p := range pieces {
		s = append(s, act{after, fmt.Sprintf("%x\r\n%s\r\n", len(p), p)})
	}
	return append(s, act{0, "0\r\n\r\n"})
}

// A stream of each wire, in three pieces.
var (
	openAIPieces    = []string{delta("a"), delta("b"), `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n" + doneEvent}
	anthropicPieces = []string{
		"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n" +
			"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
		"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"ab\"}}\n\n",
		"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n" +
			"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":4}}\n\n" +
			"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
	}
	geminiPieces = []string{
		"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"index\":0}]}\n\n",
		"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"index\":0}]}\n\n",
		"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"STOP\",\"index\":0}]}\n\n",
	}
	responsesPieces = []string{
		"event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"status\":\"in_progress\"}}\n\n",
		"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"output_index\":0,\"content_index\":0,\"delta\":\"ab\"}\n\n",
		"event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":2,\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}\n\n",
	}
)

const (
	commentSign   = ": keep-alive\n\n"
	anthropicSign = "event: ping\ndata: {\"type\":\"ping\"}\n\n"
	geminiSign    = "\n\n"
)

// keptAlive are applications and what tells each that a silent stream is still there.
var keptAlive = map[string]struct {
	wired  wired
	pieces []string
	sign   string
}{
	"chat, passed through":         {chatting.at(config.OpenAI), openAIPieces, commentSign},
	"chat, translated":             {chatting.at(config.Anthropic), anthropicPieces, commentSign},
	"responses, passed through":    {responding.at(config.OpenAI), responsesPieces, commentSign},
	"responses, translated":        {responding.at(config.Gemini), geminiPieces, commentSign},
	"anthropic, passed through":    {messaging.at(config.Anthropic), anthropicPieces, anthropicSign},
	"anthropic, translated":        {messaging.at(config.OpenAI), openAIPieces, anthropicSign},
	"gemini, passed through":       {generating.at(config.Gemini), geminiPieces, geminiSign},
	"gemini, translated":           {generating.at(config.OpenAI), openAIPieces, geminiSign},
	"gemini array, passed through": {generating.listed().at(config.Gemini), geminiPieces, geminiSign},
	"gemini array, translated":     {generating.listed().at(config.Anthropic), anthropicPieces, geminiSign},
}

func TestASilentStreamIsKeptAliveAndNothingOfItChanges(t *testing.T) {
	for name, tc := range keptAlive {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				want := tc.wired.ask(t, sent(0, tc.pieces...).dial, false)
				if want.refused != nil || want.relay != nil {
					t.Fatalf("without a silence: %v, %v", want.refused, want.relay)
				}
				began := time.Now()
				// Two of these, where the first event means nothing to the client, are six beats and a bit.
				const pause = 33 * beat / 10
				got := tc.wired.ask(t, sent(pause, tc.pieces...).dial, false)
				if got.refused != nil || got.relay != nil || got.ex.Outcome != exchange.OK || got.ex.Usage != want.ex.Usage {
					t.Fatalf("%v, %v, %+v", got.refused, got.relay, got.ex)
				}
				if took := time.Since(began); took != 3*pause {
					t.Errorf("took %s", took)
				}
				signs, rest := got.out.String(), want.out.String()
				for range 3 {
					if !strings.Contains(signs, strings.Repeat(tc.sign, 3)) {
						t.Fatalf("a silence without three signs in %q", got.out.String())
					}
					signs = strings.Replace(signs, strings.Repeat(tc.sign, 3), "", 1)
				}
				// An event of Gemini's ends as a sign begins, so that the place of a sign is not told.
				if signs != rest {
					t.Errorf("but for the signs\n%q, want\n%q", signs, rest)
				}
			})
		})
	}
}

func TestAProvidersOwnSignsDoNotLeaveAClientInSilence(t *testing.T) {
	for name, tc := range map[string]struct {
		wired  wired
		pieces []string
		theirs string
		sign   string
	}{
		"Anthropic's pings to chat":           {chatting.at(config.Anthropic), anthropicPieces, anthropicSign, commentSign},
		"Anthropic's pings to Gemini's array": {generating.listed().at(config.Anthropic), anthropicPieces, anthropicSign, geminiSign},
		"comments to Gemini's array":          {generating.listed().at(config.Gemini), geminiPieces, ": thinking\n\n", geminiSign},
		"comments to Anthropic":               {messaging.at(config.OpenAI), openAIPieces, ": thinking\n\n", anthropicSign},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := sent(0, tc.pieces[0])
				for range 11 {
					s = append(s[:len(s)-1], sent(3*beat/10, tc.theirs)[1:]...)
				}
				for _, p := range tc.pieces[1:] {
					s = append(s[:len(s)-1], sent(0, p)[1:]...)
				}
				r := tc.wired.ask(t, s.dial, false)
				if r.refused != nil || r.relay != nil {
					t.Fatalf("%v, %v", r.refused, r.relay)
				}
				// 33 s of silence have three.
				if got := r.out.String(); !strings.Contains(got, strings.Repeat(tc.sign, 3)) || strings.Contains(got, "thinking") {
					t.Errorf("got %q", got)
				}
			})
		})
	}
}

func TestSignsOfLifeDoNotProlongASilenceThatIsTooLong(t *testing.T) {
	for name, tc := range keptAlive {
		t.Run(name, func(t *testing.T) {
			for at, want := range map[int]exchange.Reason{0: exchange.ReasonFirstTokenTimeout, 1: exchange.ReasonBetweenTokens} {
				synctest.Test(t, func(t *testing.T) {
					s := slices.Concat(sent(0, tc.pieces[:at]...)[:1+at], []act{{2 * bounds, ""}})
					began := time.Now()
					// The provider still sleeps when nobody waits for it any more.
					defer time.Sleep(2 * bounds)
					r := tc.wired.ask(t, s.dial, false)
					if took := time.Since(began); took != bounds {
						t.Errorf("after %d events it took %s", at, took)
					}
					if r.ex.Reason != want || r.ex.Outcome != exchange.ProviderTimeout || r.relay == nil {
						t.Errorf("after %d events: %+v, relay %v", at, r.ex, r.relay)
					}
					if n := strings.Count(r.out.String(), strings.Repeat(tc.sign, 9)); n == 0 {
						t.Errorf("no signs of life in %q", r.out.String())
					}
				})
			}
		})
	}
}

func TestAnAnswerThatIsNotStreamedHasNoSignsOfLife(t *testing.T) {
	for name, tc := range map[string]struct {
		wired wired
		body  string
	}{
		"passed through": {chatting.at(config.OpenAI), `{"choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}]}`},
		"translated":     {chatting.at(config.Anthropic), `{"type":"message","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn"}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pieces := whole(200, "application/json", tc.body).pieces
				head, body := pieces[0][:len(pieces[0])-len(tc.body)], tc.body
				r := tc.wired.ask(t, slow{{5 * beat, head}, {5 * beat, body[:9]}, {5 * beat, body[9:]}}.dial, true)
				if r.refused != nil || r.out.Len() == 0 || r.out.Bytes()[0] != '{' || strings.Contains(r.out.String(), "keep-alive") {
					t.Errorf("%v, %q", r.refused, r.out.String())
				}
			})
		})
	}
}
