// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const (
	openAIChunk  = `data: {"choices":[{"delta":{"content":"a"}}]}` + "\n\n"
	openAIError  = `{"error":{"message":"m","type":"upstream_error"}}`
	claudeDelta  = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\"}\n\n"
	claudeStop   = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
	claudeError  = `{"type":"error","error":{"type":"api_error","message":"m"}}`
	geminiChunk  = `data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}]}` + "\n\n"
	geminiFinish = `data: {"candidates":[{"finishReason":"STOP"}]}` + "\n\n"
	geminiError  = `{"error":{"code":502,"message":"m","status":"UNAVAILABLE"}}`
)

func dialectOf(t *testing.T, name string) *dialect {
	t.Helper()
	for i := range dialects {
		if dialects[i].name == name {
			return &dialects[i]
		}
	}
	t.Fatalf("no dialect %s", name)
	return nil
}

// breaking gives its text and then breaks.
type breaking struct{ io.Reader }

func (b breaking) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestHowAStreamEndedIsSeen(t *testing.T) {
	for name, tc := range map[string]struct {
		dialect, text string
		breaks        bool
		want          verdict
	}{
		"OpenAI, whole":                            {"OpenAI", openAIChunk + "data: [DONE]\n\n", false, answered},
		"OpenAI, with comments":                    {"OpenAI", ": thinking\n\n" + openAIChunk + "data: [DONE]\n\n", false, answered},
		"OpenAI, an error and a break":             {"OpenAI", openAIChunk + "data: " + openAIError + "\n\n", true, cut},
		"OpenAI, an error before anything":         {"OpenAI", "data: " + openAIError + "\n\n", true, refused},
		"OpenAI, a break without a word":           {"OpenAI", openAIChunk, true, dishonest},
		"OpenAI, a clean end without a terminator": {"OpenAI", openAIChunk, false, dishonest},
		"OpenAI, a terminator after an error":      {"OpenAI", openAIChunk + "data: " + openAIError + "\n\ndata: [DONE]\n\n", false, dishonest},
		"OpenAI, an error after the terminator":    {"OpenAI", openAIChunk + "data: [DONE]\n\ndata: " + openAIError + "\n\n", false, dishonest},
		"OpenAI, noise":                            {"OpenAI", "data: {\n\n", false, dishonest},
		"OpenAI, a break after the terminator":     {"OpenAI", openAIChunk + "data: [DONE]\n\n", true, dishonest},
		"Anthropic, whole":                         {"Anthropic", claudeDelta + claudeStop, false, answered},
		"Anthropic, an error":                      {"Anthropic", claudeDelta + "event: error\ndata: " + claudeError + "\n\n", true, cut},
		"Anthropic, a clean end":                   {"Anthropic", claudeDelta, false, dishonest},
		"Anthropic, a name that is not the type's": {"Anthropic", "event: ping\ndata: {\"type\":\"pong\"}\n\n" + claudeStop, false, dishonest},
		"Gemini, whole":                            {"Gemini", geminiChunk + geminiFinish, false, answered},
		"Gemini, a bare error":                     {"Gemini", geminiChunk + geminiError, true, cut},
		"Gemini, a bare error before anything":     {"Gemini", geminiError, true, refused},
		"Gemini, a clean end":                      {"Gemini", geminiChunk, false, dishonest},
		"nothing at all":                           {"OpenAI", "", false, dishonest},
	} {
		t.Run(name, func(t *testing.T) {
			var content io.Reader = strings.NewReader(tc.text)
			if tc.breaks {
				content = breaking{content}
			}
			firsts := 0
			s := readStream(content, dialectOf(t, tc.dialect), func() { firsts++ })
			if got := s.judge(answer{status: 200}); got.verdict != tc.want || (got.detail == "") != (tc.want == answered) {
				t.Errorf("verdict %d, want %d: %s", got.verdict, tc.want, got)
			}
			if want := min(s.events, 1); s.wrong == nil && firsts != want {
				t.Errorf("the first event was told of %d times, want %d", firsts, want)
			}
		})
	}
}

func TestWholeAnswersAndErrorsAreOfTheirDialect(t *testing.T) {
	good := map[string]string{
		"OpenAI":    `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`,
		"Anthropic": `{"type":"message","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn"}`,
		"Gemini":    `{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}`,
	}
	bad := map[string]string{"OpenAI": openAIError, "Anthropic": claudeError, "Gemini": geminiError}
	for name := range good {
		for other := range good {
			d := dialectOf(t, name)
			whole, failed := answer{status: 200}.whole(d, good[other], nil), answer{status: 502}.whole(d, bad[other], nil)
			wantWhole, wantFailed := dishonest, dishonest
			if name == other {
				wantWhole, wantFailed = answered, refused
			}
			if whole.verdict != wantWhole || name == other && failed.verdict != wantFailed {
				t.Errorf("%s to one who speaks %s: %d and %d, want %d and %d", other, name, whole.verdict, failed.verdict, wantWhole, wantFailed)
			}
			if got := (answer{status: 200}).whole(d, good[name][:20], io.ErrUnexpectedEOF); got.verdict != dishonest {
				t.Errorf("half an answer is %d", got.verdict)
			}
			if got := (answer{status: 200}).whole(d, bad[name], nil); got.verdict != dishonest {
				t.Errorf("an error with status 200 is %d", got.verdict)
			}
			if got := (answer{status: 502}).whole(d, "<html>", nil); got.verdict != dishonest {
				t.Errorf("a web page is %d", got.verdict)
			}
		}
	}
}

func TestRequestsAreHalfStreamsInAllDialects(t *testing.T) {
	counts := map[string]int{}
	for n := range 60 {
		d, stream := kind(n)
		if stream {
			counts["streams"]++
		}
		counts[d.name]++
	}
	for name, want := range map[string]int{"streams": 30, "OpenAI": 20, "Anthropic": 20, "Gemini": 20} {
		if counts[name] != want {
			t.Errorf("%d of 60 are %s, want %d", counts[name], name, want)
		}
	}
}

// A server that answers nothing for a while must not keep the load from sending, and the wait counts as latency.
func TestTheLoadIsAnOpenLoop(t *testing.T) {
	p := pace{rate: 100, steady: 200 * ms}
	var waiting atomic.Int64
	all := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if waiting.Add(1) == int64(p.requests()) {
			close(all)
		}
		<-all
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	answers, _ := load(t.Context(), p, server.URL, "m", time.Now())
	if len(answers) != 20 {
		t.Fatalf("%d answers", len(answers))
	}
	for n, a := range answers {
		if least := p.due(len(answers)-1) - p.due(n); a.latency < least || a.due != p.due(n) || a.status != 503 {
			t.Errorf("request %d: latency %s, want %s at least; %s", n, a.latency, least, a)
		}
	}
}
