// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// requestTimeout bounds one request, streams included.
	requestTimeout = 2 * time.Minute
	// idleTimeout is how long a silent connection is kept, as the HTTP clients of the official SDKs do.
	idleTimeout = 5 * time.Second
	// maxSamples bounds what is told of what went wrong at one target.
	maxSamples = 10
)

// run is a load under way.
type run struct {
	spec   Spec
	client *http.Client
	ctx    context.Context // of the requests
	cut    context.CancelFunc
	pace   context.Context // of sending them
	stop   context.CancelFunc

	mu      sync.Mutex
	running int
	tallies map[string]*tally
}

type tally struct {
	Tally
	latencies []time.Duration
}

// begin starts to send. The run ends by itself after Spec.Count requests, or by stop, or, with its requests, by cut.
func begin(spec Spec) *run {
	r := &run{spec: spec, tallies: map[string]*tally{}, client: &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 512, IdleConnTimeout: idleTimeout, DisableKeepAlives: spec.Fresh, DisableCompression: true,
	}}}
	r.ctx, r.cut = context.WithCancel(context.Background())
	r.pace, r.stop = context.WithCancel(r.ctx)
	for _, target := range spec.Targets {
		t := &tally{Tally: Tally{Statuses: map[string]int{}}}
		r.tallies[target] = t
		go r.keepUp(target, t)
	}
	return r
}

// keepUp sends at the run's pace. A tick that the scheduler was late for is made up for, so that the rate holds.
func (r *run) keepUp(target string, t *tally) {
	ticker := time.NewTicker(time.Duration(float64(time.Second) / r.spec.Rate))
	defer ticker.Stop()
	start := time.Now()
	for sent := 0; r.spec.Count == 0 || sent < r.spec.Count; {
		select {
		case <-r.pace.Done():
			return
		case <-ticker.C:
		}
		due := int(time.Since(start).Seconds() * r.spec.Rate)
		for ; sent < due && (r.spec.Count == 0 || sent < r.spec.Count); sent++ {
			stream := r.spec.StreamEvery > 0 && sent%r.spec.StreamEvery == 0
			r.mu.Lock()
			r.running++
			t.Sent++
			if stream {
				t.Streams++
			}
			r.mu.Unlock()
			go r.chat(target, t, stream)
		}
	}
}

// chat sends one request and reads its answer to the end.
func (r *run) chat(target string, t *tally, stream bool) {
	sent := time.Now()
	status, err := r.exchange(target, t, stream)
	took := time.Since(sent)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running--
	switch {
	case err != nil:
		t.Broken++
		t.sample(fmt.Sprintf("%s stream=%t after %s: %v", sent.UTC().Format(time.RFC3339Nano), stream, took, err))
	case status == http.StatusOK:
		t.OK++
		if sent.After(t.LastOK) {
			t.LastOK = sent
		}
		if !stream {
			t.latencies = append(t.latencies, took)
		}
	default:
		t.Statuses[strconv.Itoa(status)]++
		if status == http.StatusUnauthorized && (t.FirstRefused.IsZero() || sent.Before(t.FirstRefused)) {
			t.FirstRefused = sent
		}
	}
}

func (t *tally) sample(text string) {
	if len(t.Samples) < maxSamples {
		t.Samples = append(t.Samples, text)
	}
}

func (r *run) exchange(target string, t *tally, stream bool) (status int, err error) {
	ctx, cancel := context.WithTimeout(r.ctx, requestTimeout)
	defer cancel()
	steer := r.spec.Steer
	if stream {
		steer = r.spec.SteerStream
	}
	body := Chat(r.spec.Model, steer, stream)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	for name, value := range r.spec.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Authorization", "Bearer "+r.spec.Key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusOK && stream {
		return resp.StatusCode, r.follow(resp.Body, t)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode == http.StatusOK && (!json.Valid(answer) || !bytes.Contains(answer, []byte(`"choices"`))) {
		return 0, fmt.Errorf("not a chat's answer: %.200q", answer)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusUnauthorized {
		r.mu.Lock()
		t.sample(fmt.Sprintf("status %d: %.300s", resp.StatusCode, answer))
		r.mu.Unlock()
	}
	return resp.StatusCode, nil
}

// follow reads a stream to its terminator.
func (r *run) follow(body io.Reader, t *tally) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	done := false
	for events := 0; lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if strings.HasPrefix(data, `{"error"`) {
			return fmt.Errorf("an error event: %.300s", data)
		}
		done = data == "[DONE]"
		if events++; events == r.spec.Halfway {
			r.mu.Lock()
			t.Halfway++
			r.mu.Unlock()
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if !done {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// report says how it is going.
func (r *run) report() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := Report{Running: r.running, Targets: map[string]Tally{}}
	for target, t := range r.tallies {
		said := t.Tally
		sorted := slices.Sorted(slices.Values(t.latencies))
		said.P50, said.P99, said.Max = Quantile(sorted, 0.50), Quantile(sorted, 0.99), Quantile(sorted, 1)
		said.Statuses = map[string]int{}
		for status, n := range t.Statuses {
			said.Statuses[status] = n
		}
		said.Samples = slices.Clone(t.Samples)
		out.Targets[target] = said
	}
	return out
}

// Quantile gives the value of a sorted list that a share of its values do not exceed; 0 of an empty one.
func Quantile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(share*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

// Chat is a request's body whose message steers the fake provider.
func Chat(model, steer string, stream bool) string {
	body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"hello [[fake %s]]"}]`, model, steer)
	if stream {
		body += `,"stream":true`
	}
	return body + "}"
}
