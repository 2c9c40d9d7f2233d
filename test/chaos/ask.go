// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// requestPatience bounds one request.
const requestPatience = 30 * time.Second

// maxAnswer bounds what is read of one answer, in bytes.
const maxAnswer = 1 << 20

// verdict is how a request ended for the application.
type verdict uint8

// The verdicts.
const (
	// answered: the whole answer came.
	answered verdict = iota
	// refused: nothing of an answer came, and an error in the application's dialect said so.
	refused
	// cut: a stream that had begun ended in the dialect's own error event.
	cut
	// dishonest: anything else, such as a broken stream that ends as a whole one does, or a connection that is lost
	// without a word.
	dishonest
)

// answer is what became of one request.
type answer struct {
	dialect string
	stream  bool
	due     time.Duration // when it was to be sent, from the scenario's start
	// latency runs from then to the first event of a stream that brought one, else to the end. Waiting to be sent counts.
	latency    time.Duration
	verdict    verdict
	status     int // 0: none came
	retryAfter string
	id         string // the gateway's, for its log
	detail     string // of what is not answered
}

// String tells of a failure in one line.
func (a answer) String() string {
	kind := "whole"
	if a.stream {
		kind = "streamed"
	}
	return fmt.Sprintf("at %s, %s, %s, after %s: status %d: %s", a.due.Round(time.Millisecond), a.dialect, kind,
		a.latency.Round(time.Millisecond), a.status, a.detail)
}

// kind is the nth request's: half are streams, in the dialects in turn.
func kind(n int) (d *dialect, stream bool) {
	return &dialects[n/2%len(dialects)], n%2 == 0
}

// ask makes one request and reads all of its answer. begun is the scenario's start.
func ask(ctx context.Context, client *http.Client, url, model string, a answer, d *dialect, begun time.Time) answer {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	path, body := d.request(model, a.stream)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+path, strings.NewReader(body))
	if err != nil {
		return a.failed(dishonest, err.Error())
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range d.headers {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		a.latency = time.Since(begun) - a.due
		return a.failed(dishonest, "no answer: "+err.Error())
	}
	defer response.Body.Close()
	a.status, a.retryAfter, a.id = response.StatusCode, response.Header.Get("Retry-After"), response.Header.Get("X-Request-Id")
	content := io.LimitReader(response.Body, maxAnswer)
	if a.stream && a.status == http.StatusOK {
		s := readStream(content, d, func() { a.latency = time.Since(begun) - a.due })
		if a.latency == 0 {
			a.latency = time.Since(begun) - a.due
		}
		return s.judge(a)
	}
	text, err := io.ReadAll(content)
	a.latency = time.Since(begun) - a.due
	return a.whole(d, string(text), err)
}

// whole judges an answer in one piece.
func (a answer) whole(d *dialect, body string, err error) answer {
	switch {
	case err != nil:
		return a.failed(dishonest, fmt.Sprintf("the body broke (%v) after %q", err, shortened(body)))
	case a.status != http.StatusOK:
		if wrong := d.checkError(body); wrong != nil {
			return a.failed(dishonest, fmt.Sprintf("%v: %s", wrong, shortened(body)))
		}
		return a.failed(refused, shortened(body))
	}
	if wrong := d.checkWhole(body); wrong != nil {
		return a.failed(dishonest, fmt.Sprintf("%v: %s", wrong, shortened(body)))
	}
	return a
}

func (a answer) failed(v verdict, detail string) answer {
	a.verdict, a.detail = v, detail
	return a
}

// streamed is what is known of a stream at its end.
type streamed struct {
	events   int // before any error
	ended    bool
	errored  bool
	trailing bool  // something followed the end or the error
	wrong    error // an event that is not the dialect's
	broke    error
	last     string
}

func (s streamed) judge(a answer) answer {
	told := fmt.Sprintf("%d events, the last is %s", s.events, shortened(s.last))
	switch {
	case s.wrong != nil:
		return a.failed(dishonest, fmt.Sprintf("%v: %s", s.wrong, shortened(s.last)))
	case s.trailing:
		return a.failed(dishonest, "something follows the end: "+told)
	case s.errored && s.events == 0:
		return a.failed(refused, told)
	case s.errored:
		return a.failed(cut, told)
	case !s.ended:
		return a.failed(dishonest, fmt.Sprintf("it ends (%v) with neither terminator nor error: %s", s.broke, told))
	case s.broke != nil:
		return a.failed(dishonest, fmt.Sprintf("it breaks (%v) after its terminator: %s", s.broke, told))
	}
	return a
}

var errNotOurs = errors.New("not the dialect's")

func shortened(text string) string {
	const most = 300
	text = strings.TrimSpace(text)
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
