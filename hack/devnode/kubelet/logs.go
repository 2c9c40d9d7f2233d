// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sparkgateway/spark/hack/devnode/podlog"
)

// serveLog answers before the first byte of the log with what is wrong; after it, only by breaking off.
func (s *Server) serveLog(w http.ResponseWriter, r *http.Request) {
	query, err := parseQuery(r.URL.Query(), time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	pod, found := s.find(w, r)
	if !found {
		return
	}
	name, container := r.PathValue("pod"), r.PathValue("container")
	if container != pod.Container {
		http.Error(w, fmt.Sprintf("container %q not found in pod %q", container, name), http.StatusNotFound)
		return
	}
	if pod.Log == nil || pod.Waiting != nil && !query.Previous {
		http.Error(w, waiting(pod, name), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	to := &answer{Writer: bufio.NewWriter(w), control: http.NewResponseController(w)}
	err = pod.Log.Read(r.Context(), query, to)
	switch {
	case errors.Is(err, podlog.ErrNoContainer):
		http.Error(w, fmt.Sprintf("previous terminated container %q in pod %q not found", container, name), http.StatusBadRequest)
	case err == nil || r.Context().Err() != nil:
	case to.begun:
		s.log.Error(err, "log broken off", "pod", name)
		panic(http.ErrAbortHandler) // or else the reader would take it for the end
	default:
		http.Error(w, fmt.Sprintf("the log of pod %q cannot be read: %v", name, err), http.StatusInternalServerError)
	}
}

func waiting(pod Pod, name string) string {
	why := "ContainerCreating"
	if pod.Waiting != nil {
		why = pod.Waiting.Reason
		if pod.Waiting.Message != "" {
			why += ": " + pod.Waiting.Message
		}
	}
	return fmt.Sprintf("container %q in pod %q is waiting to start: %s", pod.Container, name, why)
}

// answer is flushed to the client and not just to the connection.
type answer struct {
	*bufio.Writer
	control *http.ResponseController
	begun   bool
}

// Flush sends the header, too, so that a follower of a silent pod knows that it follows.
func (a *answer) Flush() error {
	a.begun = true
	return errors.Join(a.Writer.Flush(), a.control.Flush())
}

// parseQuery reads the parameters of PodLogOptions, with the bounds that the API server keeps.
func parseQuery(values url.Values, now time.Time) (podlog.Query, error) {
	if stream := values.Get("stream"); stream != "" && stream != "All" {
		return podlog.Query{}, fmt.Errorf("stream: this node keeps both outputs together and cannot give only %q", stream)
	}
	p := parameters{values: values}
	query := podlog.Query{
		Previous: p.flag("previous"), Follow: p.flag("follow"), Timestamps: p.flag("timestamps"), Tail: p.number("tailLines", 0),
	}
	if limit := p.number("limitBytes", 1); limit != nil {
		query.Limit = *limit
	}
	seconds := p.number("sinceSeconds", 1)
	since := values.Get("sinceTime")
	switch {
	case seconds != nil && since != "":
		return query, errors.New("sinceSeconds and sinceTime: only one of them may be given")
	case seconds != nil:
		query.Since = now.Add(-time.Duration(min(*seconds, maxSeconds)) * time.Second)
	case since != "":
		at, err := time.Parse(time.RFC3339, since)
		if err != nil {
			return query, fmt.Errorf("sinceTime: not a time: %q", since)
		}
		query.Since = at
	}
	return query, p.err
}

// maxSeconds is a century, which a time.Duration can hold.
const maxSeconds = 100 * 365 * 24 * 3600

// parameters keep the first error.
type parameters struct {
	values url.Values
	err    error
}

func (p *parameters) flag(name string) bool {
	text := p.values.Get(name)
	if text == "" {
		return false
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		p.fail(fmt.Errorf("%s: neither true nor false: %q", name, text))
	}
	return value
}

func (p *parameters) number(name string, least int64) *int64 {
	text := p.values.Get(name)
	if text == "" {
		return nil
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || value < least {
		p.fail(fmt.Errorf("%s: not a whole number from %d on: %q", name, least, text))
	}
	return &value
}

func (p *parameters) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}
