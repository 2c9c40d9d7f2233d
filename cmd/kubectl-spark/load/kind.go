// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
)

// Kind is a way to fail: one of these, with the gateway's own word for it behind where it gave one, as in "status_429
// request_limit".
type Kind string

// The kinds.
const (
	// KindTimeout is no answer, or no whole one, within the timeout since the request was sent.
	KindTimeout Kind = "timeout"
	// KindTimeoutInAnswer is the same, once the answer had begun.
	KindTimeoutInAnswer Kind = "timeout_in_answer"
	// KindNotSent is a request for which no connection was free for as long as the timeout.
	KindNotSent Kind = "not_sent"
	// KindConnect is that no connection came about.
	KindConnect Kind = "connect_failed"
	// KindConnection is a connection that broke before the answer began.
	KindConnection Kind = "connection_broken"
	// KindBrokenStream is a stream that ended without its dialect's last word.
	KindBrokenStream Kind = "broken_stream"
	// KindBrokenBody is an answer in one piece that was cut off.
	KindBrokenBody Kind = "broken_body"
	// KindErrorEvent is an error that came after status 200.
	KindErrorEvent Kind = "error_event"
	// KindInvalid is an answer of status 200 that is none of its dialect.
	KindInvalid Kind = "invalid_answer"
	// KindOther are kinds beyond those that are told apart.
	KindOther Kind = "other"
)

// kindCut is a request that the end of the run took away: no failure.
const kindCut Kind = "cut"

func statusKind(status int, reason string) Kind {
	return Kind("status_" + strconv.Itoa(status)).because(reason)
}

func (k Kind) because(reason string) Kind {
	if reason == "" {
		return k
	}
	return k + " " + Kind(reason)
}

// timedOut says whether the request took at least as long as the timeout, so that its latency counts.
func (k Kind) timedOut() bool {
	return k == KindTimeout || k == KindTimeoutInAnswer || k == KindNotSent
}

// transportKind tells why no answer began, or why one broke off.
func transportKind(ctx context.Context, err error, begun bool, broken Kind) Kind {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return kindCut
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && begun:
		return KindTimeoutInAnswer
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return KindTimeout
	case unconnected(err):
		return KindConnect
	}
	return broken
}

// unconnected says whether a connection did not come about, TLS included.
func unconnected(err error) bool {
	var (
		operation   *net.OpError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
	)
	return errors.As(err, &operation) && operation.Op == "dial" ||
		errors.As(err, &certificate) || errors.As(err, &record) || errors.As(err, &alert)
}
