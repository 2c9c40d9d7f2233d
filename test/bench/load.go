// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// requestTimeout bounds each request of the load.
const requestTimeout = 10 * time.Second

// plan is what a load does: so many requests over so many connections, each of which asks again once it is answered,
// until all are made or the limit is over.
type plan struct {
	Address     string        `json:"address"`
	Connections int           `json:"connections"`
	Requests    int           `json:"requests"`
	Limit       time.Duration `json:"limit"`
	Stream      bool          `json:"stream"`
	Bytes       int           `json:"bytes"` // of each body
}

// load is what became of a plan. Times are microseconds.
type load struct {
	Requests     int     `json:"requests"`
	Errors       int     `json:"errors"`
	FirstError   string  `json:"firstError,omitempty"`
	PerSecond    float64 `json:"requestsPerSecond"`
	P50          int     `json:"p50Micros"`
	P99          int     `json:"p99Micros"`
	FirstByteP50 int     `json:"firstByteP50Micros"`
}

// runLoad carries out a plan in a process of its own.
func runLoad(ctx context.Context, p plan) (load, error) {
	argument, err := json.Marshal(p)
	if err != nil {
		return load{}, err
	}
	spec, err := ownRole("load", string(argument))
	if err != nil {
		return load{}, err
	}
	output, err := spec.output(ctx)
	if err != nil {
		return load{}, fmt.Errorf("load: %w", err)
	}
	var done load
	if err := json.Unmarshal(output, &done); err != nil {
		return load{}, fmt.Errorf("load said %q: %w", output, err)
	}
	if done.Requests == 0 {
		return load{}, errors.New("load: no request was answered in time")
	}
	return done, nil
}

func serveLoad(args []string) error {
	if len(args) != 1 {
		return errors.New("load wants one plan")
	}
	var p plan
	if err := json.Unmarshal([]byte(args[0]), &p); err != nil {
		return err
	}
	content, err := json.Marshal(p.run(context.Background()))
	if err == nil {
		fmt.Println(string(content))
	}
	return err
}

// worker is one connection's part of a load.
type worker struct {
	plan       plan
	left       *atomic.Int64
	request    []byte
	took       []uint32 // microseconds
	firstByte  []uint32
	errors     int
	firstError string
}

func (p plan) run(ctx context.Context) load {
	ctx, cancel := context.WithTimeout(ctx, p.Limit)
	defer cancel()
	var left atomic.Int64
	left.Store(int64(p.Requests))
	workers := make([]*worker, p.Connections)
	var running sync.WaitGroup
	started := time.Now()
	for i := range workers {
		w := &worker{plan: p, left: &left, request: p.request()}
		workers[i] = w
		running.Go(func() { w.run(ctx) })
	}
	running.Wait()
	return summarize(workers, time.Since(started))
}

// request renders the whole request once; every one of them is the same.
func (p plan) request() []byte {
	body := requestBody(p.Bytes, p.Stream)
	head := fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nAccept: application/json\r\nUser-Agent: spark-bench\r\nContent-Length: %d\r\n\r\n",
		p.Address, benchKey, len(body))
	return append([]byte(head), body...)
}

func (w *worker) run(ctx context.Context) {
	var conn net.Conn
	var reader *bufio.Reader
	for ctx.Err() == nil && w.left.Add(-1) >= 0 {
		if conn == nil {
			dialed, err := net.DialTimeout("tcp", w.plan.Address, requestTimeout)
			if err != nil {
				w.failed(err.Error())
				continue
			}
			conn, reader = dialed, bufio.NewReaderSize(dialed, 16<<10)
		}
		if err := w.ask(conn, reader); err != nil {
			w.failed(err.Error())
			conn.Close()
			conn = nil
		}
	}
	if conn != nil {
		conn.Close()
	}
}

func (w *worker) failed(reason string) {
	if w.errors++; w.firstError == "" {
		w.firstError = reason
	}
}

// ask makes one request and checks its answer; an error leaves the connection unusable.
func (w *worker) ask(conn net.Conn, reader *bufio.Reader) error {
	started := time.Now()
	if err := conn.SetDeadline(started.Add(requestTimeout)); err != nil {
		return err
	}
	if _, err := conn.Write(w.request); err != nil {
		return err
	}
	if _, err := reader.Peek(1); err != nil {
		return err
	}
	firstByte := time.Since(started)
	response := fasthttp.AcquireResponse()
	defer fasthttp.ReleaseResponse(response)
	if err := response.Read(reader); err != nil {
		return err
	}
	w.took = append(w.took, micros(time.Since(started)))
	w.firstByte = append(w.firstByte, micros(firstByte))
	if wrong := checkResponse(response.StatusCode(), response.Body(), w.plan.Bytes, w.plan.Stream); wrong != "" {
		w.failed(wrong)
	}
	if response.ConnectionClose() || bytes.EqualFold(response.Header.Peek("Connection"), []byte("close")) {
		return errors.New("the connection was not kept alive")
	}
	return nil
}

func micros(d time.Duration) uint32 { return uint32(d.Microseconds()) }

func summarize(workers []*worker, elapsed time.Duration) load {
	var total load
	var took, firstByte []uint32
	for _, w := range workers {
		took, firstByte = append(took, w.took...), append(firstByte, w.firstByte...)
		total.Errors += w.errors
		if total.FirstError == "" {
			total.FirstError = w.firstError
		}
	}
	total.Requests = len(took)
	total.PerSecond = float64(len(took)) / elapsed.Seconds()
	slices.Sort(took)
	slices.Sort(firstByte)
	total.P50, total.P99 = quantile(took, 0.50), quantile(took, 0.99)
	total.FirstByteP50 = quantile(firstByte, 0.50)
	return total
}

func quantile(sorted []uint32, q float64) int {
	if len(sorted) == 0 {
		return 0
	}
	return int(sorted[min(len(sorted)-1, int(q*float64(len(sorted))))])
}
