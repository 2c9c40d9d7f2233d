// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/gateway/config"
)

const (
	// maxText bounds what is told of an answer, in bytes; maxHeaders and maxHeaderValue bound what is told of its header.
	maxText        = 64 << 10
	maxHeaders     = 32
	maxHeaderValue = 1 << 10
	// courseTime is the longest wait between two questions for what became of a request.
	courseTime = 400 * time.Millisecond
)

// send asks the pod what it would do, and has it do so. The error is of the key; all else is Played.
func (p *Playground) send(ctx context.Context, to way, asked Play) (Played, error) {
	key, err := p.Secret(ctx)
	if err != nil {
		return Played{}, err
	}
	body, err := prompt(asked)
	if err != nil {
		return Played{}, err
	}
	played := Played{Headers: map[string]string{}}
	if p.Witness != nil {
		plan, err := p.Witness.Explain(ctx, to.gateway, fleet.Target{Admin: to.admin}, to.pod, config.ExplainRequest{Body: body, Key: p.Key})
		if err == nil {
			played.Explain = &plan
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url+config.ExplainDefaultPath, bytes.NewReader(body))
	if err != nil {
		return Played{}, err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(config.CourseHeader, "1")
	deliver(request, to.tls, &played)
	if id := played.Headers["x-request-id"]; p.Witness != nil && id != "" {
		played.Course = p.course(ctx, to, id)
	}
	return played, nil
}

// course asks what became of a request. A stream may have come here some moments before the pod is through with it.
func (p *Playground) course(ctx context.Context, to way, id string) *config.Course {
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		course, err := p.Witness.Course(ctx, to.gateway, fleet.Target{Admin: to.admin}, to.pod, id)
		if err == nil && course.ID == id {
			return &course
		}
		if wait > courseTime {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// prompt gives the request of an application.
func prompt(asked Play) ([]byte, error) {
	request := map[string]any{
		"model":    asked.Model,
		"messages": []map[string]string{{"role": "user", "content": asked.Prompt}},
	}
	if asked.Stream {
		request["stream"] = true
		request["stream_options"] = map[string]bool{"include_usage": true}
	}
	return json.Marshal(request)
}

// deliver sends a request and takes in its answer, over a connection of its own: a certificate may have been replaced since the last.
func deliver(request *http.Request, settings *tls.Config, played *Played) {
	// Pods are called by their addresses, past any proxy, and have no reason to send us elsewhere.
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true, TLSClientConfig: settings},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	began := time.Now()
	since := func() float64 { return float64(time.Since(began).Microseconds()) / 1000 }
	response, err := client.Do(request)
	if err != nil {
		played.Error = unreached(request.Context(), err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	played.Status, played.Headers = response.StatusCode, telling(response.Header)
	kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	if response.StatusCode == http.StatusOK && kind == "text/event-stream" {
		played.readStream(response.Body, since)
	} else {
		played.readWhole(response.Body)
	}
	played.TotalMS = since()
	if played.Error != "" && request.Context().Err() != nil {
		played.Error = "the answer did not end in time"
	}
}

// unreached says, without the pod's address, why there is no answer.
func unreached(ctx context.Context, err error) string {
	var certificate *tls.CertificateVerificationError
	switch {
	case ctx.Err() != nil:
		return "there was no answer in time"
	case errors.As(err, &certificate):
		return "the pod's certificate is not the one in the gateway's Secret, or is not valid now"
	}
	return "the pod cannot be reached"
}

// telling gives the names and values of a header that say what the gateway did.
func telling(h http.Header) map[string]string {
	out := map[string]string{}
	for name := range h {
		lower := strings.ToLower(name)
		if len(out) < maxHeaders && (strings.HasPrefix(lower, "x-spark-") || lower == "x-request-id") {
			value := h.Get(name)
			out[lower] = value[:min(len(value), maxHeaderValue)]
		}
	}
	return out
}

// readWhole takes in an answer that is not streamed, or an error.
func (p *Played) readWhole(body io.Reader) {
	content, err := io.ReadAll(io.LimitReader(body, maxEvent))
	var answer completion
	switch {
	case err != nil:
		p.Error = "the answer broke off"
	case p.Status == http.StatusOK && json.Unmarshal(content, &answer) == nil && len(answer.Choices) > 0:
		p.Text = clipped([]byte(answer.Choices[0].Message.Content))
		p.Usage = answer.Usage.work()
	default:
		p.Text = clipped(content)
	}
}
