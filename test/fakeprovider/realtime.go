// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/coder/websocket"
)

// insecureKey begins the subprotocol in which browsers send a key; realtimeProtocol is the one that is agreed on.
const (
	insecureKey      = "openai-insecure-api-key."
	realtimeProtocol = "realtime"
)

// realtimeSession is one conversation over a WebSocket.
type realtimeSession struct {
	*exchange
	conn       *websocket.Conn
	model      string
	directives directives
	sent       int               // events
	items      []json.RawMessage // of the conversation
	prompt     string            // the last user's text
	tokens     int               // of the conversation
	responses  int
	settings   map[string]any // of the session
}

// realtime serves GET /v1/realtime: a session that answers response.create in text.
func (s *Server) realtime(d openAI) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.handlers.RLock()
		defer s.handlers.RUnlock()
		x := s.open(w, r, d)
		defer x.close()
		if session := x.upgrade(d); session != nil {
			defer session.conn.CloseNow() //nolint:errcheck // it has ended in one way or another
			session.run(r.Context())
		}
	}
}

// upgrade begins a session, or says why there is none; then it is nil.
func (x *exchange) upgrade(d openAI) *realtimeSession {
	model := x.r.URL.Query().Get("model")
	fail := x.server.knowsKey(realtimeKey(x.r))
	switch {
	case fail != nil:
	case model == "":
		fail = invalid("model", "You must provide a model parameter.")
	case !d.server.knows(model):
		fail = modelNotFound(model)
	}
	if fail != nil {
		x.fail(fail)
		return nil
	}
	x.subject = subject{model: model, stream: true}
	directives, err := x.direct(x.subject)
	if err != nil {
		x.fail(badRequest("fakeprovider: " + err.Error()))
		return nil
	}
	x.faults, x.delay = directives.faults, directives.delay
	if !x.wait(x.faults.Latency) || x.replaced() {
		return nil
	}
	d.headers(x.w.Header(), x.stamp)
	conn, err := websocket.Accept(x.w, x.r, &websocket.AcceptOptions{
		Subprotocols: []string{realtimeProtocol}, InsecureSkipVerify: true, // of the origin: keys are what is asked for
	})
	if err != nil {
		return nil // Accept has answered
	}
	conn.SetReadLimit(maxRequestBody)
	x.server.records.update(x.record, func(r *Record) { r.Status = http.StatusSwitchingProtocols })
	return &realtimeSession{exchange: x, conn: conn, model: model, directives: directives, settings: map[string]any{
		"id": "sess_" + x.stamp.id, "object": "realtime.session", "type": "realtime", "model": model,
		"output_modalities": []string{"text"}, "instructions": "", "tools": []any{}, "tool_choice": "auto",
		"max_output_tokens": "inf",
	}}
}

// realtimeKey is the key of a bearer or, of a browser, of a subprotocol.
func realtimeKey(r *http.Request) string {
	if key := bearer(r); key != "" {
		return key
	}
	for _, header := range r.Header.Values("Sec-Websocket-Protocol") {
		for protocol := range strings.SplitSeq(header, ",") {
			if key, ok := strings.CutPrefix(strings.TrimSpace(protocol), insecureKey); ok {
				return key
			}
		}
	}
	return ""
}

func (s *realtimeSession) run(ctx context.Context) {
	if !s.send(ctx, "session.created", 0, map[string]any{"session": s.settings}) {
		return
	}
	for {
		kind, message, err := s.conn.Read(ctx)
		if err != nil {
			switch websocket.CloseStatus(err) {
			case websocket.StatusNormalClosure, websocket.StatusGoingAway:
			default:
				s.left()
			}
			return
		}
		if kind != websocket.MessageText || !s.handle(ctx, message) {
			return
		}
	}
}

// send writes one event, unless a fault happens in its stead; it reports whether the session goes on.
func (s *realtimeSession) send(ctx context.Context, kind string, tokens int, members map[string]any) bool {
	if s.faults.Ending != "" && s.sent >= s.faults.After {
		return s.spoil(ctx)
	}
	members["type"], members["event_id"] = kind, s.name("event", s.sent)
	return s.write(ctx, marshal(members), tokens)
}

func (s *realtimeSession) write(ctx context.Context, message []byte, tokens int) bool {
	s.sent++
	if err := s.conn.Write(ctx, websocket.MessageText, message); err != nil {
		s.left()
		return false
	}
	s.server.records.served(s.record, len(message), 1, tokens)
	return true
}

// spoil carries out the fault that was asked for, which ends the session.
func (s *realtimeSession) spoil(ctx context.Context) bool {
	s.ending = Faulted
	switch s.faults.Ending {
	case EndStall:
		<-ctx.Done()
	case EndErrorEvent:
		s.write(ctx, marshal(realtimeError("server_error", "", "The server had an error while processing your request.")), 0)
		s.conn.Close(websocket.StatusInternalError, "")
	case EndGarbageEvent:
		s.write(ctx, []byte(noise), 0)
	default:
		s.conn.CloseNow() //nolint:errcheck // which is what was asked for
	}
	return false
}
