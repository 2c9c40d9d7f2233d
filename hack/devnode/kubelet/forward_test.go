// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-logr/logr/funcr"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/klog/v2"
	httpspdy "k8s.io/streaming/pkg/httpstream/spdy"
)

// shop is a pod's server: it answers each connection with what it was told, in capitals, when that has ended.
func shop(t *testing.T) (port int) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				line, _ := io.ReadAll(conn)
				_, _ = conn.Write(bytes.ToUpper(line))
			}()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

// messages are what kubectl says of failures.
type messages struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (m *messages) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.Write(b)
}

func (m *messages) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.String()
}

// kubectl forwards a port as `kubectl port-forward` does and gives the local address, and a channel that tells its end.
func (b *bed) kubectl(port int) (address string, failures *messages, ended <-chan error) {
	b.t.Helper()
	transport := b.http.Transport.(*http.Transport)
	upgrader, err := httpspdy.NewRoundTripper(transport.TLSClientConfig)
	if err != nil {
		b.t.Fatal(err)
	}
	to, err := url.Parse(b.url + "/portForward/shop/till")
	if err != nil {
		b.t.Fatal(err)
	}
	dialer := spdy.NewDialerForStreaming(spdy.NewUpgraderForStreaming(upgrader), &http.Client{Transport: upgrader}, http.MethodPost, to)
	ready, failures := make(chan struct{}), &messages{}
	ctx, cancel := context.WithCancel(b.t.Context())
	b.t.Cleanup(cancel)
	log := funcr.New(func(_, text string) { _, _ = io.WriteString(failures, text) }, funcr.Options{})
	ctx = klog.NewContext(ctx, log)
	forwarder, err := portforward.NewOnAddressesForStreamingWithContext(
		ctx, dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", port)}, ready, io.Discard, io.Discard)
	if err != nil {
		b.t.Fatal(err)
	}
	end := make(chan error, 1)
	go func() { end <- forwarder.ForwardPorts() }()
	select {
	case err := <-end:
		b.t.Fatal(err)
	case <-ready:
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		b.t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0].Local), failures, end
}

func ask(address, question string) (string, error) {
	conn, err := net.Dial("tcp4", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, question); err != nil {
		return "", err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

func TestAPortIsForwardedAsKubectlDoesIt(t *testing.T) {
	b := newBed(t)
	address, failures, _ := b.kubectl(shop(t))
	long := strings.Repeat("hello ", 1<<16)
	var asking sync.WaitGroup
	for i := range 8 {
		asking.Go(func() {
			question := fmt.Sprint(i, long)
			if got, err := ask(address, question); err != nil || got != strings.ToUpper(question) {
				t.Errorf("%d bytes came back of %d: %v", len(got), len(question), err)
			}
		})
	}
	asking.Wait()
	if got := failures.String(); got != "" {
		t.Errorf("kubectl says %q", got)
	}
}

// Whether kubectl still reads the message is the library's luck: it resets the stream that it wrote it to.
func TestAPortThatNobodyListensOnIsAnError(t *testing.T) {
	b := newBed(t)
	address, _, _ := b.kubectl(1)
	if got, err := ask(address, "hello"); got != "" {
		t.Errorf("answer %q, %v", got, err)
	}
	f := &forwarder{server: b.Server, ctx: t.Context(), address: "127.0.0.1", slots: make(chan struct{}, 1)}
	for range 2 { // a connection that failed leaves its place
		if err := f.PortForward(t.Context(), "till", "a1", 1, nil); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1: connect: connection refused") {
			t.Errorf("the error is %v", err)
		}
	}
	f.slots <- struct{}{}
	if err := f.PortForward(t.Context(), "till", "a1", 1, nil); !errors.Is(err, errTooMany) {
		t.Errorf("one too many: %v", err)
	}
}

func TestForwardingEnds(t *testing.T) {
	for name, end := range map[string]func(*bed){
		"with the pod":  func(b *bed) { close(b.gone) },
		"with the node": func(b *bed) { b.within("Close", b.Close) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			listener, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = listener.Close() }()
			address, _, ended := b.kubectl(listener.Addr().(*net.TCPAddr).Port)
			conn, err := net.Dial("tcp4", address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := io.WriteString(conn, "unfinished"); err != nil {
				t.Fatal(err)
			}
			b.within("the pod's turn", func() { // a stream that is just being made keeps kubectl for half a minute
				pod, err := listener.Accept()
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { _ = pod.Close() })
				if _, err := io.ReadFull(pod, make([]byte, len("unfinished"))); err != nil {
					t.Error(err)
				}
			})
			end(b)
			b.within("kubectl's end", func() {
				if err := <-ended; err == nil {
					t.Error("kubectl does not say that the connection is lost")
				}
			})
			b.within("the connection's end", func() { _, _ = io.ReadAll(conn) })
			b.within("Close", b.Close) // and nothing is left that it would wait for
		})
	}
}

func TestAPortIsForwardedOverAWebSocket(t *testing.T) {
	b := newBed(t)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		question := make([]byte, 5)
		_, _ = io.ReadFull(conn, question)
		_, _ = conn.Write(bytes.ToUpper(question))
	}()
	path := fmt.Sprintf("%s/portForward/shop/till?port=%d", b.url, listener.Addr().(*net.TCPAddr).Port)
	conn, _, err := websocket.Dial(t.Context(), path, &websocket.DialOptions{HTTPClient: b.http, Subprotocols: []string{"v4.channel.k8s.io"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	if err := conn.Write(t.Context(), websocket.MessageBinary, []byte("\x00hello")); err != nil {
		t.Fatal(err)
	}
	got := ""
	b.within("the answer", func() {
		for !strings.HasSuffix(got, "HELLO") {
			_, frame, err := conn.Read(t.Context())
			if err != nil {
				t.Errorf("after %q: %v", got, err)
				return
			}
			if frame[0] == 0 {
				got += string(frame[1:])
			}
		}
	})
	path = b.url + "/portForward/shop/till?port=70000"
	_, response, err := websocket.Dial(t.Context(), path, &websocket.DialOptions{HTTPClient: b.http})
	if err == nil || response == nil || response.StatusCode != http.StatusBadRequest {
		t.Errorf("a port that cannot be was answered %v, %v", response, err)
	}
}
