// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Visitors are principals without key or token: each client address is one. It is safe for concurrent use.
type Visitors struct {
	allow *exchange.Allowed
	seed  maphash.Seed
	// seen holds those who came last, each in the one place that its address may have, so that who comes again is not made
	// again.
	seen [1024]atomic.Pointer[visitor]
}

type visitor struct {
	address   netip.Addr
	principal exchange.Principal
}

// Anonymous gives the principals that a configuration lets in; nil where it lets in none.
func Anonymous(a *config.Anonymous) *Visitors {
	if a == nil {
		return nil
	}
	return &Visitors{allow: Allowed(a.Allow), seed: maphash.MakeSeed()}
}

// Principal gives the principal of an address: a client's own, of IPv6 its /64, as limits have it. Of an address that is
// not valid, as that of a connection that has none, all are one principal.
func (v *Visitors) Principal(address netip.Addr) *exchange.Principal {
	place := &v.seen[maphash.Comparable(v.seed, address)%uint64(len(v.seen))]
	if known := place.Load(); known != nil && known.address == address {
		return &known.principal
	}
	made := &visitor{address, exchange.Principal{
		Kind: exchange.ByAddress, ID: address.String(), Allow: v.allow, Index: -1,
	}}
	place.Store(made)
	return &made.principal
}
