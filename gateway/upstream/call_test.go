// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// server runs a handler for each connection, with the number of the connection, from 1.
func server(t testing.TB, handle func(n int, c net.Conn, r *bufio.Reader)) (address string, connections *atomic.Int64) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	connections = &atomic.Int64{}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			n := int(connections.Add(1))
			go func() {
				defer func() { _ = c.Close() }()
				handle(n, c, bufio.NewReader(c))
			}()
		}
	}()
	return ln.Addr().String(), connections
}

// take reads a request from a connection; false when there is none.
func take(r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

func pool(t testing.TB, address string) *Pool {
	t.Helper()
	pools := NewPools(nil)
	t.Cleanup(pools.Close)
	return pools.Use([]Endpoint{{Key: "k", Address: address}})[0]
}

func generous() config.Timeouts {
	d := config.Duration(10 * time.Second)
	return config.Timeouts{Connect: d, FirstToken: d, BetweenTokens: d, Total: d}
}

var request = []byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")

// ask makes a call and reads its body whole.
func ask(c *Call, p *Pool, timeouts config.Timeouts) (status int, body string, err error) {
	if err := c.Do(p, timeouts, request, nil); err != nil {
		return 0, "", err
	}
	b, err := io.ReadAll(c)
	return c.Header.StatusCode(), string(b), err
}

func failureOf(err error) Failure {
	var e *Error
	if errors.As(err, &e) {
		return e.Failure
	}
	return 0
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	tests := map[string]struct {
		answer string
		want   int64 // connections for three calls
	}{
		"after a body of known length": {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 1},
		"after chunks":                 {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 1},
		"after interim answers":        {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 1},
		"not after connection: close":  {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 3},
		"not after HTTP/1.0":           {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 3},
		"not with more than an answer": {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", 3},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			address, connections := server(t, func(_ int, c net.Conn, r *bufio.Reader) {
				for take(r) {
					_, _ = io.WriteString(c, tc.answer)
				}
			})
			p, call := pool(t, address), &Call{}
			for range 3 {
				status, body, err := ask(call, p, generous())
				if status != 200 || body != "ok" || err != nil {
					t.Fatalf("%d, %q, %v", status, body, err)
				}
				call.Finish(0)
			}
			if n := connections.Load(); n != tc.want {
				t.Errorf("%d connections, want %d", n, tc.want)
			}
		})
	}
}

func TestABodyUntilTheEndOfItsConnection(t *testing.T) {
	address, _ := server(t, func(_ int, c net.Conn, r *bufio.Reader) {
		take(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nall of it")
	})
	p, call := pool(t, address), &Call{}
	if _, body, err := ask(call, p, generous()); body != "all of it" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	call.Finish(0)
	if p.Idle() != 0 {
		t.Error("the connection was kept")
	}
}

func TestABodyNotReadWholeCostsItsConnection(t *testing.T) {
	address, connections := server(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for take(r) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("x", 100000))
		}
	})
	p, call := pool(t, address), &Call{}
	for range 2 {
		if err := call.Do(p, generous(), request, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := call.Read(make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		call.Finish(0)
	}
	if n := connections.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

func TestTheEndOfAStreamMayLag(t *testing.T) {
	release := make(chan struct{})
	address, _ := server(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for take(r) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
			<-release
			_, _ = io.WriteString(c, "0\r\n\r\n")
		}
	})
	p, call := pool(t, address), &Call{}
	for _, lag := range []bool{false, true} {
		if err := call.Do(p, generous(), request, nil); err != nil {
			t.Fatal(err)
		}
		if n, err := call.Read(make([]byte, 10)); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		wait := 10 * time.Second
		if lag {
			wait = time.Millisecond
		} else {
			release <- struct{}{}
		}
		call.Finish(wait)
		if got, want := p.Idle(), map[bool]int{false: 1, true: 0}[lag]; got != want {
			t.Errorf("lag %t: %d idle connections, want %d", lag, got, want)
		}
	}
	close(release)
}

