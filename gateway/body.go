// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"errors"
	"io"
	"strconv"

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
	if most := r.snap.gateway.RequestLimits.MaxHeaderFields; most > 0 && countFields(raw) > most {
		r.ctx.SetConnectionClose()
		return &exchange.Error{
			Status: 431, Type: exchange.TypeInvalidRequest, Reason: exchange.ReasonHeaderFields, Outcome: exchange.Refused,
			Message: "The request's header has more than " + strconv.Itoa(most) + " fields.",
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

// countFields counts the fields in raw header lines, the Host and repeated ones included. Lines that go on with the one before
// (RFC 9112 5.2) are not fields of their own.
func countFields(raw []byte) int {
	raw = bytes.TrimRight(raw, "\r\n")
	if len(raw) == 0 {
		return 0
	}
	return 1 + bytes.Count(raw, []byte("\n")) - bytes.Count(raw, []byte("\n ")) - bytes.Count(raw, []byte("\n\t"))
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
	if _, ok := codingNamed(h.ContentEncoding()); !ok {
		r.ctx.Response.Header.SetCanonical([]byte(fasthttp.HeaderAcceptEncoding), []byte(acceptedCodings))
		return unsupportedCoding()
	}
	if int64(h.ContentLength()) > r.snap.gateway.MaxBodyBytes {
		return bodyTooLarge()
	}
	return nil
}

// readBody reads the body without its coding, bounded in size and time. The read deadline that it leaves is replaced by the engine
// before the next request.
func (r *request) readBody() *exchange.Error {
	if err := r.checkLength(); err != nil {
		return err
	}
	r.body = r.body[:0]
	stream := r.ctx.RequestBodyStream()
	if stream == nil {
		return nil
	}
	in, _ := incomings.Get().(*incoming)
	defer in.release()
	*in = incoming{
		stream: stream, conn: r.ctx.Conn(), client: r.conn, length: r.ctx.Request.Header.ContentLength(),
		most: r.snap.gateway.MaxBodyBytes, wire: in.wire,
		pace: pace{total: r.snap.bodyTimeout(), rate: r.snap.gateway.RequestLimits.MinBodyRate},
	}
	var err error
	if r.body, err = in.read(r.body, r.ctx.Request.Header.ContentEncoding()); err == nil {
		r.ex.BytesIn = in.came
		return nil
	}
	r.ex.BytesIn = in.came
	r.ctx.SetConnectionClose()
	return refusedBody(err, in.slow())
}

// refusedBody says what a client is told whose body could not be read.
func refusedBody(err error, slow bool) *exchange.Error {
	switch {
	case errors.Is(err, errTooLarge):
		return bodyTooLarge()
	case errors.Is(err, errDecodedTooLarge):
		return decodedTooLarge()
	case errors.Is(err, errCompression):
		return badCompression(err)
	case isTimeout(err) && slow:
		return &exchange.Error{
			Status: 408, Type: exchange.TypeInvalidRequest, Reason: exchange.ReasonBodySlow, Outcome: exchange.Refused,
			Message: "The request's body came too slowly.",
		}
	case isTimeout(err):
		return &exchange.Error{
			Status: 408, Type: exchange.TypeInvalidRequest, Reason: exchange.ReasonBodyTimeout, Outcome: exchange.Refused,
			Message: "The request's body did not arrive in time.",
		}
	case errors.Is(err, fasthttp.ErrBodyTooLarge), isDisconnect(err):
		return &exchange.Error{
			Status: 499, Type: exchange.TypeServer, Reason: exchange.ReasonClientGone, Outcome: exchange.ClientGone,
			Message: "The client closed the connection.",
		}
	default:
		return &exchange.Error{
			Status: 400, Type: exchange.TypeInvalidRequest, Reason: exchange.ReasonMalformed, Outcome: exchange.Refused,
			Message: "The request's body is not framed as HTTP says.",
		}
	}
}

func bodyTooLarge() *exchange.Error {
	return &exchange.Error{
		Status: 413, Type: exchange.TypeInvalidRequest, Reason: exchange.ReasonBodyTooLarge, Outcome: exchange.Refused,
		Message: "The request's body is too large.",
	}
}

func isDisconnect(err error) bool {
	var op interface{ Temporary() bool } // net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op)
}
