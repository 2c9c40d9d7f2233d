// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package redistest

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

type launch struct {
	cmd *exec.Cmd
	err chan error
}

// launches start on a thread that never ends: the kernel ends a child with the thread that started it.
var launches = sync.OnceValue(func() chan<- launch {
	c := make(chan launch)
	go func() {
		runtime.LockOSThread()
		for l := range c {
			l.err <- l.cmd.Start()
		}
	}()
	return c
})

func start(cmd *exec.Cmd) error {
	l := launch{cmd: cmd, err: make(chan error)}
	launches() <- l
	return <-l.err
}
