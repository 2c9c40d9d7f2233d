// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it; nothing is protected by it.
	"encoding/base64"
	"net"
	"net/url"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/proxy"
)

// What applications put among a WebSocket's subprotocols: the protocol itself, and, where they cannot set a header, the
// key. Only what is on the list goes on to the provider.
const (
	subprotocolRealtime = "realtime"
	subprotocolBeta     = "openai-beta."
	subprotocolKey      = "openai-insecure-api-key."
)

const (
	// acceptGUID proves that a server speaks WebSocket (RFC 6455 1.3).
	acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	nonceLen   = 16
)

var (
	headerUpgrade      = []byte("Upgrade")
	headerSocketKey    = []byte("Sec-Websocket-Key")
	headerVersion      = []byte("Sec-Websocket-Version")
	headerSubprotocol  = []byte("Sec-Websocket-Protocol")
	headerSocketAccept = []byte("Sec-Websocket-Accept")
)

// subprotocols calls f with each that the client offers.
func (r *request) subprotocols(f func(name []byte)) {
	for _, line := range r.ctx.Request.Header.PeekAll(string(headerSubprotocol)) {
		for name := range bytes.SplitSeq(line, []byte(",")) {
			if name = bytes.TrimSpace(name); len(name) > 0 {
				f(name)
			}
		}
	}
}

// keyInSubprotocol gives the key that stands among the subprotocols, nil where there is none.
func (r *request) keyInSubprotocol() (key []byte) {
	r.subprotocols(func(name []byte) {
		if after, ok := bytes.CutPrefix(name, []byte(subprotocolKey)); ok && key == nil {
			key = after
		}
	})
	return key
}

// realtime serves GET /v1/realtime: a WebSocket that is the provider's, frame by frame.
func (r *request) realtime() *exchange.Error {
	key, err := r.socketKey()
	if err == nil {
		err = r.checkOrigin()
	}
	if err != nil {
		return err
	}
	req, w, err := r.planRealtime()
	if err != nil {
		return err
	}
	nonce, upgrade := r.upgrade()
	req.Upgrade = upgrade
	err = r.send(req, w)
	switch {
	case err != nil:
		return err
	case r.ex.Status != fasthttp.StatusSwitchingProtocols:
		return r.answer() // The provider refused.
	}
	if string(r.journey.Answer.AnswerField(headerSocketAccept)) != string(acceptOf(nonce)) {
		return notWebSocket()
	}
	return r.session(key)
}

// planRealtime decides where a session goes: to the model that the URL names.
func (r *request) planRealtime() (req proxy.Request, w *way, err *exchange.Error) {
	query := r.ctx.QueryArgs()
	r.ex.Model, r.ex.Stream = query.Peek("model"), true
	if err := r.defaultModel(); err != nil {
		return req, nil, err
	}
	if w, err = r.way(); err != nil {
		return req, nil, err
	}
	tail := func(t *proxy.Target) []byte { return realtimeQuery(query, t.Model) }
	return proxy.Request{Method: fasthttp.MethodGet, TailOf: tail}, w, nil
}

// socketKey checks that the client wants a WebSocket (RFC 6455 4.2.1), and gives the key of its handshake.
func (r *request) socketKey() ([]byte, *exchange.Error) {
	h := &r.ctx.Request.Header
	if !h.IsHTTP11() || !h.ConnectionUpgrade() || !bytes.EqualFold(h.PeekCanonical(headerUpgrade), []byte("websocket")) ||
		string(h.PeekCanonical(headerVersion)) != "13" || r.conn == nil {
		r.ctx.Response.Header.SetCanonical(headerUpgrade, []byte("websocket"))
		r.ctx.Response.Header.SetCanonical(headerVersion, []byte("13"))
		return nil, &exchange.Error{
			Status: 426, Type: exchange.TypeInvalidRequest, Code: "upgrade_required", Reason: exchange.ReasonMalformed,
			Outcome: exchange.Refused, Message: "This URL speaks WebSocket, version 13, only.",
		}
	}
	key := h.PeekCanonical(headerSocketKey)
	if nonce, err := base64.StdEncoding.DecodeString(string(key)); err != nil || len(nonce) != nonceLen {
		e := exchange.Invalid("", "The header Sec-WebSocket-Key is no key.")
		e.Reason = exchange.ReasonMalformed
		return nil, e
	}
	return key, nil
}

