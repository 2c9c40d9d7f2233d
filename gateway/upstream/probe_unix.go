// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package upstream

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// prober gives a function that says whether an idle connection is still open and silent, without waiting: a server
// that closed it, or sent what nobody asked for, is not to be used again.
func prober(c net.Conn) func() bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return func() bool { return true }
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return func() bool { return false }
	}
	return func() bool {
		alive := false
		err := raw.Control(func(fd uintptr) {
			var b [1]byte
			_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
			alive = err == unix.EAGAIN
		})
		return err == nil && alive
	}
}
