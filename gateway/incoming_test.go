// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestPace(t *testing.T) {
	tests := map[string]struct {
		total time.Duration
		rate  int64
		came  int64
		want  time.Duration
	}{
		"without a rate, the whole time":        {30 * time.Second, 0, 0, 30 * time.Second},
		"nothing yet, the grace":                {30 * time.Second, 100, 0, 5 * time.Second},
		"less than the grace is worth":          {30 * time.Second, 100, 499, 5 * time.Second},
		"more than the grace is worth":          {30 * time.Second, 100, 501, 5010 * time.Millisecond},
		"a body that earned nearly all":         {30 * time.Second, 100, 2999, 29990 * time.Millisecond},
		"never more than the whole time":        {30 * time.Second, 100, 1 << 20, 30 * time.Second},
		"a whole time of less than the grace":   {time.Second, 100, 0, time.Second},
		"the largest numbers do not overflow":   {time.Hour, 1, 1 << 62, time.Hour},
		"the highest rate there is":             {time.Hour, 1 << 62, 1 << 62, 5 * time.Second},
		"a rate above what came, after all day": {24 * time.Hour, 1 << 40, 1 << 20, 5 * time.Second},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := pace{start: time.Unix(1000, 0), total: tc.total, rate: tc.rate}
			if got := p.deadline(tc.came).Sub(p.start); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// drip is how a client sends: some bytes, each time after a pause, and then nothing.
type drip struct {
	pause time.Duration
	bytes int
	times int
}

func TestSlowBodies(t *testing.T) {
	tests := map[string]struct {
		drip       drip
		total      time.Duration
		rate       int64
		length     int
		want       exchange.Reason
		wantAfter  time.Duration
		wantStatus int
	}{
		"half an hour of drops":              {drip{time.Second, 1, 1800}, time.Hour, 128, 1800, "body_too_slow", 5 * time.Second, 408},
		"half an hour of drops in chunks":    {drip{time.Second, 1, 1800}, time.Hour, 128, -1, "body_too_slow", 5 * time.Second, 408},
		"drops, where no rate is asked":      {drip{time.Second, 1, 1800}, 30 * time.Second, 0, 1800, "body_timeout", 30 * time.Second, 408},
		"nothing at all":                     {drip{}, time.Minute, 128, 100, "body_too_slow", 5 * time.Second, 408},
		"nothing, and little time":           {drip{}, time.Second, 128, 100, "body_timeout", time.Second, 408},
		"fast enough, but not for so much":   {drip{time.Second, 200, 1000}, 20 * time.Second, 128, 200_000, "body_timeout", 20 * time.Second, 408},
		"fast, and then silent":              {drip{time.Second, 1280, 1}, time.Minute, 128, 10_000, "body_too_slow", 10 * time.Second, 408},
		"a little faster than is asked":      {drip{time.Second / 10, 15, 200}, time.Minute, 128, 3000, "", 20 * time.Second, 0},
		"slow, but over before the grace is": {drip{time.Second, 1, 4}, time.Minute, 128, 4, "", 4 * time.Second, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				defer func() { _ = client.Close() }()
				var sending sync.WaitGroup
				sending.Go(func() {
					for range tc.drip.times {
						time.Sleep(tc.drip.pause)
						if _, err := client.Write(make([]byte, tc.drip.bytes)); err != nil {
							return
						}
					}
				})
				stream := io.Reader(server)
				if tc.length >= 0 {
					stream = io.LimitReader(server, int64(tc.length))
				}
				in := incoming{stream: stream, conn: server, length: tc.length, most: 1 << 20, pace: pace{total: tc.total, rate: tc.rate}}
				began := time.Now()
				_, err := in.read(nil, nil)
				took := time.Since(began)
				_ = server.Close()
				sending.Wait()
				reason, status := exchange.Reason(""), 0
				if err != nil {
					refused := refusedBody(err, in.slow())
					reason, status = refused.Reason, refused.Status
				}
				if diff := cmp.Diff(fmt.Sprint(tc.want, tc.wantStatus, tc.wantAfter), fmt.Sprint(reason, status, took)); diff != "" {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
			})
		})
	}
}

// Whoever sends in a coding is held to what comes over the wire, not to what it is decoded to.
func TestADripOfACompressedBodyIsSlowToo(t *testing.T) {
	for _, coding := range allCodings {
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			defer func() { _ = client.Close() }()
			sent := compressed(t, coding, make([]byte, 1<<20))
			var sending sync.WaitGroup
			sending.Go(func() {
				for i := range sent {
					time.Sleep(time.Second)
					if _, err := client.Write(sent[i : i+1]); err != nil {
						return
					}
				}
			})
			in := incoming{stream: server, conn: server, length: 1 << 20, most: 1 << 20, pace: pace{total: time.Hour, rate: 128}}
			_, err := in.read(nil, []byte(coding))
			_ = server.Close()
			sending.Wait()
			if refused := refusedBody(err, in.slow()); refused.Reason != exchange.ReasonBodySlow {
				t.Errorf("%s: %v", coding, refused)
			}
		})
	}
}

func TestABodyIsExactlyAsLongAsAnnounced(t *testing.T) {
	for name, tc := range map[string]struct {
		sent   int
		length int
		most   int64
		ended  bool
		want   error
	}{
		"all of it":                     {100, 100, 100, false, nil},
		"in chunks":                     {100, -1, 100, false, nil},
		"less than announced":           {99, 100, 100, false, io.ErrUnexpectedEOF},
		"in chunks, one too many":       {101, -1, 100, false, errTooLarge},
		"in chunks, the client left":    {100, -1, 100, true, io.ErrUnexpectedEOF},
		"announced, and then it leaves": {100, 100, 100, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			in := incoming{
				stream: io.LimitReader(zeroes{}, int64(tc.sent)), conn: noDeadline{}, client: &clientConn{ended: tc.ended},
				length: tc.length, most: tc.most, pace: pace{total: time.Minute},
			}
			got, err := in.read(nil, nil)
			if !errors.Is(err, tc.want) || err == nil && len(got) != tc.sent {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

type zeroes struct{}

func (zeroes) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func TestFieldsAreCounted(t *testing.T) {
	for raw, want := range map[string]int{
		"": 0, "\r\n": 0, "Host: x\r\n\r\n": 1, "Host: x\r\nA: b\r\n\r\n": 2, "A: b\r\nA: c\r\n\r\n": 2, "A: b\nC:\n\n": 2,
		"A: b\r\n c\r\nD: e\r\n\tf\r\n\r\n": 2, "A: b\r\n \r\n": 1,
	} {
		if got := countFields([]byte(raw)); got != want {
			t.Errorf("%q: %d, want %d", raw, got, want)
		}
	}
}
