// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// graceToStop is how long a process may take to obey SIGTERM.
const graceToStop = 5 * time.Second

// processSpec says how to start a process.
type processSpec struct {
	name string // its log is NAME.log
	dir  string
	path string
	args []string
	user *syscall.Credential // nil: our own
}

// process is one that we started, and the only kind that we end.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when the process is gone
}

// start runs the process with its output in its log.
func (s processSpec) start(ctx context.Context) (*process, error) {
	log, err := os.Create(s.logPath())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	return s.launch(ctx, log, log)
}

// startPiped is start for a process whose standard output we read.
func (s processSpec) startPiped(ctx context.Context) (*process, io.Reader, error) {
	log, err := os.Create(s.logPath())
	if err != nil {
		return nil, nil, err
	}
	defer log.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer write.Close()
	p, err := s.launch(ctx, write, log)
	return p, read, err
}

func (s processSpec) launch(ctx context.Context, stdout, stderr *os.File) (*process, error) {
	cmd := exec.CommandContext(ctx, s.path, s.args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Dir = s.dir
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = graceToStop // then it is killed
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Credential: s.user}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", s.name, err)
	}
	p := &process{cmd: cmd, log: s.logPath(), ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		cmd.Wait() //nolint:errcheck // how it ends shows in what is measured
	}()
	return p, nil
}

func (s processSpec) logPath() string { return filepath.Join(s.dir, s.name+".log") }

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process, by force if it must, and waits for it.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may be gone
	select {
	case <-p.ended:
	case <-time.After(graceToStop):
		p.cmd.Process.Kill() //nolint:errcheck // as above
		<-p.ended
	}
}

// lastWords gives the end of the process's log for an error message.
func (p *process) lastWords() string {
	content, err := os.ReadFile(p.log)
	if err != nil || len(content) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	lines = lines[max(0, len(lines)-8):]
	return "\n  " + strings.Join(lines, "\n  ")
}

// output runs the process to its end and gives what it said on standard output.
func (s processSpec) output(ctx context.Context) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.path, s.args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	output, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	return output, err
}
