// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// load sends requests at a fixed rate, whatever becomes of those before (an open loop), and gives all answers in the
// order in which they were due. late is the most that one was sent behind its time, because the machine was busy.
func load(ctx context.Context, p pace, url, model string, begun time.Time) (answers []answer, late time.Duration) {
	transport := &http.Transport{MaxIdleConnsPerHost: 1000, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	answers = make([]answer, p.requests())
	var running sync.WaitGroup
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := range answers {
		d, stream := kind(n)
		a := answer{dialect: d.name, stream: stream, due: p.due(n)}
		timer.Reset(time.Until(begun.Add(a.due)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			answers = answers[:n]
		}
		if ctx.Err() != nil {
			break
		}
		late = max(late, time.Since(begun)-a.due)
		running.Go(func() { answers[n] = ask(ctx, client, url, model, a, d, begun) })
	}
	running.Wait()
	return answers, late
}

// warmUp makes one request of each kind, one after the other, so that what is measured finds connections open. It gives
// the first failure.
func warmUp(ctx context.Context, url, model string) (failed *answer) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for n := range 2 * len(dialects) {
		d, stream := kind(n)
		a := ask(ctx, client, url, model, answer{dialect: d.name, stream: stream}, d, time.Now())
		if a.verdict != answered {
			return &a
		}
	}
	return nil
}
