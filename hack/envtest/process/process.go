// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package process runs programs that must not outlive the one that started them.
package process

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Command says what to run.
type Command struct {
	Path string
	Args []string
	Env  []string // the whole environment; nil inherits
	Dir  string
	Log  string // file that both outputs are appended to

	// Output receives both outputs instead, for whoever writes the file Log in a way of its own.
	Output io.Writer
}

// Process is a running or ended program.
type Process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// Start starts the command in a process group of its own, so that a terminal's Ctrl-C reaches only the parent, which
// then ends its children in the right order.
func Start(command Command) (*Process, error) {
	output, done, err := outputOf(command)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(command.Path, command.Args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = command.Env, command.Dir, output, output
	cmd.SysProcAttr, cmd.WaitDelay = ownGroup(), outputPatience
	p := &Process{cmd: cmd, log: command.Log, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer done()
		// The kernel ties a child to the *thread* that started it (see ownGroup), so this one stays until it ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// outputPatience is how long what a program started may go on writing to an Output when the program has ended.
const outputPatience = time.Second

func outputOf(command Command) (output io.Writer, done func(), err error) {
	if command.Output != nil {
		return command.Output, func() {}, nil
	}
	if err := os.MkdirAll(filepath.Dir(command.Log), 0o755); err != nil {
		return nil, nil, err
	}
	log, err := os.OpenFile(command.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, nil, err
	}
	return log, func() { _ = log.Close() }, nil
}

// PID is the program's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Log is the file that the program writes to.
func (p *Process) Log() string { return p.log }

// Status is how the program ended; valid after Done.
func (p *Process) Status() syscall.WaitStatus {
	status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return status
}

// Exited describes how the program ended, with the end of its log; valid after Done.
func (p *Process) Exited() error {
	return fmt.Errorf("%s ended: %s%s", filepath.Base(p.cmd.Path), p.cmd.ProcessState, Tail(p.log, 15))
}

// Signal sends a signal to the program unless it has ended.
func (p *Process) Signal(signal syscall.Signal) { _ = p.cmd.Process.Signal(signal) }

// Kill ends the program and what it started.
func (p *Process) Kill() {
	select {
	case <-p.done: // its id may already be another's
	default:
		_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	}
}

// Stop asks the program to end, kills it when it has not after the grace period, and returns when it is gone.
func (p *Process) Stop(grace time.Duration) {
	p.Signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Kill()
		<-p.done
	}
}

// tailBytes bounds what is read of a log that may be long.
const tailBytes = 16 << 10

// Tail returns the last lines of a log, indented and on lines of their own, or nothing.
func Tail(path string, lines int) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	stat, err := file.Stat()
	if err != nil {
		return ""
	}
	offset := max(0, stat.Size()-tailBytes)
	content := make([]byte, stat.Size()-offset)
	n, _ := file.ReadAt(content, offset)
	text := strings.TrimRight(string(content[:n]), "\n")
	if text == "" {
		return ""
	}
	all := strings.Split(text, "\n")
	all = all[max(0, len(all)-lines):]
	return fmt.Sprintf("\nlast lines of %s:\n    %s", path, strings.Join(all, "\n    "))
}
