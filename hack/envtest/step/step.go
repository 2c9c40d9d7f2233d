// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package step runs the long commands that a person waits for, and says that it is still at it.
package step

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Heartbeat is how often a silent wait says that it is alive.
const Heartbeat = 10 * time.Second

// Step is one command that a person waits for.
type Step struct {
	Title    string // "building etcd"
	Dir      string
	Env      []string      // added to this process's
	Limit    time.Duration // 0 for none
	Args     []string
	Progress io.Writer
}

// Run executes the step and returns its standard output; its standard error becomes progress and, on failure, part
// of the error.
func (s Step) Run(ctx context.Context) (string, error) {
	if s.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, s.Limit, fmt.Errorf("took longer than %s", s.Limit))
		defer cancel()
	}
	var out bytes.Buffer
	lines := &lineCounter{}
	cmd := exec.CommandContext(ctx, s.Args[0], s.Args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.Dir, &out, lines
	cmd.Env = append(os.Environ(), s.Env...)
	// the compiler's and linker's processes must end with the go command that started them
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second

	done := make(chan struct{})
	var beating sync.WaitGroup
	beating.Go(func() { s.beat(done, lines) })
	err := cmd.Run()
	close(done)
	beating.Wait()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w%s", s.Title, err, lines.tail())
	}
	return strings.TrimSpace(out.String()), nil
}

func (s Step) beat(done <-chan struct{}, lines *lineCounter) {
	began := time.Now()
	_, _ = fmt.Fprintf(s.Progress, "%s ...\n", s.Title)
	tick := time.NewTicker(Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			_, _ = fmt.Fprintf(s.Progress, "%s ... %s%s\n", s.Title, time.Since(began).Round(time.Second), lines.summary())
		}
	}
}

// lineCounter keeps the end of what a go command says and counts the rest: `go build -v` names each package it
// compiles on a line of its own.
type lineCounter struct {
	mu                   sync.Mutex
	compiled, downloaded int
	last                 []string
	rest                 []byte
}

const keptLines = 15

func (c *lineCounter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rest = append(c.rest, p...)
	for {
		line, rest, found := bytes.Cut(c.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		c.rest = rest
		c.add(string(line))
	}
}

func (c *lineCounter) add(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		c.downloaded++
	case !strings.ContainsAny(line, " \t:"):
		c.compiled++
	default:
		c.last = append(c.last, line)
		c.last = c.last[max(0, len(c.last)-keptLines):]
	}
}

func (c *lineCounter) summary() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.compiled+c.downloaded == 0 {
		return ""
	}
	return fmt.Sprintf(", %d modules downloaded, %d packages compiled", c.downloaded, c.compiled)
}

func (c *lineCounter) tail() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := c.last
	if len(c.rest) > 0 {
		lines = append(lines[:len(lines):len(lines)], string(c.rest))
	}
	if len(lines) == 0 {
		return ""
	}
	return "\n    " + strings.Join(lines, "\n    ")
}
