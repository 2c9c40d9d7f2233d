// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"
)

// forward leads a port of the loopback interface to a port of a pod, over WebSocket or, where the API server
// or what stands before it does not speak that, SPDY, as kubectl does. stop ends that, and says what broke on the way.
func forward(ctx context.Context, settings *rest.Config, to *url.URL, port int) (address string, stop func() error, err error) {
	dialer, err := dial(settings, to)
	if err != nil {
		return "", nil, err
	}
	asked := ctx
	heard := &hearing{}
	ctx, cancel := context.WithCancel(klog.NewContext(ctx, logr.New(heard)))
	begun := make(chan struct{})
	ports := []string{fmt.Sprintf("0:%d", port)}
	forwarder, err := portforward.NewOnAddressesForStreamingWithContext(ctx, dialer, []string{"127.0.0.1"}, ports, begun, io.Discard, io.Discard)
	if err != nil {
		cancel()
		return "", nil, err
	}
	ended, failed := make(chan struct{}), error(nil) // failed is for whoever saw the end
	go func() {
		failed = forwarder.ForwardPorts()
		close(ended)
	}()
	stop = func() error {
		broken := heard.first()
		cancel()
		<-ended
		return broken
	}
	select {
	case <-ended:
		cancel()
		if failed == nil {
			failed = errors.New("it ended")
		}
		return "", nil, failed
	case <-asked.Done():
		// Dialing knows no context: it ends by itself, and what it opened with it.
		cancel()
		return "", nil, context.Cause(asked)
	case <-begun:
	}
	local, err := forwarder.GetPorts()
	if err != nil || len(local) != 1 {
		_ = stop()
		return "", nil, errors.New("no port")
	}
	return fmt.Sprintf("127.0.0.1:%d", local[0].Local), stop, nil
}

func dial(settings *rest.Config, to *url.URL) (httpstream.Dialer, error) {
	transport, upgrader, err := spdy.RoundTripperFor(settings)
	if err != nil {
		return nil, err
	}
	older := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, to)
	newer, err := portforward.NewSPDYOverWebsocketDialerForStreaming(to, settings)
	if err != nil {
		return nil, err
	}
	return portforward.NewFallbackDialerForStreaming(newer, older, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}
