// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"errors"
	"net"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// upgraded checks that a provider which was asked to change the protocol did.
func (a *Attempt) upgraded() *exchange.Error {
	status := a.call.Header.StatusCode()
	if status != 101 {
		return broken(exchange.ReasonInvalidResponse, errors.New("the provider did not change the protocol"))
	}
	a.rec.Status = status
	return nil
}

// AnswerField gives a field of the answer's header by its canonical name; the value is good until Finish.
func (a *Attempt) AnswerField(name []byte) []byte { return a.call.Header.PeekCanonical(name) }

// Upgraded gives the provider's connection after Do granted Request.Upgrade, without deadlines, and what reads from it.
// Finish closes it.
func (a *Attempt) Upgraded() (net.Conn, *bufio.Reader) { return a.call.Upgraded() }

// Cancel closes the provider's connection, as when the client has left. Any goroutine may call it before Finish.
func (a *Attempt) Cancel() { a.call.Cancel() }