func TestTimeouts(t *testing.T) {
	const soon = config.Duration(50 * time.Millisecond)
	const first = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	tests := map[string]struct {
		send   string
		change func(*config.Timeouts)
		want   Failure
	}{
		"nothing comes":                 {"", func(t *config.Timeouts) { t.FirstToken = soon }, FirstTokenTimeout},
		"half a header comes":           {"HTTP/1.1 200 OK\r\nX", func(t *config.Timeouts) { t.FirstToken = soon }, FirstTokenTimeout},
		"a header is no token":          {first, func(t *config.Timeouts) { t.FirstToken = soon }, FirstTokenTimeout},
		"a chunk's size is no token":    {first + "5\r\n", func(t *config.Timeouts) { t.FirstToken = soon }, FirstTokenTimeout},
		"one token comes":               {first + "2\r\nok\r\n", func(t *config.Timeouts) { t.BetweenTokens = soon }, BetweenTokensTimeout},
		"the whole bounds the first":    {first, func(t *config.Timeouts) { t.Total = soon }, TotalTimeout},
		"the whole bounds what follows": {first + "2\r\nok\r\n", func(t *config.Timeouts) { t.Total = soon }, TotalTimeout},
		"a first token may take longer than others": {first + "2\r\nok\r\n", func(t *config.Timeouts) {
			t.BetweenTokens = soon
		}, BetweenTokensTimeout},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hold := make(chan struct{})
			defer close(hold)
			address, _ := server(t, func(_ int, c net.Conn, r *bufio.Reader) {
				take(r)
				_, _ = io.WriteString(c, tc.send)
				<-hold
			})
			timeouts := generous()
			tc.change(&timeouts)
			call, before := &Call{}, time.Now()
			_, _, err := ask(call, pool(t, address), timeouts)
			if failureOf(err) != tc.want {
				t.Errorf("got %v (%d), want %d", err, failureOf(err), tc.want)
			}
			if took := time.Since(before); took < soon.Std() || took > 20*time.Second {
				t.Errorf("after %s", took)
			}
			call.Finish(0)
		})
	}
}

func TestConnecting(t *testing.T) {
	refused := errors.New("refused")
	hang := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	tests := map[string]struct {
		dial   Dial
		change func(*config.Timeouts)
		want   Failure
	}{
		"refused":                 {func(context.Context, string, string) (net.Conn, error) { return nil, refused }, func(*config.Timeouts) {}, Connect},
		"silent":                  {hang, func(t *config.Timeouts) { t.Connect = config.Duration(20 * time.Millisecond) }, ConnectTimeout},
		"silent beyond the whole": {hang, func(t *config.Timeouts) { t.Total = config.Duration(20 * time.Millisecond) }, TotalTimeout},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			pools := NewPools(tc.dial)
			defer pools.Close()
			timeouts := generous()
			tc.change(&timeouts)
			call := &Call{}
			_, _, err := ask(call, pools.Use([]Endpoint{{Key: "k", Address: "192.0.2.1:1"}})[0], timeouts)
			if failureOf(err) != tc.want {
				t.Errorf("got %v (%d)", err, failureOf(err))
			}
			call.Finish(0)
		})
	}
}

func TestCancel(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	tests := map[string]string{
		"while waiting for the header": "", "while waiting for the body": head, "within the body": head + "2\r\nok\r\n",
	}
	for name, send := range tests {
		t.Run(name, func(t *testing.T) {
			sent, seen := make(chan struct{}), make(chan time.Time, 1)
			address, _ := server(t, func(_ int, c net.Conn, r *bufio.Reader) {
				take(r)
				_, _ = io.WriteString(c, send)
				close(sent)
				_, _ = c.Read(make([]byte, 1))
				seen <- time.Now()
			})
			call, p := &Call{}, pool(t, address)
			cancelled := make(chan time.Time, 1)
			go func() {
				<-sent
				cancelled <- time.Now()
				call.Cancel()
			}()
			if _, _, err := ask(call, p, generous()); failureOf(err) != Cancelled {
				t.Errorf("got %v", err)
			}
			if took := (<-seen).Sub(<-cancelled); took > 10*time.Second {
				t.Errorf("the provider saw it after %s", took)
			}
			call.Finish(0)
			if p.Idle() != 0 {
				t.Error("a cancelled connection was kept")
			}
		})
	}
}

