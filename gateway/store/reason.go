// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/redis/rueidis"
)

// said are what a server's errors begin with, and the phrases that stand for them.
var said = []struct{ begins, reason string }{
	{"NOAUTH", "authentication failed"},
	{"WRONGPASS", "authentication failed"},
	{"ERR invalid password", "authentication failed"},
	{"ERR AUTH", "authentication failed"},
	{"NOPERM", "permission denied"},
	{"READONLY", "read-only replica"},
	{"MASTERDOWN", "read-only replica"},
	{"OOM", "out of memory"},
	{"LOADING", "loading"},
	{"BUSY", "busy"},
	{"CLUSTERDOWN", "cluster down"},
	{"MOVED", "cluster moving"},
	{"ASK", "cluster moving"},
	{"TRYAGAIN", "cluster moving"},
	{"MISCONF", "cannot persist"},
	{"NOREPLICAS", "not enough replicas"},
	{"ERR max number of clients", "too many connections"},
	{"IDONTKNOW", "no master"},
	{"ERR No such master", "no master"},
}

const (
	unknownError = "server error"
	dataLost     = "data was lost"
)

// reason gives a stable phrase for an error: never an address or a credential.
func reason(err error) string {
	if server, ok := rueidis.IsRedisErr(err); ok {
		if server.IsNil() {
			return "no master"
		}
		text := server.Error()
		for _, s := range said {
			if strings.HasPrefix(text, s.begins) {
				return s.reason
			}
		}
		// Errors of a command in a script come with another beginning, and with the script's name behind.
		for _, s := range said {
			if strings.Contains(text, s.begins) {
				return s.reason
			}
		}
		return unknownError
	}
	return lost(err)
}

// lost gives the phrase for an error on the way to the server.
func lost(err error) string {
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		alert     tls.AlertError
		record    tls.RecordHeaderError
		network   net.Error
	)
	switch {
	case errors.Is(err, errLost):
		return dataLost
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.As(err, &dns):
		return "address not found"
	case errors.As(err, &authority), errors.As(err, &host), errors.As(err, &invalid), errors.As(err, &verify):
		return "certificate not trusted"
	case errors.As(err, &alert), errors.As(err, &record):
		return "TLS failed"
	case errors.Is(err, rueidis.ErrNoSlot):
		return "cluster down"
	case errors.Is(err, rueidis.ErrNoAddr):
		return "no master"
	case errors.As(err, &network) && network.Timeout():
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, rueidis.ErrClosing), errors.Is(err, net.ErrClosed):
		return "connection lost"
	case errors.Is(err, errAnswer):
		return "unknown answer"
	default:
		return "connection failed"
	}
}
