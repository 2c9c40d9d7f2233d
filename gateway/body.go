// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// checkHeader refuses what is too large, and framing that two servers may read differently (RFC 9112 6.3). The HTTP
// engine refuses a second Content-Length and unknown transfer codings itself.
func (r *request) checkHeader() *exchange.Error {
	h := &r.ctx.Request.Header
	raw := h.RawHeaders()
	const line = len(" HTTP/1.1\r\n") + 1
	if len(h.Method())+len(h.RequestURI())+line+len(raw) > r.snap.gateway.MaxHeaderBytes {
		r.ctx.SetConnectionClose()
		return &exchange.Error{
			Status: 431, Type: exchange.TypeInvalidRequest, Reason: exchange.ReasonHeaderTooLarge,
			Outcome: exchange.Refused, Message: "The request's header is too large.",
		}
	}
	if h.ContentLength() == -1 && hasField(raw, "content-length") {
		r.ctx.SetConnectionClose()
		return &exchange.Error{
			Status: 400, Type: exchange.TypeInvalidRequest, Reason: exchange.ReasonMalformed, Outcome: exchange.Refused,
			Message: "The request has both Content-Length and Transfer-Encoding.",
		}
	}
	return nil
}

// hasField looks for a field, named in lower case, in raw header lines.
func hasField(raw []byte, name string) bool {
	for len(raw) > 0 {
		line := raw
		if i := bytes.IndexByte(raw, '\n'); i >= 0 {
			line, raw = raw[:i], raw[i+1:]
		} else {
			raw = nil
		}
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return true
		}
	}
	return false
}

// checkLength refuses a body by what the header says of it.
func (r *request) checkLength() *exchange.Error {
	h := &r.ctx.Request.Header
	if encoding := h.ContentEncoding(); len(encoding) > 0 && !bytes.EqualFold(encoding, []byte("identity")) {
		return &exchange.Error{
			Status: 415, Type: exchange.TypeInvalidRequest, Reason: exchange.ReasonEncoding, Outcome: exchange.Refused,
			Message: "A compressed body is not supported. Send it without Content-Encoding.",
		}
	}
	if int64(h.ContentLength()) > r.snap.gateway.MaxBodyBytes {
		return bodyTooLarge()
	}
	return nil
}

func bodyTooLarge() *exchange.Error {
	return &exchange.Error{
		Status: 413, Type: exchange.TypeInvalidRequest, Reason: exchange.ReasonBodyTooLarge, Outcome: exchange.Refused,
		Message: "The request's body is too large.",
	}
}

// readBody reads the body, bounded in size and time. The read deadline that it leaves is replaced by the engine before
// the next request.
func (r *request) readBody() *exchange.Error {
	if err := r.checkLength(); err != nil {
		return err
	}
	r.body = r.body[:0]
	stream := r.ctx.RequestBodyStream()
	if stream == nil {
		return nil
	}
	_ = r.ctx.Conn().SetReadDeadline(time.Now().Add(r.snap.bodyTimeout()))
	length := r.ctx.Request.Header.ContentLength()
	err := r.fill(stream, length)
	r.ex.BytesIn = int64(len(r.body))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTooLarge):
		r.ctx.SetConnectionClose()
		return bodyTooLarge()
	case isTimeout(err):
		r.ctx.SetConnectionClose()
		return &exchange.Error{
			Status: 408, Type: exchange.TypeInvalidRequest, Reason: exchange.ReasonBodyTimeout, Outcome: exchange.Refused,
			Message: "The request's body did not arrive in time.",
		}
	case errors.Is(err, fasthttp.ErrBodyTooLarge), isDisconnect(err):
		r.ctx.SetConnectionClose()
		return &exchange.Error{
			Status: 499, Type: exchange.TypeServer, Reason: exchange.ReasonClientGone, Outcome: exchange.ClientGone,
			Message: "The client closed the connection.",
		}
	default:
		r.ctx.SetConnectionClose()
		return &exchange.Error{
			Status: 400, Type: exchange.TypeInvalidRequest, Reason: exchange.ReasonMalformed, Outcome: exchange.Refused,
			Message: "The request's body is not framed as HTTP says.",
		}
	}
}

func isDisconnect(err error) bool {
	var op interface{ Temporary() bool } // net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op)
}

var errTooLarge = errors.New("body too large")

// trusted is how much of an announced length memory is taken for before the bytes come.
const trusted = 1 << 20

// fill reads the stream to its end: exactly length bytes, or, where length is negative, up to the configured maximum.
func (r *request) fill(stream io.Reader, length int) error {
	if expect := min(length+1, trusted); cap(r.body) < expect {
		r.body = make([]byte, 0, expect)
	}
	for {
		if len(r.body) == cap(r.body) {
			r.body = append(r.body, make([]byte, max(4096, len(r.body)))...)[:len(r.body)]
		}
		n, err := stream.Read(r.body[len(r.body):cap(r.body)])
		r.body = r.body[:len(r.body)+n]
		if int64(len(r.body)) > r.snap.gateway.MaxBodyBytes {
			return errTooLarge
		}
		if errors.Is(err, io.EOF) {
			if length >= 0 && len(r.body) != length || length < 0 && r.conn != nil && r.conn.ended {
				// The engine gives the same for a body that ends and for a client that ends between two chunks.
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}