func TestCancelWhileDialling(t *testing.T) {
	dialling := make(chan struct{})
	pools := NewPools(func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(dialling)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	defer pools.Close()
	call := &Call{}
	go func() {
		<-dialling
		call.Cancel()
	}()
	if _, _, err := ask(call, pools.Use([]Endpoint{{Key: "k", Address: "x:1"}})[0], generous()); failureOf(err) != Cancelled {
		t.Errorf("got %v", err)
	}
	call.Finish(0)
}

func TestCancelBeforeTheCall(t *testing.T) {
	address, connections := server(t, func(int, net.Conn, *bufio.Reader) {})
	call := &Call{}
	call.Cancel()
	if _, _, err := ask(call, pool(t, address), generous()); failureOf(err) != Cancelled || connections.Load() != 0 {
		t.Errorf("got %v, %d connections", err, connections.Load())
	}
	call.Finish(0)
	address, _ = server(t, func(_ int, c net.Conn, r *bufio.Reader) {
		take(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	if _, body, err := ask(call, pool(t, address), generous()); body != "ok" || err != nil {
		t.Errorf("the call after it: %q, %v", body, err)
	}
	call.Finish(0)
}

func TestWhatIsNotHTTPIsMalformed(t *testing.T) {
	tests := map[string]string{
		"noise":                   "\x16\x03\x01 nonsense\r\n\r\n",
		"another protocol":        "ICY 200 OK\r\n\r\n",
		"a header too large":      "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", MaxHeaderBytes) + "\r\n\r\n",
		"two lengths":             "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok",
		"an unknown coding":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"interim answers forever": strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 40),
		"a chunk's size of noise": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnope\r\n",
	}
	for name, send := range tests {
		t.Run(name, func(t *testing.T) {
			address, _ := server(t, func(_ int, c net.Conn, r *bufio.Reader) {
				take(r)
				_, _ = io.WriteString(c, send)
				_, _ = c.Read(make([]byte, 1))
			})
			call := &Call{}
			_, _, err := ask(call, pool(t, address), generous())
			if failureOf(err) != Malformed {
				t.Errorf("got %v (%d)", err, failureOf(err))
			}
			if err != nil && strings.Contains(err.Error(), "nonsense") {
				t.Error("the error quotes the provider")
			}
			call.Finish(0)
		})
	}
}

func TestAnAnswerThatComesBeforeTheWholeRequestIsRead(t *testing.T) {
	address, _ := server(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = r.ReadString('\n')
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.CopyN(io.Discard, r, 1<<20)
	})
	body := []byte(strings.Repeat("x", 8<<20))
	head := fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", len(body))
	call := &Call{}
	err := call.Do(pool(t, address), generous(), head, body)
	// Whether the answer can still be read after the reset is the kernel's choice.
	if err == nil && call.Header.StatusCode() != 413 || err != nil && failureOf(err) != Reset {
		t.Errorf("status %d, %v", call.Header.StatusCode(), err)
	}
	call.Finish(0)
}

func TestACallDoesNotAllocate(t *testing.T) {
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	address, _ := server(t, func(_ int, c net.Conn, _ *bufio.Reader) {
		buf := make([]byte, 1024)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
			_, _ = c.Write(answer)
		}
	})
	p, call, buf := pool(t, address), &Call{}, make([]byte, 64)
	run := func() {
		if err := call.Do(p, generous(), request, nil); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := call.Read(buf); err != nil {
				break
			}
		}
		call.Finish(0)
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
