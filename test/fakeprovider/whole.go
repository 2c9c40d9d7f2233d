// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"time"
)

// whole sends a body in one piece, or as much of it as the faults let through.
func (x *exchange) whole(status int, rep reply) {
	body, contentType := rep.body, rep.contentType
	if contentType == "" {
		contentType = jsonContent
	}
	if x.faults.Gzip {
		body = compressed(body)
		x.w.Header().Set("Content-Encoding", "gzip")
	}
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.head(status, contentType)
	switch x.faults.Ending {
	case EndResetAfterHeaders:
		x.flush()
		x.breakConnection(reset)
	case EndResetMidBody:
		x.part(body, rep.tokens)
		x.breakConnection(reset)
	case EndTruncateBody:
		x.part(body, rep.tokens)
		x.breakConnection(closed)
	case EndStallBody:
		x.part(body, rep.tokens)
		x.waitForClient()
	default:
		x.send(body, 0, rep.tokens)
	}
}

// part sends the body up to where the fault happens. The tokens were all generated, and a provider bills them.
func (x *exchange) part(body []byte, tokens int) {
	x.send(body[:x.faults.position(len(body))], 0, tokens)
	x.flush()
}

// head writes status and headers.
func (x *exchange) head(status int, contentType string) {
	x.stamp.millis = time.Since(x.started).Milliseconds()
	x.w.Header().Set("Content-Type", contentType)
	x.dialect.headers(x.w.Header(), x.stamp)
	x.server.records.update(x.record, func(r *Record) { r.Status = status })
	x.w.WriteHeader(status)
}

// send writes bytes and counts them; it reports whether the client is still there.
func (x *exchange) send(b []byte, events, tokens int) bool {
	n, err := x.w.Write(b)
	if err != nil {
		x.left()
		n, events, tokens = 0, 0, 0
	}
	x.server.records.served(x.record, n, events, tokens)
	return err == nil
}

func (x *exchange) flush() bool {
	if err := x.control.Flush(); err != nil {
		x.left()
		return false
	}
	return x.r.Context().Err() == nil
}

// left records a client whose absence a failed write shows sooner than the context does.
func (x *exchange) left() {
	if x.r.Method != http.MethodHead {
		x.server.records.settle(x.record, Cancelled, time.Now())
	}
}

func compressed(body []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(body) //nolint:errcheck // a bytes.Buffer takes everything
	z.Close()
	return out.Bytes()
}
