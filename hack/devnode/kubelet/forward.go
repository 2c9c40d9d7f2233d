// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/portforward"
)

// The kubelet's own.
const (
	forwardIdle    = 4 * time.Hour
	streamPatience = 30 * time.Second
)

const dialPatience = 5 * time.Second

// forward gives its connection away to the streams of one client. It ends with the client, the pod or the server.
func (s *Server) forward(w http.ResponseWriter, r *http.Request) {
	pod, found := s.find(w, r)
	if !found {
		return
	}
	if pod.Address == "" {
		http.Error(w, waiting(pod, r.PathValue("pod")), http.StatusBadRequest)
		return
	}
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	conn, ok := r.Context().Value(connection{}).(net.Conn)
	if !ok || r.ProtoMajor != 1 {
		http.Error(w, "ports are forwarded over HTTP/1.1", http.StatusHTTPVersionNotSupported)
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	go func() {
		select {
		case <-ctx.Done():
		case <-pod.Done:
			cancel()
		}
	}()
	// the library waits for the connection only, and knows no context
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	f := &forwarder{server: s, ctx: ctx, address: pod.Address, slots: make(chan struct{}, maxForwarded)}
	portforward.ServePortForward(w, r, f, r.PathValue("pod"), pod.UID, options, forwardIdle, streamPatience, portforward.SupportedProtocols)
}

// forwarder connects the streams of one client to one pod.
type forwarder struct {
	server  *Server
	ctx     context.Context // ends with the client, the pod or the server
	address string
	slots   chan struct{}
}

var errTooMany = fmt.Errorf("%d connections are being forwarded, or the node ends", maxForwarded)

// PortForward returns when the pod has said all it had to say, or somebody is gone. Its first argument would be the
// client's, but knows no end.
func (f *forwarder) PortForward(_ context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
	if !f.enter() {
		return errTooMany
	}
	dialer := net.Dialer{Timeout: dialPatience}
	conn, err := dialer.DialContext(f.ctx, "tcp4", net.JoinHostPort(f.address, strconv.Itoa(int(port))))
	if err != nil {
		f.leave()
		return err
	}
	pod := conn.(*net.TCPConn)
	ended := context.AfterFunc(f.ctx, func() { _ = pod.Close() })
	answered := make(chan struct{})
	go func() {
		defer f.leave()
		if _, err := io.Copy(pod, stream); err != nil {
			_ = pod.Close() // its answer would reach nobody
		} else {
			_ = pod.CloseWrite()
		}
		<-answered
	}()
	_, err = io.Copy(stream, pod)
	ended()
	_ = pod.Close()
	close(answered)
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// enter counts a connection until both of its directions have ended.
func (f *forwarder) enter() bool {
	select {
	case f.slots <- struct{}{}:
	default:
		return false
	}
	if !f.server.enter() {
		<-f.slots
		return false
	}
	return true
}

func (f *forwarder) leave() {
	<-f.slots
	f.server.serving.Done()
}

var _ portforward.PortForwarder = (*forwarder)(nil)
