// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// A silent connection is not closed under a request that is on its way: the client hears of it with an answer.
func TestADrainLeavesSilentConnectionsOpenForAWhile(t *testing.T) {
	s := start(t, func(o *options) {
		o.server.DrainDelay, o.server.IdleLinger = 50*time.Millisecond, 20*time.Second
	})
	kept := s.dial()
	silent := s.dial()
	if status, closing := s.chatOn(kept); status != 200 || closing {
		t.Fatalf("before the drain: status %d, close %t", status, closing)
	}
	if status, closing := s.chatOn(silent); status != 200 || closing {
		t.Fatalf("before the drain: status %d, close %t", status, closing)
	}
	down := make(chan error, 1)
	go func() { down <- s.server.Shutdown(t.Context()) }()
	select {
	case err := <-down:
		t.Fatal("Shutdown did not wait for silent connections: ", err)
	case <-time.After(300 * time.Millisecond):
	}
	if status, closing := s.chatOn(kept); status != 200 || !closing {
		t.Errorf("on a connection kept from before the drain: status %d, close %t", status, closing)
	}
	_ = silent.Close()
	select {
	case err := <-down:
		if err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	case <-time.After(patience):
		t.Error("Shutdown waits though no connection is open")
	}
	s.down.Do(s.living.Close)
}

// chatOn makes one exchange on a connection, and says whether the gateway closes it.
func (s *setup) chatOn(c net.Conn) (status int, closing bool) {
	s.t.Helper()
	if _, err := io.WriteString(c, rawRequest(chatBody("gpt-4o", "tokens=1", false))); err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, resp.Close
}
