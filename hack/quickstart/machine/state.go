// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const module = "github.com/sparkgateway/spark"

// projectRoot is where go.mod is, here or above.
func projectRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(content), "module "+module+"\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("run this inside a checkout of Spark")
		}
		dir = parent
	}
}

// state is what a quickstart keeps on disk.
type state struct {
	root string // of the project
	dir  string
}

func newState(root string) state { return state{root: root, dir: filepath.Join(root, ".spark")} }

func (s state) path(elements ...string) string {
	return filepath.Join(append([]string{s.dir}, elements...)...)
}

func (s state) log(name string) string { return s.path("log", name+".log") }
func (s state) kubeconfig() string     { return s.path("kubeconfig") }
func (s state) env() string            { return s.path("env") }
func (s state) bin(name string) string { return filepath.Join(s.root, "bin", name) }

// contents are all that a quickstart writes: whatever else somebody put beside it stays.
var contents = []string{"etcd", "pki", "pods", "kubeconfig", "operator.kubeconfig", "env"}

// clean removes the state, and the logs unless they shall stay to be read.
func (s state) clean(logs bool) error {
	var failures []error
	for _, name := range contents {
		failures = append(failures, os.RemoveAll(s.path(name)))
	}
	if logs {
		failures = append(failures, os.RemoveAll(s.path("log")), os.RemoveAll(s.path("quickstart.log")), os.RemoveAll(s.path("lock")))
		_ = os.Remove(s.dir) // if it is empty
	}
	return errors.Join(failures...)
}

// errRunning says who holds the lock.
type errRunning struct{ pid int }

func (e errRunning) Error() string {
	return fmt.Sprintf("another quickstart is running (process %d)", e.pid)
}

// lock makes this process the only quickstart of the checkout until it releases the lock or ends, however it ends: a
// record lock is the kernel's, and the kernel knows whose it is, so no stale file can name a stranger's process. While
// it is held this process must not ask for the owner: closing any handle of the file gives up the lock.
func (s state) lock() (release func(), err error) {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(s.path("lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	whole := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &whole); err != nil {
		_ = file.Close()
		if pid, ownerErr := s.owner(); ownerErr == nil && pid != 0 {
			return nil, errRunning{pid}
		}
		return nil, fmt.Errorf("lock %s: %w", s.path("lock"), err)
	}
	return func() { _ = file.Close() }, nil
}

// owner is the process that holds the lock, or 0.
func (s state) owner() (int, error) {
	file, err := os.OpenFile(s.path("lock"), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	question := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_GETLK, &question); err != nil {
		return 0, err
	}
	if question.Type == syscall.F_UNLCK {
		return 0, nil
	}
	return int(question.Pid), nil
}
