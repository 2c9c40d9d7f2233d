// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import "net/netip"

// Block gives the address that a client is limited by: its own, or its /64 for IPv6, the least that one customer is given.
func Block(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}

// Address gives the holder of a client's address, as Block gives it, for one request at now. Who is idle with nothing
// taken is forgotten; when all the book's room is in use, newcomers share one holder for each of a number of shards, so
// that a flood from many addresses is slowed down as one and makes the book forget nobody who is limited.
func (b *Book) Address(addr netip.Addr, now int64) *Holder { return b.Holder("ip/" + addr.String()) }