// upgrade gives the header lines that ask the provider for a WebSocket, and the key among them.
func (r *request) upgrade() (key, lines []byte) {
	var nonce [nonceLen]byte
	_, _ = rand.Read(nonce[:])
	key = base64.StdEncoding.AppendEncode(nil, nonce[:])
	lines = append(lines, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "...)
	lines = append(append(lines, key...), "\r\n"...)
	var offered []byte
	r.subprotocols(func(name []byte) {
		if string(name) == subprotocolRealtime || bytes.HasPrefix(name, []byte(subprotocolBeta)) {
			if len(offered) > 0 {
				offered = append(offered, ", "...)
			}
			offered = append(offered, name...)
		}
	})
	if len(offered) > 0 {
		lines = append(append(append(lines, "Sec-WebSocket-Protocol: "...), offered...), "\r\n"...)
	}
	return key, lines
}

// realtimeQuery is the client's query with the model's name as the provider has it.
func realtimeQuery(query *fasthttp.Args, model string) []byte {
	tail := append([]byte("?model="), url.QueryEscape(model)...)
	for name, value := range query.All() {
		if string(name) != "model" {
			tail = append(append(tail, '&'), url.QueryEscape(string(name))...)
			tail = append(append(tail, '='), url.QueryEscape(string(value))...)
		}
	}
	return tail
}

func acceptOf(key []byte) []byte {
	sum := sha1.Sum(append(key[:len(key):len(key)], acceptGUID...)) //nolint:gosec // As above.
	return base64.StdEncoding.AppendEncode(nil, sum[:])
}

func notWebSocket() *exchange.Error {
	return &exchange.Error{
		Status: 502, Type: exchange.TypeUpstream, Reason: exchange.ReasonInvalidResponse, Outcome: exchange.ProviderBroken,
		Message: "The provider's answer could not be understood.",
	}
}

// session says 101 and relays. It keeps the connection's goroutine, as a stream does; the engine answers nothing more and
// closes the connection.
func (r *request) session(key []byte) *exchange.Error {
	hello := r.hello(key)
	conn := r.ctx.Conn()
	upstream, fromUpstream := r.journey.Answer.Upgraded()
	s := newSession(conn, r.snap.gateway.MaxBodyBytes, upstream, fromUpstream)
	s.cancel, s.draining, s.keepAlive = r.journey.Answer.Cancel, r.conn.Draining, r.srv.socketKeepAlive()
	s.first = func() {
		if r.ex.FirstToken.IsZero() {
			r.ex.FirstToken = time.Now()
		}
	}
	s.spent = r.mayGoOn
	r.conn.Detach()
	if !r.conn.Attach(s) {
		s.Cancel()
	}
	defer r.conn.Detach()
	r.ctx.HijackSetNoResponse(true)
	r.ctx.Hijack(func(net.Conn) {})
	_ = conn.SetDeadline(time.Time{})
	if err := s.client.write(hello); err != nil {
		s.end(exchange.ClientGone, exchange.ReasonClientGone, err)
		s.cancel()
	}
	s.run(func(fault any) {
		s.end(exchange.Internal, exchange.ReasonInternal, r.panicked(fault))
	})
	r.ex.Outcome, r.ex.Reason, r.ex.Cause = s.outcome, s.reason, s.cause
	r.ex.Usage, r.ex.BytesIn, r.ex.BytesOut = s.usage, s.client.bytes, s.provider.bytes
	return nil
}

// socketKeepAlive is how long a side may be silent before it is pinged.
func (s *Server) socketKeepAlive() time.Duration {
	if s.opts.KeepAlive > 0 {
		return s.opts.KeepAlive
	}
	return defaultSocketKeepAlive
}

// defaultSocketKeepAlive is less than what proxies and load balancers allow a silent connection.
const defaultSocketKeepAlive = 15 * time.Second

// hello is the head of the answer that begins a WebSocket.
func (r *request) hello(key []byte) []byte {
	r.common()
	hello := append([]byte(nil), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	hello = append(append(hello, acceptOf(key)...), "\r\n"...)
	if chosen := r.subprotocol(); len(chosen) > 0 {
		hello = append(append(append(hello, "Sec-WebSocket-Protocol: "...), chosen...), "\r\n"...)
	}
	r.journey.Answer.Returned(r.limits.told.Requests.Limited || r.limits.told.Tokens.Limited, r.ctx.Response.Header.SetCanonical)
	for name, value := range r.ctx.Response.Header.All() {
		switch string(name) {
		case fasthttp.HeaderConnection, fasthttp.HeaderContentLength, fasthttp.HeaderContentType:
			continue
		}
		hello = append(append(append(append(hello, name...), ": "...), value...), "\r\n"...)
	}
	return append(hello, "\r\n"...)
}

// subprotocol is the provider's choice of what the client offered, or, as browsers insist on one, the protocol itself.
func (r *request) subprotocol() (chosen []byte) {
	answered := r.journey.Answer.AnswerField(headerSubprotocol)
	r.subprotocols(func(name []byte) {
		if string(name) == string(answered) || chosen == nil && string(name) == subprotocolRealtime {
			chosen = name
		}
	})
	return chosen
}
