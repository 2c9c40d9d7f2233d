// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// pair is an application and the type of provider that answers it.
type pair struct {
	wired wired
	kind  config.ProviderType
}

// pairs are all that a stream can go through, the gateway's own dialect and Gemini's array included.
var pairs = func() []pair {
	sparking := wired{dialect: exchange.Spark, shape: dialect.Generation, body: `{"model":"m","prompt":"abcdefgh","stream":true}`}
	var all []pair
	for _, w := range []wired{chatting, responding, messaging, generating, generating.listed(), sparking} {
		for _, kind := range []config.ProviderType{
			config.OpenAI, config.Mistral, config.Ollama, config.Anthropic, config.Gemini, config.Bedrock, config.Cohere,
		} {
			all = append(all, pair{w, kind})
		}
	}
	return all
}()

// toldAll is all that an attempt tells of a stream.
type toldAll struct {
	Refused      exchange.Reason
	Status       int
	Broken       bool
	Out          string
	Outcome      exchange.Outcome
	Reason       exchange.Reason
	Usage        exchange.Usage
	Rendered     string
	Type         string
	AnswerStatus int
}

// streamed relays a provider's stream, which comes in pieces. The clock stands still, as answers tell the time.
func (p pair) streamed(t *testing.T, pieces [][]byte) toldAll {
	t.Helper()
	head := streamHead
	if p.kind == config.Bedrock {
		head = strings.Replace(streamHead, "text/event-stream; charset=utf-8", "application/vnd.amazon.eventstream", 1)
	}
	s := &script{pieces: []string{head}}
	for _, piece := range pieces {
		s.pieces = append(s.pieces, fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece))
	}
	s.pieces = append(s.pieces, "0\r\n\r\n")
	bound := config.Duration(20 * time.Second)
	made, err := provider.New(&config.Provider{
		ID: "ns/p", Name: "p", Type: p.kind, Endpoint: "http://provider.example",
		Timeouts: config.Timeouts{Connect: bound, FirstToken: bound, BetweenTokens: bound, Total: bound},
	}, config.NewSecret("sk"), "1")
	if err != nil {
		t.Fatal(err)
	}
	pools := upstream.NewPools(s.dial)
	defer pools.Close()
	r := &run{t: t, guard: &guard{}, journey: &Journey{}}
	var asked dialect.Request
	if err := asked.Decode(p.wired.shape, []byte(p.wired.body)); err != nil {
		t.Fatal(err)
	}
	r.ex = exchange.Exchange{Start: time.Unix(1_800_000_000, 0), Stream: true, Model: []byte("m")}
	var out toldAll
	refused := r.journey.Do(Request{
		Exchange: &r.ex, Operation: exchange.Chat, Dialect: p.wired.dialect, Asked: &asked, Body: []byte(p.wired.body),
		Array: p.wired.array, Fields: fields{}, Guard: r.guard, KeepAlive: time.Hour, Clock: clock,
	}, alone(at(made, pools)))
	switch {
	case refused != nil:
		out.Refused, out.Status, r.ex.Outcome = refused.Reason, refused.Status, refused.Outcome
	case r.journey.Answer.Streamed():
		_, relay := r.journey.WriteTo(&r.out)
		out.Broken, out.Type = relay != nil, string(r.journey.Answer.ContentType())
	default:
		out.Rendered = string(r.journey.Answer.Body())
	}
	r.finish()
	out.Out, out.Outcome, out.Reason, out.Usage, out.AnswerStatus = r.out.String(), r.ex.Outcome, r.ex.Reason, r.ex.Usage, r.ex.Status
	return out
}

// sliced cuts a stream: each byte says how long a piece is, and the last one goes on. Without any, there is one piece.
func sliced(stream, cuts []byte) [][]byte {
	if len(cuts) == 0 {
		cuts = []byte{255}
	}
	var pieces [][]byte
	for i := 0; len(stream) > 0; i++ {
		n := min(1+int(cuts[min(i, len(cuts)-1)]), len(stream))
		pieces, stream = append(pieces, stream[:n]), stream[n:]
	}
	return pieces
}

// messaged makes the messages of Bedrock's binary stream of lines that are a name and, behind a space, a payload.
func messaged(lines []byte) []byte {
	var out bytes.Buffer
	for line := range strings.Lines(string(lines)) {
		name, data, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		out.WriteString(binary(wireEvent{name, data}))
	}
	return out.Bytes()
}

// What an application gets, and what the gateway learns, does not depend on how the provider's bytes are cut.
func FuzzStream(f *testing.F) {
	for i, p := range pairs {
		for _, framing := range slices.Sorted(maps.Keys(framings)) {
			var stream strings.Builder
			for _, e := range wireStream(p.kind, p.wired.dialect == exchange.Responses && p.kind == config.OpenAI, "Zwölf 🥊", "b\nc") {
				if p.kind == config.Bedrock {
					stream.WriteString(e.name + " " + e.data + "\n")
				} else {
					stream.WriteString(framings[framing](e))
				}
			}
			whole := []byte(stream.String())
			f.Add(uint8(i), whole, []byte{0}, true)
			f.Add(uint8(i), whole[:len(whole)*2/3], []byte{40, 3, 90}, true)
			f.Add(uint8(i), append(slices.Clone(whole[:len(whole)/2]), "data: {nope\n\n{\"error\":{\"code\":503}}"...), []byte{9}, true)
			f.Add(uint8(i), whole, []byte{11, 200}, false)
		}
		for _, oddity := range oddities {
			f.Add(uint8(i), []byte(oddity), []byte{0}, true)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, stream, cuts []byte, frame bool) {
		if len(stream) > 64<<10 {
			t.Skip("longer streams tell no more and take longer")
		}
		p := pairs[int(which)%len(pairs)]
		if p.kind == config.Bedrock && frame {
			stream = messaged(stream)
		}
		one := p.streamed(t, [][]byte{stream})
		if len(stream) == 0 {
			one = p.streamed(t, nil)
		}
		if diff := cmp.Diff(one, p.streamed(t, sliced(stream, cuts))); diff != "" {
			t.Errorf("%s to %s: in one piece, and in several (-one +several):\n%s\nof %q", p.wired.dialect, p.kind, diff, stream)
		}
		if one.Outcome != exchange.OK && !one.Broken && one.Refused == "" && one.Rendered == "" {
			t.Errorf("%s to %s: a failure dressed as success: %+v", p.wired.dialect, p.kind, one)
		}
	})
}

// oddities are streams that break the one or other grammar.
var oddities = []string{
	"", "data: [DONE]", "data: [DONE]\n\n", "data: {}\n\n", "{\"error\":{\"code\":429,\"message\":\"slow\",\"status\":\"RESOURCE_EXHAUSTED\"}}",
	": c\n\ndata: {\"error\":{\"message\":\"late\"}}\n\n", "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"o\"}}\n\n",
	"throttlingException {\"message\":\"slow\"}\n", "messageStart {}\nmodelStreamErrorException {\"message\":\"broke\"}\n",
	"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: nope\n\n",
	"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}\n\n",
	"\xef\xbb\xbfdata: {}\r\rdata: {}\r\n\r\n",
}
