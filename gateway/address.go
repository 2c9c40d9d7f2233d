// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"fmt"
	"net/netip"
	"unsafe"
)

// maxHops bounds the entries of X-Forwarded-For that are looked at, from the last one on.
const maxHops = 32

// proxies are the prefixes of addresses whose X-Forwarded-For is believed. They are immutable.
type proxies []netip.Prefix

// newProxies parses CIDRs.
func newProxies(cidrs []string) (proxies, error) {
	var all proxies
	for i, cidr := range cidrs {
		p, err := netip.ParsePrefix(cidr)
		if err != nil {
			return nil, fmt.Errorf("gateway.auth.trustedProxies[%d]: not a CIDR", i)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

func (t proxies) trust(addr netip.Addr) bool {
	for _, p := range t {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// client gives whose request it is that came from a peer with the lines of X-Forwarded-For, in their order. Each proxy adds
// whom it was asked by at the end, so that what stands before the last address that is nobody's we trust is anybody's
// invention: that address is the client. Where an entry is not an address, or there are too many, whoever wrote it is the
// client, as far as we can tell. It does not allocate.
func (t proxies) client(peer netip.Addr, lines [][]byte) netip.Addr {
	// A prefix contains no IPv4 in IPv6, and no zone.
	at := peer.Unmap().WithZone("")
	if !t.trust(at) {
		return at
	}
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			var entry []byte
			entry, rest, more = lastEntry(rest)
			if hops++; hops > maxHops {
				return at
			}
			if len(entry) == 0 {
				continue // RFC 9110 5.6.1.2: lists may have empty elements
			}
			addr, ok := parseHop(entry)
			if !ok {
				return at
			}
			if at = addr; !t.trust(at) {
				return at
			}
		}
	}
	return at
}

// lastEntry cuts the last entry off a list, and says whether there are others before it.
func lastEntry(list []byte) (entry, rest []byte, more bool) {
	comma := bytes.LastIndexByte(list, ',')
	if comma >= 0 {
		rest = list[:comma]
	}
	return bytes.Trim(list[comma+1:], " \t"), rest, comma >= 0
}

// longestHop is an IPv6 address with IPv4 at its end, a zone, brackets and a port.
const longestHop = 100

// parseHop reads an address as proxies write them: alone, with a port, or in brackets and maybe with a port.
func parseHop(entry []byte) (netip.Addr, bool) {
	if len(entry) > longestHop {
		return netip.Addr{}, false
	}
	host := entry
	if entry[0] == '[' {
		end := bytes.IndexByte(entry, ']')
		if end < 0 || !isPort(entry[end+1:]) {
			return netip.Addr{}, false
		}
		if host = entry[1:end]; bytes.IndexByte(host, ':') < 0 {
			return netip.Addr{}, false
		}
	} else if colon := bytes.IndexByte(entry, ':'); colon >= 0 && colon == bytes.LastIndexByte(entry, ':') {
		if !isPort(entry[colon:]) {
			return netip.Addr{}, false
		}
		host = entry[:colon]
	}
	// A zone means something on the proxy's machine only.
	if zone := bytes.IndexByte(host, '%'); zone >= 0 && bytes.IndexByte(host, ':') >= 0 {
		host = host[:zone]
	}
	// The text is not kept, but in an error, which is dropped.
	addr, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(host), len(host)))
	return addr.Unmap(), err == nil
}

// isPort says whether a text is empty, or a colon and a port.
func isPort(text []byte) bool {
	if len(text) == 0 {
		return true
	}
	if text[0] != ':' || len(text) < 2 || len(text) > 6 {
		return false
	}
	n := 0
	for _, c := range text[1:] {
		if c < '0' || c > '9' {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n <= 65535
}
