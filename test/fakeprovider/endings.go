// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer sends what the call asks for, with the faults that were asked for.
func (x *exchange) answer(c call, d directives) {
	if !x.wait(x.faults.Latency) || x.replaced() {
		return
	}
	rep := c.reply(d, x.stamp)
	switch {
	case rep.refusal != nil:
		x.fail(rep.refusal)
		return
	case rep.events != nil:
		x.stream(rep)
		return
	}
	// A body in one piece is ready when its last token is.
	if x.wait(time.Duration(rep.tokens) * x.delay) {
		x.whole(http.StatusOK, rep)
	}
}

// replaced carries out the faults that leave nothing of the answer.
func (x *exchange) replaced() bool {
	switch x.faults.Ending {
	case EndHang:
		x.waitForClient()
	case EndResetBeforeHeaders:
		x.breakConnection(reset)
	case EndCloseBeforeHeaders:
		x.breakConnection(closed)
	case EndStatus:
		x.failOnPurpose()
	case EndHTML:
		x.replace("text/html; charset=utf-8", "<!doctype html><html><body><h1>Welcome</h1>Log in first.</body></html>")
	case EndGarbage:
		x.replace(x.subject.contentType(), strings.Repeat("\x00\x17\x2agarbage}{]\"\\ \xff\xfe", 16))
	default:
		return false
	}
	return true
}

func (x *exchange) failOnPurpose() {
	f := &failure{
		status: x.faults.Status, retry: x.faults.RetryAfter,
		message: fmt.Sprintf("The fault %q was asked for.", x.faults.spec),
	}
	if wait := x.faults.RetryAfter; wait > 0 {
		// Whole seconds are all that the standard header can say; the milliseconds are OpenAI's.
		x.w.Header().Set("Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10))
		x.w.Header().Set("Retry-After-Ms", strconv.FormatInt(wait.Milliseconds(), 10))
	}
	x.ending = Faulted
	x.fail(f)
}

func (x *exchange) replace(contentType, body string) {
	x.ending = Faulted
	x.head(http.StatusOK, contentType)
	x.send([]byte(body), 0, 0)
}

// wait lets time pass and reports whether the client is still there.
func (x *exchange) wait(d time.Duration) bool {
	if d <= 0 {
		return x.r.Context().Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-x.r.Context().Done():
		return false
	}
}

// waitForClient says nothing until the client leaves.
func (x *exchange) waitForClient() { <-x.r.Context().Done() }

type breakage bool

const (
	reset  breakage = true  // RST: what the kernel still holds is thrown away
	closed breakage = false // FIN: the client gets what was sent, and then the end
)

// breakConnection ends the connection under the response. What was flushed before has been handed to the kernel.
func (x *exchange) breakConnection(how breakage) {
	x.ending = Faulted
	conn, _, err := x.control.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // not HTTP/1.1: aborting is the nearest thing
	}
	if tcp, ok := conn.(*net.TCPConn); ok && how == reset {
		tcp.SetLinger(0) //nolint:errcheck // then it closes with FIN, and the test that wants RST fails
	}
	conn.Close()
}
