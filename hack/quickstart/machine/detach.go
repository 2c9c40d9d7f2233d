// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/sparkgateway/spark/hack/envtest/process"
)

// readyMark ends the supervisor's report when everything runs.
const readyMark = 0

// startDetached has a process of its own session do the work, and relays what it reports until it is ready.
func startDetached(ctx context.Context, s state) error {
	if pid, err := s.owner(); err != nil || pid != 0 {
		return alreadyRunning(s, pid, err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	reports, theirEnd, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = reports.Close() }()
	log, err := os.OpenFile(s.path("quickstart.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(self, "supervise")
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = s.root, log, log, []*os.File{theirEnd}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	_ = theirEnd.Close()
	interrupted := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	defer interrupted()
	ready, err := relay(os.Stdout, reports)
	if ready {
		fmt.Printf("\nIt runs in the background (process %d); `make quickstart-down` ends it.\n", cmd.Process.Pid)
		return nil
	}
	if err := errors.Join(err, cmd.Wait()); ctx.Err() == nil {
		return fmt.Errorf("it did not start: %w%s", err, process.Tail(s.path("quickstart.log"), 60))
	}
	return ctx.Err()
}

func alreadyRunning(s state, pid int, err error) error {
	if err != nil {
		return err
	}
	if _, statErr := os.Stat(s.env()); statErr != nil {
		return fmt.Errorf("%w and is not ready yet; its log is %s", errRunning{pid}, relative(s.path("quickstart.log")))
	}
	fmt.Printf("Spark runs already (process %d): `. %s`, or end it with `make quickstart-down`.\n", pid, relative(s.env()))
	return nil
}

// relay copies the report and says whether it ended with the mark.
func relay(to io.Writer, from io.Reader) (ready bool, err error) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		text, _, marked := bytes.Cut(buffer[:n], []byte{readyMark})
		if _, writeErr := to.Write(text); writeErr != nil && err == nil {
			err = writeErr
		}
		if marked {
			return true, nil
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// reportFile is the pipe to whoever started the supervisor.
const reportFile = 3

// supervise is `up` in the background: it reports to the pipe until it is ready, and to its log always.
func supervise(ctx context.Context, s state) error {
	pipe := os.NewFile(reportFile, "report")
	syscall.CloseOnExec(reportFile) // the programs it starts must not keep the pipe open
	out := &report{log: os.Stdout, pipe: pipe}
	return up(ctx, s, newProgress(out), out.ready)
}

// report writes to both; that nobody listens any more must not end the work.
type report struct {
	mu        sync.Mutex
	log, pipe *os.File
}

func (r *report) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pipe != nil {
		if _, err := r.pipe.Write(b); err != nil {
			r.pipe = nil
		}
	}
	return r.log.Write(b)
}

// ready ends the report to whoever waits for it.
func (r *report) ready() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pipe != nil {
		_, _ = r.pipe.Write([]byte{readyMark})
		_ = r.pipe.Close()
		r.pipe = nil
	}
}

const (
	endLimit  = 45 * time.Second
	killLimit = 10 * time.Second
)

// down ends the quickstart that holds the lock, and only that process: its children end with it.
func down(ctx context.Context, s state, p *progress) error {
	pid, err := s.owner()
	if err != nil {
		return err
	}
	if pid == 0 {
		p.printf("No quickstart is running.\n")
		return s.clean(true)
	}
	err = p.step(fmt.Sprintf("End the quickstart (process %d)", pid), func() error {
		if err := s.end(ctx, syscall.SIGTERM, endLimit); err != nil {
			return s.end(ctx, syscall.SIGKILL, killLimit)
		}
		return nil
	})
	return errors.Join(err, s.clean(true))
}

// end signals the lock's owner of this very moment and waits until there is none.
func (s state) end(ctx context.Context, signal syscall.Signal, limit time.Duration) error {
	pid, err := s.owner()
	if err != nil || pid == 0 {
		return err
	}
	if err := syscall.Kill(pid, signal); err != nil {
		return fmt.Errorf("end process %d: %w", pid, err)
	}
	return poll(ctx, limit, func() error {
		switch now, err := s.owner(); {
		case err != nil:
			return err
		case now != 0:
			return fmt.Errorf("process %d is still running", now)
		}
		return nil
	})
}
