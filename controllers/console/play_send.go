// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"context"
	"encoding/json"
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
	if p.Explainer != nil {
		plan, err := p.Explainer.Explain(ctx, to.gateway, fleet.Target{Admin: to.admin}, to.pod, config.ExplainRequest{Body: body, Key: p.Key})
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
	p.deliver(request, &played)
	return played, nil
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

// deliver sends a request and takes in its answer.
func (p *Playground) deliver(request *http.Request, played *Played) {
	p.once.Do(func() {
		// Pods are called by their addresses, past any proxy, and have no reason to send us elsewhere.
		p.client = &http.Client{
			Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	})
	began := time.Now()
	since := func() float64 { return float64(time.Since(began).Microseconds()) / 1000 }
	response, err := p.client.Do(request)
	if err != nil {
		played.Error = "the pod cannot be reached"
		if request.Context().Err() != nil {
			played.Error = "there was no answer in time"
		}
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
	content, err := io.ReadAll(io.LimitReader(body, maxText))
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
