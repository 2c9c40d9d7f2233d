// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kubelet serves what an API server asks a kubelet for when somebody wants a pod's log or a port of it.
package kubelet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"

	"github.com/sparkgateway/spark/hack/devnode/podlog"
)

// Pods are those of the node, asked for by several goroutines at once.
type Pods interface {
	// Pod is false when the node has no such pod.
	Pod(namespace, name string) (Pod, bool)
}

// Pod is one at the moment that it is asked for.
type Pod struct {
	UID       string
	Container string                        // the name of its only one
	Address   string                        // empty before there is one
	Log       *podlog.Log                   // nil before there is one
	Waiting   *corev1.ContainerStateWaiting // nil once there was a container
	Done      <-chan struct{}               // closed when the pod is gone
}

// Server is a running one.
type Server struct {
	pods     Pods
	log      logr.Logger
	listener net.Listener
	server   *http.Server
	slots    chan struct{}
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	entrance sync.Mutex     // nobody enters serving once ctx has ended
	serving  sync.WaitGroup // requests, and the connections that they forward
}

const (
	// maxRequests bounds those served at once: each is a follower of a log or a person who forwards ports.
	maxRequests = 256
	// maxForwarded bounds the connections that one of them forwards at once.
	maxForwarded   = 512
	headerLimit    = 16 << 10
	headerPatience = 10 * time.Second
	idlePatience   = 2 * time.Minute
)

// Start listens on a free port of the loopback interface. Whoever shows no certificate of identity's ClientCAs is
// refused.
func Start(identity *tls.Config, pods Pods, logger logr.Logger) (*Server, error) {
	if identity.ClientCAs == nil {
		return nil, errors.New("a kubelet must know whom it serves")
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{pods: pods, log: logger, listener: listener, slots: make(chan struct{}, maxRequests)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	identity = identity.Clone()
	identity.ClientAuth = tls.VerifyClientCertIfGiven // one who has none is told so by admit
	identity.MinVersion = tls.VersionTLS12
	s.server = &http.Server{
		Handler: s.admit(s.routes()), TLSConfig: identity,
		ReadHeaderTimeout: headerPatience, IdleTimeout: idlePatience, MaxHeaderBytes: headerLimit,
		BaseContext: func(net.Listener) context.Context { return s.ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connection{}, c) },
		ErrorLog:    log.New(logLines{logger}, "", 0),
	}
	s.serving.Go(func() {
		if err := s.server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			logger.Error(err, "no logs and ports are served any more")
		}
	})
	return s, nil
}

// connection is the key of a request's net.Conn in its context.
type connection struct{}

// Port is where it listens.
func (s *Server) Port() int32 { return int32(s.listener.Addr().(*net.TCPAddr).Port) }

// Close ends all requests and forwarded connections, and returns when they have ended.
func (s *Server) Close() {
	s.entrance.Lock()
	s.cancel()
	s.entrance.Unlock()
	_ = s.server.Close()
	s.serving.Wait()
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", s.serveLog)
	mux.HandleFunc("GET /portForward/{namespace}/{pod}", s.forward)
	mux.HandleFunc("POST /portForward/{namespace}/{pod}", s.forward)
	for _, unable := range []string{"/exec/", "/attach/", "/run/"} {
		mux.HandleFunc(unable, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "this development node runs containers as processes of its machine; it starts nothing in them and attaches to none",
				http.StatusNotImplemented)
		})
	}
	return mux
}

// admit lets in only whom the authority vouches for, and not too many of them.
func (s *Server) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			http.Error(w, "a client certificate of the API server is needed", http.StatusUnauthorized)
			return
		}
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		default:
			http.Error(w, fmt.Sprintf("%d requests are being served", maxRequests), http.StatusTooManyRequests)
			return
		}
		if !s.enter() {
			http.Error(w, "the node ends", http.StatusServiceUnavailable)
			return
		}
		defer s.serving.Done()
		next.ServeHTTP(w, r)
	})
}

// enter is false once the server ends; whoever has entered must call serving.Done.
func (s *Server) enter() bool {
	s.entrance.Lock()
	defer s.entrance.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.serving.Add(1)
	return true
}

// find answers for a pod that is not there.
func (s *Server) find(w http.ResponseWriter, r *http.Request) (Pod, bool) {
	namespace, name := r.PathValue("namespace"), r.PathValue("pod")
	pod, found := s.pods.Pod(namespace, name)
	if !found {
		http.Error(w, fmt.Sprintf("this node has no pod %q in namespace %q", name, namespace), http.StatusNotFound)
	}
	return pod, found
}

// logLines takes what the HTTP server has to say of connections.
type logLines struct{ log logr.Logger }

func (l logLines) Write(line []byte) (int, error) {
	l.log.Info("kubelet connection", "message", string(line))
	return len(line), nil
}
