// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package loopback finds addresses on this machine for programs that tests start: for a program, the port has to be chosen
// before it listens.
package loopback

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"syscall"
)

// Ports are taken from below those that the system gives to clients, of which any connection of anybody could have one, and
// that a cluster on the machine gives to its Services.
const (
	least = 20_000
	ports = 10_000
)

var (
	mu sync.Mutex
	// claims are what tells other processes which ports are this one's, by port, and end with it.
	claims = map[int]net.Listener{}
)

// Free gives "127.0.0.1:port" of a port that nobody listens on. As long as this process lives, nobody else is given it who
// asks here, in this process or (on Linux) another, so that a program may stop listening and begin again. It is safe for
// concurrent use.
func Free() (string, error) {
	for range 100 {
		port := least + rand.IntN(ports)
		if !claim(port) {
			continue
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		if tried(address) {
			return address, nil
		}
	}
	return "", errors.New("no free port on the loopback address")
}

// tried says whether the address can be listened on. No program is started meanwhile: until it runs it has a copy of what this
// process has open, and would listen on the port for longer than this does.
func tried(address string) bool {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	listener, err := net.Listen("tcp", address)
	return err == nil && listener.Close() == nil
}

// claim says whether the port is this process's from now on, and was not before.
func claim(port int) bool {
	mu.Lock()
	defer mu.Unlock()
	if _, ours := claims[port]; ours {
		return false
	}
	var held net.Listener
	if runtime.GOOS == "linux" {
		// An abstract socket is no file: nothing is left of it when the process ends, however it does.
		var err error
		if held, err = net.Listen("unix", fmt.Sprintf("@spark-test-port-%d", port)); err != nil {
			return false
		}
	}
	claims[port] = held
	return true
}
