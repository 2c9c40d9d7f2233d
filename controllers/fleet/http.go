// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

const (
	askTimeout  = 1500 * time.Millisecond
	pushTimeout = 10 * time.Second
	// maxAnswer bounds what is read of a pod's answer, maxState of its state, maxUsage of what it counted.
	maxAnswer = 64 << 10
	maxState  = 1 << 20
	maxUsage  = 8 << 20
)

// problem is an error in stable words: it ends in a status, which must not change with every try.
type problem string

func (p problem) Error() string { return string(p) }

// HTTPCaller calls pods over mutual TLS. It is safe for concurrent use.
type HTTPCaller struct {
	// ask bounds every call but a push.
	ask time.Duration

	mu      sync.Mutex
	clients map[types.NamespacedName]*adminClient
}

// adminClient holds the connections that one version of a gateway's credentials made.
type adminClient struct {
	credentials [sha256.Size]byte
	transport   *http.Transport
}

// NewHTTPCaller gives a caller without connections.
func NewHTTPCaller() *HTTPCaller {
	return &HTTPCaller{ask: askTimeout, clients: map[types.NamespacedName]*adminClient{}}
}

// Forget closes a gateway's idle connections.
func (h *HTTPCaller) Forget(gateway types.NamespacedName) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.clients[gateway]; c != nil {
		c.transport.CloseIdleConnections()
		delete(h.clients, gateway)
	}
}

// Call implements Caller. Its errors are in stable words and name neither address nor credential.
func (h *HTTPCaller) Call(ctx context.Context, gateway types.NamespacedName, t Target, pod Pod, push *config.Push) (config.Ack, []string, error) {
	timeout, method, path := h.ask, http.MethodGet, config.AckPath
	var body []byte
	if push != nil {
		timeout, method, path = pushTimeout, http.MethodPost, config.PushPath
		var err error
		if body, err = json.Marshal(push); err != nil {
			return config.Ack{}, nil, problem("the push cannot be encoded")
		}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "https://"+pod.Address+path, bytes.NewReader(body))
	if err != nil {
		return config.Ack{}, nil, problem("its address is not usable")
	}
	status, answer, err := h.do(request, gateway, t, maxAnswer)
	if err != nil {
		return config.Ack{}, nil, err
	}
	return read(status, answer)
}

// State implements Caller, in such words too.
func (h *HTTPCaller) State(ctx context.Context, gateway types.NamespacedName, t Target, pod Pod) (config.State, error) {
	ctx, cancel := context.WithTimeout(ctx, h.ask)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+pod.Address+config.StatePath, nil)
	if err != nil {
		return config.State{}, problem("its address is not usable")
	}
	status, answer, err := h.do(request, gateway, t, maxState)
	switch {
	case err != nil:
		return config.State{}, err
	case status == http.StatusNotFound:
		return config.State{}, problem("its release does not tell the states of providers")
	case status != http.StatusOK:
		return config.State{}, unexpected(status)
	}
	var state config.State
	if err := json.Unmarshal(answer, &state); err != nil {
		return config.State{}, problem("its answer is not a state")
	}
	return state, nil
}

// Usage implements Caller, in such words too.
func (h *HTTPCaller) Usage(ctx context.Context, gateway types.NamespacedName, t Target, pod Pod, call config.UsageCall) (config.UsageAnswer, error) {
	body, err := json.Marshal(call)
	if err != nil {
		return config.UsageAnswer{}, problem("the call cannot be encoded")
	}
	ctx, cancel := context.WithTimeout(ctx, h.ask)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+pod.Address+config.UsagePath, bytes.NewReader(body))
	if err != nil {
		return config.UsageAnswer{}, problem("its address is not usable")
	}
	status, answer, err := h.do(request, gateway, t, maxUsage)
	switch {
	case err != nil:
		return config.UsageAnswer{}, err
	case status == http.StatusNotFound:
		return config.UsageAnswer{}, problem("its release does not tell what it counts")
	case status != http.StatusOK:
		return config.UsageAnswer{}, unexpected(status)
	}
	var usage config.UsageAnswer
	if err := json.Unmarshal(answer, &usage); err != nil {
		return config.UsageAnswer{}, problem("its answer is not of what it counted")
	}
	return usage, nil
}

// do makes a request by the gateway's connections and reads so much of the answer.
func (h *HTTPCaller) do(request *http.Request, gateway types.NamespacedName, t Target, most int64) (status int, answer []byte, err error) {
	transport, err := h.transport(gateway, t.Admin)
	if err != nil {
		return 0, nil, err
	}
	// No pod has reason to send the operator elsewhere, and a push holds secrets.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := (&http.Client{Transport: transport, CheckRedirect: stay}).Do(request)
	if err != nil {
		return 0, nil, worded(err)
	}
	defer func() { _ = response.Body.Close() }()
	if answer, err = io.ReadAll(io.LimitReader(response.Body, most)); err != nil {
		return 0, nil, worded(err)
	}
	return response.StatusCode, answer, nil
}

func read(status int, answer []byte) (config.Ack, []string, error) {
	switch status {
	case http.StatusOK:
		var ack config.Ack
		if err := json.Unmarshal(answer, &ack); err != nil {
			return config.Ack{}, nil, problem("its answer is not an ack")
		}
		return ack, nil, nil
	case http.StatusConflict:
		var lacks config.Shortfall
		if err := json.Unmarshal(answer, &lacks); err != nil || len(lacks.Missing) == 0 {
			return config.Ack{}, nil, problem("its answer does not say what it lacks")
		}
		return config.Ack{}, lacks.Missing, nil
	}
	return config.Ack{}, nil, unexpected(status)
}

func unexpected(status int) error { return problem(fmt.Sprintf("it answers with status %d", status)) }

// transport gives the gateway's connections, made anew when its credentials change.
func (h *HTTPCaller) transport(gateway types.NamespacedName, admin map[string][]byte) (*http.Transport, error) {
	credentials := sha256.Sum256(bytes.Join([][]byte{
		admin[render.AdminCA], admin[render.AdminClientCert], admin[render.AdminClientKey]}, []byte{0}))
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.clients[gateway]; c != nil {
		if c.credentials == credentials {
			return c.transport, nil
		}
		c.transport.CloseIdleConnections()
	}
	config, err := issue.ClientTLS(admin)
	if err != nil {
		return nil, problem("the administrative credentials are not usable: " + err.Error())
	}
	transport := &http.Transport{
		TLSClientConfig:     config,
		DialContext:         (&net.Dialer{Timeout: h.ask}).DialContext,
		MaxIdleConnsPerHost: 1,
		IdleConnTimeout:     time.Minute,
		TLSHandshakeTimeout: h.ask,
	}
	h.clients[gateway] = &adminClient{credentials: credentials, transport: transport}
	return transport, nil
}

// worded gives an error in stable words.
func worded(err error) error {
	var timeout net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return problem("its certificate is not valid")
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return problem("it does not answer in time")
	case errors.Is(err, syscall.ECONNREFUSED):
		return problem("it refuses connections")
	}
	return problem("the connection fails")
}
