// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bufio"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// stepwise is a provider that sends one piece of a chunked answer whenever the test lets it.
func stepwise(t *testing.T) (address string, pieces chan string) {
	t.Helper()
	pieces = make(chan string)
	address, _ = server(t, func(_ int, c net.Conn, r *bufio.Reader) {
		take(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for piece := range pieces {
			_, _ = io.WriteString(c, piece)
		}
	})
	t.Cleanup(func() { close(pieces) })
	return address, pieces
}

func TestWaitingTellsSilenceFromAnAnswer(t *testing.T) {
	const briefly, long = time.Millisecond, 10 * time.Second
	address, pieces := stepwise(t)
	call, buf := &Call{}, make([]byte, 16)
	if err := call.Do(pool(t, address), generous(), request, nil); err != nil {
		t.Fatal(err)
	}
	defer call.Finish(0)
	for _, text := range []string{"ab", "c"} {
		for range 3 {
			if call.Wait(briefly) {
				t.Fatal("something came before anything was sent")
			}
		}
		pieces <- string(rune('0'+len(text))) + "\r\n" + text + "\r\n"
		if !call.Wait(long) {
			t.Fatal("nothing came")
		}
		if n, err := call.Read(buf); string(buf[:n]) != text || err != nil {
			t.Fatalf("read %q, %v", buf[:n], err)
		}
	}
	pieces <- "0\r\n\r\n"
	if !call.Wait(long) {
		t.Error("the end was not noticed")
	}
	if _, err := call.Read(buf); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	if !call.Wait(briefly) {
		t.Error("after the end there is nothing to wait for")
	}
}

// Waiting in small steps must not make a silence longer than it may be.
func TestWaitingDoesNotProlongASilence(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*config.Timeouts, config.Duration)
		first  string
		want   Failure
	}{
		"before the first token": {func(t *config.Timeouts, d config.Duration) { t.FirstToken = d }, "", FirstTokenTimeout},
		"between tokens":         {func(t *config.Timeouts, d config.Duration) { t.BetweenTokens = d }, "1\r\na\r\n", BetweenTokensTimeout},
		"of the whole":           {func(t *config.Timeouts, d config.Duration) { t.Total = d }, "1\r\na\r\n", TotalTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			const bound = 500 * time.Millisecond // in which a busy machine connects, too
			address, pieces := stepwise(t)
			timeouts := generous()
			tc.change(&timeouts, config.Duration(bound))
			call, buf := &Call{}, make([]byte, 16)
			if err := call.Do(pool(t, address), timeouts, request, nil); err != nil {
				t.Fatal(err)
			}
			defer call.Finish(0)
			if tc.first != "" {
				pieces <- tc.first
				if _, err := call.Read(buf); err != nil {
					t.Fatal(err)
				}
			}
			steps, since := 0, time.Now()
			for !call.Wait(2 * time.Millisecond) {
				steps++
			}
			if took := time.Since(since); steps == 0 || took > 20*bound {
				t.Errorf("%d steps, %s", steps, took)
			}
			if _, err := call.Read(buf); failureOf(err) != tc.want {
				t.Errorf("got %v, want %d", err, tc.want)
			}
		})
	}
}

func TestACallThatIsCancelledWhileItWaitsEnds(t *testing.T) {
	address, _ := stepwise(t)
	call := &Call{}
	if err := call.Do(pool(t, address), generous(), request, nil); err != nil {
		t.Fatal(err)
	}
	go call.Cancel()
	if !call.Wait(10 * time.Second) {
		t.Error("the wait went on")
	}
	if _, err := call.Read(make([]byte, 1)); failureOf(err) != Cancelled {
		t.Errorf("got %v", err)
	}
	call.Finish(0)
}
