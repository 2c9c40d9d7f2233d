// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"io"
	"testing"

	"github.com/sparkgateway/spark/gateway/exchange"
)

var upgrading = Request{
	Operation: exchange.Realtime, Method: "GET", Tail: []byte("?model=m"), Upgrade: []byte("Connection: Upgrade\r\nUpgrade: x\r\n"),
}

func TestAProtocolIsChangedWhereTheProviderGrantsIt(t *testing.T) {
	s := &script{pieces: []string{"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\nSec-Websocket-Accept: y\r\n\r\nbytes", " of another"}}
	r := upgrade(t, s)
	if r.refused != nil || r.ex.Status != 101 || string(r.journey.Answer.AnswerField([]byte("Sec-Websocket-Accept"))) != "y" {
		t.Fatalf("%v, status %d", r.refused, r.ex.Status)
	}
	conn, from := r.journey.Answer.Upgraded()
	got, err := io.ReadAll(from)
	if err != nil || string(got) != "bytes of another" {
		t.Errorf("%v: %q", err, got)
	}
	r.finish()
	if _, err := conn.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("after Finish the connection gives %v", err)
	}
	if r.ex.Usage.Source != exchange.UsageNone {
		t.Errorf("usage %+v", r.ex.Usage)
	}
}

func upgrade(t *testing.T, s *script) *run {
	t.Helper()
	r := &run{t: t, guard: &guard{}, journey: &Journey{}}
	req := upgrading
	req.Exchange, req.Fields, req.Guard, req.Clock = &r.ex, fields{}, r.guard, clock
	r.refused = r.journey.Do(req, alone(target(t, s)))
	return r
}

func TestAProtocolThatIsNotChanged(t *testing.T) {
	tests := map[string]struct {
		script     *script
		wantReason exchange.Reason // of the gateway's own error
		wantStatus int             // of the provider's, relayed
	}{
		"an ordinary answer":     {script: whole(200, "application/json", `{}`), wantReason: exchange.ReasonInvalidResponse},
		"the provider's refusal": {script: whole(400, "application/json", `{"error":{"message":"no"}}`), wantStatus: 400},
		"the wrong credential":   {script: whole(401, "application/json", `{}`), wantReason: exchange.ReasonAuthFailed},
		"an end":                 {script: &script{}, wantReason: exchange.ReasonReset},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := upgrade(t, tc.script)
			if tc.wantReason != "" && (r.refused == nil || r.refused.Reason != tc.wantReason) {
				t.Errorf("%v", r.refused)
			}
			if tc.wantStatus != 0 && (r.refused != nil || r.ex.Status != tc.wantStatus || string(r.journey.Answer.Body()) != `{"error":{"message":"no"}}`) {
				t.Errorf("%v, status %d", r.refused, r.ex.Status)
			}
			r.finish()
		})
	}
}

func TestNobodyIsGrantedAProtocolUnasked(t *testing.T) {
	r := start(t, &script{pieces: []string{"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"}}, plain).finish()
	if r.refused == nil || r.refused.Reason != exchange.ReasonInvalidResponse {
		t.Errorf("%v", r.refused)
	}
}
