// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func address4(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(i)+0x0a000000)
	return netip.AddrFrom4(b)
}

// door limits addresses.
type door struct {
	book  *Book
	rules *Rules
}

func newDoor(most int, l *config.Limits) door {
	return door{NewBook(Options{MaxTransient: most}), NewRules(exchange.ScopeIP, l, nil)}
}

func (d door) knock(addr netip.Addr, now int64) exchange.Decision {
	return Parts{{d.book.Address(addr, now), d.rules}}.try(now)
}

func TestBlock(t *testing.T) {
	tests := map[string]struct{ addr, want string }{
		"IPv4 by itself":                       {"192.0.2.7", "192.0.2.7"},
		"IPv4 in IPv6 as IPv4":                 {"::ffff:192.0.2.7", "192.0.2.7"},
		"IPv6 by its /64":                      {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		"another of the same /64":              {"2001:db8:1:2:ffff::1", "2001:db8:1:2::"},
		"another /64":                          {"2001:db8:1:3::1", "2001:db8:1:3::"},
		"a zone does not make another address": {"fe80::1%eth0", "fe80::"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Block(netip.MustParseAddr(tc.addr)); got.String() != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
	if Block(netip.Addr{}).IsValid() {
		t.Error("no address became one")
	}
}

func TestEachAddressIsItsOwnHolder(t *testing.T) {
	d := newDoor(0, requests(request(2, 2, time.Minute)))
	for i := range 3 {
		for j := range 3 {
			if got := d.knock(address4(i), start); (got.Refused != nil) != (j == 2) {
				t.Errorf("address %d, request %d: %+v", i, j, got)
			}
		}
	}
	if d.book.addresses() != 3 || d.book.Address(address4(1), start).Name() != "ip/10.0.0.1" {
		t.Errorf("%d addresses, one is %s", d.book.addresses(), d.book.Address(address4(1), start).Name())
	}
	if h := d.book.Address(netip.Addr{}, start); h != nil {
		t.Errorf("no address is %s", h.Name())
	}
}

func TestAFloodOfAddressesIsBoundedAndSharesOneBucket(t *testing.T) {
	const bound = 640
	d := newDoor(bound, requests(request(3, 3, time.Hour)))
	known := address4(1)
	for range 3 {
		d.knock(known, start)
	}
	refused := 0
	for i := range 20 * bound {
		if d.knock(address4(i+10), start).Refused != nil {
			refused++
		}
	}
	if d.book.addresses() > bound {
		t.Errorf("%d addresses of at most %d", d.book.addresses(), bound)
	}
	if least := 19*bound - 3*clientShards; refused < least {
		t.Errorf("%d of the flood refused, want at least %d", refused, least)
	}
	if d.knock(known, start).Refused == nil {
		t.Error("the flood made the gateway forget an address that was limited")
	}
}

func TestIdleAddressesMakeRoom(t *testing.T) {
	const bound = 64
	d := newDoor(bound, requests(request(3, 3, time.Minute)))
	for i := range 10 * bound {
		d.knock(address4(i), start)
	}
	later := start + int64(time.Hour)
	for i := range 3 {
		addr := address4(1_000_000 + i)
		for range 3 {
			if d.knock(addr, later).Refused != nil {
				t.Fatal("a new address is refused although all others are idle")
			}
		}
	}
}

func TestAddressesWithRequestsUnderWayAreKept(t *testing.T) {
	d := newDoor(64, slots(1))
	addr := address4(1)
	mustBegin(t, start, Parts{{d.book.Address(addr, start), d.rules}}, exchange.Use{})
	for i := range 1000 {
		d.knock(address4(i+10), start+int64(time.Hour))
	}
	if d.knock(addr, start+int64(time.Hour)).Refused == nil {
		t.Error("a slot in use was forgotten")
	}
}

func TestQuietAddressesAreForgottenWithTime(t *testing.T) {
	d := newDoor(0, requests(request(60, 1, time.Minute)))
	now := start
	for i := range 20_000 {
		d.knock(address4(i), now)
		now += int64(10 * time.Millisecond)
	}
	// A second's worth of addresses is in use at a time: a hundred.
	if n := d.book.addresses(); n > 2000 {
		t.Errorf("%d addresses remembered", n)
	}
}

func TestAddressesAreSafeForConcurrentUse(t *testing.T) {
	d := newDoor(0, requests(request(1, 100, time.Hour)))
	var allowed atomic.Int64
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 50 {
				if d.knock(address4(1), start).Refused == nil {
					allowed.Add(1)
				}
			}
		})
	}
	wait.Wait()
	if allowed.Load() != 100 {
		t.Errorf("%d allowed of 100", allowed.Load())
	}
}

func TestAKnownAddressDoesNotAllocate(t *testing.T) {
	d := newDoor(0, requests(request(1e9, 1e9, time.Minute)))
	addr := Block(netip.MustParseAddr("2001:db8::1"))
	d.knock(addr, start)
	if n := testing.AllocsPerRun(100, func() { d.book.Address(addr, start) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAppendReset(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0ms", time.Nanosecond: "1ms", 20 * time.Millisecond: "20ms", 999 * time.Millisecond: "999ms", time.Second: "1s",
		1500 * time.Millisecond: "1.5s", 1050 * time.Millisecond: "1.05s", 1001 * time.Millisecond: "1.001s",
		59 * time.Second: "59s", time.Minute: "1m0s", 6 * time.Minute: "6m0s", 90*time.Minute + 1500*time.Millisecond: "90m1.5s",
		-time.Second: "0ms",
	} {
		if got := string(AppendReset(nil, d)); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

func TestRetryAfterSeconds(t *testing.T) {
	for d, want := range map[time.Duration]int64{
		0: 1, time.Millisecond: 1, time.Second: 1, 1001 * time.Millisecond: 2, time.Hour: 3600,
	} {
		if got := RetryAfterSeconds(d); got != want {
			t.Errorf("%s: %d, want %d", d, got, want)
		}
	}
}
