// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

type peers struct {
	epoll int
	file  *os.File // owns epoll
	done  chan struct{}

	mu   sync.Mutex
	next uint64
	gone map[uint64]func()
}

func newPeers() (*peers, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	// Not blocking, so that the runtime's poller takes it up and a waiting goroutine holds no thread.
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &peers{
		epoll: fd, file: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{}),
		gone: map[uint64]func(){},
	}
	rc, err := p.file.SyscallConn()
	if err != nil {
		_ = p.file.Close()
		return nil, err
	}
	go p.loop(rc)
	return p, nil
}

func (p *peers) loop(rc syscall.RawConn) {
	defer close(p.done)
	var events [64]unix.EpollEvent
	for {
		n := 0
		err := rc.Read(func(fd uintptr) bool {
			var err error
			n, err = unix.EpollWait(int(fd), events[:], 0)
			return err != unix.EINTR && n != 0
		})
		if err != nil {
			return
		}
		for _, e := range events[:max(n, 0)] {
			p.tell(uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32)
		}
	}
}

// tell calls the function under the lock, so that Remove can promise that it is not running.
func (p *peers) tell(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if gone, ok := p.gone[id]; ok {
		delete(p.gone, id)
		gone()
	}
}

func (p *peers) add(c net.Conn, gone func()) (Remove, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return func() {}, nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.next++
	id := p.next
	p.gone[id] = gone
	p.mu.Unlock()
	event := unix.EpollEvent{
		Events: unix.EPOLLRDHUP | unix.EPOLLET,
		// The kernel gives back these 64 bits; an ID, unlike a descriptor, is never used again.
		Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32)),
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, int(fd), &event))
	})
	if err = errors.Join(err, failed); err != nil {
		p.remove(id)
		return nil, err
	}
	return func() { p.remove(id) }, nil
}

// remove needs no epoll_ctl: the kernel forgets a descriptor that is closed.
func (p *peers) remove(id uint64) {
	p.mu.Lock()
	delete(p.gone, id)
	p.mu.Unlock()
}

func (p *peers) close() error {
	err := p.file.Close()
	<-p.done
	return err
}
