// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// dial opens a session, or gives the response that refused it.
func dial(t *testing.T, server *fakeprovider.Server, query string, options *websocket.DialOptions) (*websocket.Conn, *http.Response) {
	t.Helper()
	address := strings.Replace(server.URL(), "http", "ws", 1) + "/v1/realtime" + query
	conn, response, err := websocket.Dial(soon(t), address, options)
	if err != nil {
		return nil, response
	}
	t.Cleanup(func() { conn.CloseNow() }) //nolint:errcheck // most tests have closed it
	return conn, response
}

type serverEvent struct {
	Type     string
	EventID  string `json:"event_id"`
	Delta    string
	Text     string
	Session  map[string]any
	Response struct {
		Status string
		Output []struct {
			Content []struct{ Type, Text string }
		}
		Usage *struct {
			Input  int `json:"input_tokens"`
			Output int `json:"output_tokens"`
			Total  int `json:"total_tokens"`
		}
	}
	Error *struct{ Type, Message string }
}

func hear(t *testing.T, conn *websocket.Conn) serverEvent {
	t.Helper()
	_, message, err := conn.Read(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	var got serverEvent
	decode(t, message, &got)
	return got
}

func tellRealtime(t *testing.T, conn *websocket.Conn, message string) {
	t.Helper()
	if err := conn.Write(soon(t), websocket.MessageText, []byte(message)); err != nil {
		t.Fatal(err)
	}
}

const realtimeQuestion = `{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"hello"}]}}`

func TestARealtimeSessionAnswersInText(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	conn, _ := dial(t, server, "?model=gpt-realtime", &websocket.DialOptions{HTTPHeader: http.Header{"X-Fake-Tokens": {"5"}}})
	if created := hear(t, conn); created.Type != "session.created" || created.Session["model"] != "gpt-realtime" {
		t.Fatalf("%+v", created)
	}
	tellRealtime(t, conn, `{"type":"session.update","session":{"type":"realtime","instructions":"Be brief.","model":"other"}}`)
	if updated := hear(t, conn); updated.Session["instructions"] != "Be brief." || updated.Session["model"] != "gpt-realtime" {
		t.Errorf("%+v", updated)
	}
	tellRealtime(t, conn, realtimeQuestion)
	tellRealtime(t, conn, `{"type":"response.create"}`)
	var types []string
	var joined, text string
	var last serverEvent
	for last.Type != "response.done" {
		last = hear(t, conn)
		types, joined = append(types, last.Type), joined+last.Delta
		if last.Type == "response.output_text.done" {
			text = last.Text
		}
	}
	want := "conversation.item.added conversation.item.done response.created response.output_item.added " +
		"conversation.item.added response.content_part.added response.output_text.delta response.output_text.done " +
		"response.content_part.done response.output_item.done conversation.item.done response.done"
	if diff := cmp.Diff(want, squeezed(types)); diff != "" {
		t.Error(diff)
	}
	usage := last.Response.Usage
	if prompt := fakeprovider.PromptTokens("hello"); usage.Input != prompt || usage.Output != 5 || usage.Total != prompt+5 {
		t.Errorf("%+v", usage)
	}
	if joined != text || last.Response.Output[0].Content[0].Text != text || fakeprovider.CountTokens(text) != 5 {
		t.Errorf("%q, %q, %+v", joined, text, last.Response)
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	record := ended(t, server)
	if record.State != fakeprovider.Completed || record.Status != 101 || record.CompletionTokens != 5 || record.Model != "gpt-realtime" {
		t.Errorf("%+v", record)
	}
}

func TestARealtimeSessionGoesOnAfterWhatItCannotDo(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	conn, _ := dial(t, server, "?model=m", nil)
	hear(t, conn)
	for _, message := range []string{
		`{"type":"magic"}`, `{`, `{"type":"conversation.item.create"}`, `{"type":"response.cancel"}`,
	} {
		tellRealtime(t, conn, message)
		if got := hear(t, conn); got.Type != "error" || got.Error.Type != "invalid_request_error" {
			t.Errorf("%s: %+v", message, got)
		}
	}
	tellRealtime(t, conn, `{"type":"input_audio_buffer.append","audio":"aGk="}`)
	tellRealtime(t, conn, `{"type":"input_audio_buffer.commit"}`)
	if got := hear(t, conn); got.Type != "input_audio_buffer.committed" {
		t.Errorf("%+v", got)
	}
	tellRealtime(t, conn, `{"type":"input_audio_buffer.clear"}`)
	if got := hear(t, conn); got.Type != "input_audio_buffer.cleared" {
		t.Errorf("%+v", got)
	}
	tellRealtime(t, conn, `{"type":"response.create","response":{"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"now [[fake tokens=3]]"}]}]}}`)
	for got := hear(t, conn); ; got = hear(t, conn) {
		if got.Type == "response.done" {
			if got.Response.Usage.Output != 3 {
				t.Errorf("%+v", got)
			}
			break
		}
	}
	conn.CloseNow() //nolint:errcheck // it is to look broken
	if record := ended(t, server); record.State != fakeprovider.Cancelled {
		t.Errorf("%+v", record)
	}
}

func TestWhoMayOpenARealtimeSession(t *testing.T) {
	server := start(t, fakeprovider.Options{APIKeys: []string{"rt-key"}, StrictModels: true, Models: []string{"m"}})
	authorized := http.Header{"Authorization": {"Bearer rt-key"}}
	for name, c := range map[string]struct {
		query   string
		options websocket.DialOptions
		status  int
	}{
		"a bearer":             {"?model=m", websocket.DialOptions{HTTPHeader: authorized}, 101},
		"a browser":            {"?model=m", websocket.DialOptions{Subprotocols: []string{"realtime", "openai-insecure-api-key.rt-key"}}, 101},
		"nobody":               {"?model=m", websocket.DialOptions{}, 401},
		"a browser, wrong key": {"?model=m", websocket.DialOptions{Subprotocols: []string{"realtime", "openai-insecure-api-key.no"}}, 401},
		"for no model":         {"", websocket.DialOptions{HTTPHeader: authorized}, 400},
		"for another model":    {"?model=x", websocket.DialOptions{HTTPHeader: authorized}, 404},
		"with a fault":         {"?model=m%2Bfault=status:503", websocket.DialOptions{HTTPHeader: authorized}, 503},
		"with a bad directive": {"?model=m%2Bfault=x", websocket.DialOptions{HTTPHeader: authorized}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			conn, response := dial(t, server, c.query, &c.options)
			if response.StatusCode != c.status {
				t.Fatalf("%d, want %d", response.StatusCode, c.status)
			}
			if conn != nil && len(c.options.Subprotocols) > 0 && conn.Subprotocol() != "realtime" {
				t.Errorf("protocol %q", conn.Subprotocol())
			}
		})
	}
	status, _ := do(t, server, "GET", "/v1/realtime?model=m", "")
	if status != 401 {
		t.Errorf("no WebSocket at all: %d", status)
	}
	response, err := send(t, server, "/v1/realtime?model=m", "", "Sec-Websocket-Protocol", "realtime, openai-insecure-api-key.rt-key")
	if err != nil || response.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("a key, but no WebSocket: %v %v", err, response)
	}
}

