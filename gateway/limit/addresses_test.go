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
)

func address4(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(i)+0x0a000000)
	return netip.AddrFrom4(b)
}

func limitsOf(limits ...config.RequestLimit) (all []Limit) {
	for _, l := range limits {
		all = append(all, NewLimit(l))
	}
	return all
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

func TestEachAddressHasItsOwnBuckets(t *testing.T) {
	a, limits := NewAddresses(0), limitsOf(request(2, 2, time.Minute))
	for i := range 3 {
		for j := range 3 {
			if d := a.Take(address4(i), limits, start); d.Refused != (j == 2) {
				t.Errorf("address %d, request %d: %+v", i, j, d)
			}
		}
	}
	if a.Len() != 3 {
		t.Errorf("%d addresses", a.Len())
	}
}

func TestSeveralLimitsOfAnAddressAreTakenTogether(t *testing.T) {
	a, limits := NewAddresses(0), limitsOf(request(1, 1, time.Second), request(2, 2, time.Hour))
	addr := address4(1)
	if a.Take(addr, limits, start).Refused {
		t.Fatal("refused")
	}
	for range 5 {
		if d := a.Take(addr, limits, start); !d.Refused || d.RetryAfter != time.Second {
			t.Errorf("%+v", d)
		}
	}
	if d := a.Take(addr, limits, start+int64(time.Second)); d.Refused || d.Limit != 1 && d.Limit != 2 {
		t.Errorf("%+v: refused requests were taken from the long limit", d)
	}
}

func TestNoLimitsAndNoAddressPass(t *testing.T) {
	a := NewAddresses(0)
	if d := a.Take(address4(1), nil, start); d.Limited || a.Len() != 0 {
		t.Errorf("%+v, %d addresses", d, a.Len())
	}
	if d := a.Take(netip.Addr{}, limitsOf(request(1, 1, time.Hour)), start); d.Limited {
		t.Errorf("%+v", d)
	}
}

func TestAFloodOfAddressesIsBoundedAndSharesOneBucket(t *testing.T) {
	const bound = 640
	a, limits := NewAddresses(bound), limitsOf(request(3, 3, time.Hour))
	known := address4(1)
	for range 3 {
		a.Take(known, limits, start)
	}
	refused := 0
	for i := range 20 * bound {
		if a.Take(address4(i+10), limits, start).Refused {
			refused++
		}
	}
	if a.Len() > bound {
		t.Errorf("%d addresses of at most %d", a.Len(), bound)
	}
	if least := 19*bound - 3*addressShards; refused < least {
		t.Errorf("%d of the flood refused, want at least %d", refused, least)
	}
	if d := a.Take(known, limits, start); !d.Refused {
		t.Error("the flood made the gateway forget an address that was limited")
	}
}

func TestExpiredAddressesMakeRoom(t *testing.T) {
	const bound = 64
	a, limits := NewAddresses(bound), limitsOf(request(3, 3, time.Minute))
	for i := range 10 * bound {
		a.Take(address4(i), limits, start)
	}
	later := start + int64(time.Hour)
	for i := range 3 {
		addr := address4(1_000_000 + i)
		for range 3 {
			if a.Take(addr, limits, later).Refused {
				t.Fatal("a new address is refused although all others have expired")
			}
		}
	}
}

func TestQuietAddressesAreForgottenWithTime(t *testing.T) {
	a, limits := NewAddresses(0), limitsOf(request(60, 1, time.Minute))
	now := start
	for i := range 20_000 {
		a.Take(address4(i), limits, now)
		now += int64(10 * time.Millisecond)
	}
	// A second's worth of addresses is in use at a time: a hundred.
	if n := a.Len(); n > 2000 {
		t.Errorf("%d addresses remembered", n)
	}
}

func TestAddressesAreSafeForConcurrentUse(t *testing.T) {
	a, limits := NewAddresses(0), limitsOf(request(1, 100, time.Hour))
	var allowed atomic.Int64
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 50 {
				if !a.Take(address4(1), limits, start).Refused {
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
	a, limits := NewAddresses(0), limitsOf(request(1e9, 1e9, time.Minute))
	addr := Block(netip.MustParseAddr("2001:db8::1"))
	a.Take(addr, limits, start)
	if n := testing.AllocsPerRun(100, func() { a.Take(addr, limits, start) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAddressesTake(b *testing.B) {
	a, limits := NewAddresses(0), limitsOf(request(1e9, 1e9, time.Minute))
	b.ReportAllocs()
	for b.Loop() {
		a.Take(address4(1), limits, start)
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
