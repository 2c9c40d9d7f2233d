// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"sync"
)

// addressPool leases loopback addresses to pods and Services. A lease is a listening socket on a port nobody else
// uses, so that several nodes on one machine never choose the same address, and the kernel ends every lease of a
// node that is killed.
type addressPool struct {
	mu   sync.Mutex
	next uint16
}

// leasePort is the port that marks an address as taken.
const leasePort = 47471

func newAddressPool() *addressPool { return &addressPool{next: uint16(rand.Uint32())} }

// lease is one address, taken until release.
type lease struct {
	address  string
	listener net.Listener
}

func (l *lease) release() {
	if l != nil {
		_ = l.listener.Close()
	}
}

// take tries addresses of 127.77.0.0/16 from a random one on, since an address used a moment ago may still have
// connections, and then 127.0.0.1: a system whose loopback interface has only that one can run one pod.
func (p *addressPool) take() (*lease, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	const attempts = 256
	for range attempts {
		p.next++
		if p.next&0xff == 0 || p.next&0xff == 0xff {
			continue // looks like a network's or broadcast address
		}
		address := netip.AddrFrom4([4]byte{127, 77, byte(p.next >> 8), byte(p.next)}).String()
		if l, err := hold(address); err == nil {
			return l, nil
		}
	}
	l, err := hold("127.0.0.1")
	if err != nil {
		return nil, errors.Join(errors.New("no free address in 127.77.0.0/16: on systems other than Linux each must be "+
			"added to the loopback interface"), err)
	}
	return l, nil
}

func hold(address string) (*lease, error) {
	listener, err := net.Listen("tcp4", net.JoinHostPort(address, strconv.Itoa(leasePort)))
	if err != nil {
		return nil, fmt.Errorf("take %s: %w", address, err)
	}
	return &lease{address: address, listener: listener}, nil
}