func TestRealtimeSessionsBreakAsTold(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for spec, c := range map[string]struct {
		events int    // before it ends
		last   string // what the last one is
	}{
		"reset-mid-stream:2": {2, "response.output_item.added"},
		"error-event:1":      {2, "error"},
		"truncate-stream:0":  {0, ""},
	} {
		t.Run(spec, func(t *testing.T) {
			conn, _ := dial(t, server, "?model=m", &websocket.DialOptions{HTTPHeader: http.Header{"X-Fake-Fault": {spec}}})
			_ = conn.Write(soon(t), websocket.MessageText, []byte(`{"type":"response.create"}`)) // it may be gone
			events, last := 0, ""
			for {
				_, message, err := conn.Read(soon(t))
				if err != nil {
					break
				}
				var got struct{ Type string }
				if json.Unmarshal(message, &got) == nil {
					events, last = events+1, got.Type
				}
			}
			if events != c.events || (c.last == "error") != (last == "error") {
				t.Errorf("%d events, the last one %s; want %d", events, last, c.events)
			}
			record, err := server.WaitFor(soon(t), func(r fakeprovider.Record) bool { return r.Fault == spec && r.State != fakeprovider.Running })
			if err != nil || record.State != fakeprovider.Faulted {
				t.Errorf("%v %+v", err, record)
			}
		})
	}
}

func TestCloseEndsRealtimeSessions(t *testing.T) {
	server := fakeprovider.New(fakeprovider.Options{})
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	conn, _ := dial(t, server, "?model=m", nil)
	hear(t, conn)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.Read(context.Background()); err == nil {
		t.Error("the session goes on without its server")
	}
}
