// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
)

func mustProxies(t testing.TB, cidrs ...string) proxies {
	t.Helper()
	p, err := newProxies(cidrs)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func lines(texts ...string) (all [][]byte) {
	for _, s := range texts {
		all = append(all, []byte(s))
	}
	return all
}

func TestWhoseRequestItIs(t *testing.T) {
	const (
		balancer = "10.0.0.1"
		client   = "198.51.100.7"
		invented = "203.0.113.66"
	)
	tests := map[string]struct {
		peer string // the balancer where empty
		said []string
		want string
	}{
		"no proxy between":                             {peer: client, want: client},
		"a client that says it is another":             {peer: client, said: []string{invented}, want: client},
		"a client that says it is a proxy":             {peer: client, said: []string{balancer}, want: client},
		"a proxy that says nothing":                    {want: balancer},
		"a proxy that says something empty":            {said: []string{""}, want: balancer},
		"a proxy":                                      {said: []string{client}, want: client},
		"a proxy, and a client that invents":           {said: []string{invented + ", " + client}, want: client},
		"a proxy, and a client that invents in a line": {said: []string{invented, client}, want: client},
		"a client that invents a proxy":                {said: []string{invented + ", 10.9.9.9, " + client}, want: client},
		"two proxies":                                  {said: []string{client + ", 10.0.0.2"}, want: client},
		"two proxies, each with a line":                {said: []string{client, "10.0.0.2"}, want: client},
		"two proxies, and a client that invents":       {said: []string{invented + "," + client + " ,\t10.0.0.2"}, want: client},
		"a client that is a proxy too":                 {said: []string{"10.0.0.3, 10.0.0.2"}, want: "10.0.0.3"},
		"IPv6":                                         {said: []string{"2001:db8::1"}, want: "2001:db8::1"},
		"an IPv6 proxy":                                {peer: "fd00::1", said: []string{client}, want: client},
		"an IPv6 proxy with a zone":                    {peer: "fd00::1%eth0", said: []string{client}, want: client},
		"an IPv6 peer that is nobody's proxy":          {peer: "fe80::1%eth0", said: []string{client}, want: "fe80::1"},
		"a proxy as IPv4 in IPv6":                      {peer: "::ffff:10.0.0.1", said: []string{"::ffff:" + client + ", ::ffff:10.0.0.2"}, want: client},
		"IPv4 with a port":                             {said: []string{client + ":5544"}, want: client},
		"IPv6 with a port":                             {said: []string{"[2001:db8::1]:443"}, want: "2001:db8::1"},
		"IPv6 in brackets":                             {said: []string{"[2001:db8::1]"}, want: "2001:db8::1"},
		"IPv6 with a zone":                             {said: []string{"fe80::7%eth0"}, want: "fe80::7"},
		"IPv6 with a zone and a port":                  {said: []string{"[fe80::7%25eth0]:1"}, want: "fe80::7"},
		"a proxy with a port":                          {said: []string{client + ", 10.0.0.2:80"}, want: client},
		"empty entries":                                {said: []string{invented + ",," + client + ", ,", ""}, want: client},
		"a name":                                       {said: []string{client + ", proxy.example.com"}, want: balancer},
		"unknown":                                      {said: []string{client + ", unknown, 10.0.0.2"}, want: "10.0.0.2"},
		"an identifier of RFC 7239":                    {said: []string{client + ", _hidden"}, want: balancer},
		"in quotes":                                    {said: []string{`"` + client + `"`}, want: balancer},
		"two addresses without a comma":                {said: []string{client + " " + invented}, want: balancer},
		"four numbers and a half":                      {said: []string{"198.51.100.7.5"}, want: balancer},
		"a number with a leading zero":                 {said: []string{"198.51.100.07"}, want: balancer},
		"an address in brackets that is IPv4":          {said: []string{"[198.51.100.7]"}, want: balancer},
		"a bracket that is not closed":                 {said: []string{"[2001:db8::1"}, want: balancer},
		"something behind the bracket":                 {said: []string{"[2001:db8::1]x"}, want: balancer},
		"a port that is none":                          {said: []string{client + ":x"}, want: balancer},
		"a port that is too large":                     {said: []string{client + ":65536"}, want: balancer},
		"a colon without a port":                       {said: []string{client + ":"}, want: balancer},
		"IPv4 with a zone":                             {said: []string{client + "%eth0"}, want: balancer},
		"a control character":                          {said: []string{client + "\x00"}, want: balancer},
		"an entry without end":                         {said: []string{strings.Repeat("1", 10_000)}, want: balancer},
		"as many proxies as there may be":              {said: []string{client + strings.Repeat(",10.0.0.2", maxHops-1)}, want: client},
		"more":                                         {said: []string{client + strings.Repeat(",10.0.0.2", maxHops)}, want: "10.0.0.2"},
		"nothing, without end":                         {said: []string{client + strings.Repeat(",", 100_000)}, want: balancer},
	}
	trusted := mustProxies(t, "10.0.0.0/8", "fd00::/8")
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			peer := balancer
			if tc.peer != "" {
				peer = tc.peer
			}
			if got := trusted.client(netip.MustParseAddr(peer), lines(tc.said...)); got != netip.MustParseAddr(tc.want) {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestWithoutTrustedProxiesTheHeaderSaysNothing(t *testing.T) {
	for _, peer := range []string{"10.0.0.1", "::1", "::ffff:127.0.0.1"} {
		want := netip.MustParseAddr(peer).Unmap()
		if got := proxies(nil).client(netip.MustParseAddr(peer), lines("198.51.100.7")); got != want {
			t.Errorf("%s is %s", peer, got)
		}
	}
	// A connection without an address, as over a Unix socket, is in no prefix, not even in all.
	if got := mustProxies(t, "0.0.0.0/0", "::/0").client(netip.Addr{}, lines("198.51.100.7")); got.IsValid() {
		t.Errorf("nobody is %s", got)
	}
}

func TestProxiesThatAreNone(t *testing.T) {
	for _, cidr := range []string{"", "10.0.0.1", "10.0.0.0/33", "x/8"} {
		if p, err := newProxies([]string{"10.0.0.0/8", cidr}); err == nil || !strings.Contains(err.Error(), "trustedProxies[1]") {
			t.Errorf("%q: %v, %v", cidr, p, err)
		}
	}
}

func TestWhoseRequestItIsDoesNotAllocate(t *testing.T) {
	trusted, peer := mustProxies(t, "10.0.0.0/8"), netip.MustParseAddr("10.0.0.1")
	said := lines("203.0.113.66, 198.51.100.7:1234", "10.0.0.3, [::ffff:10.0.0.2]:80")
	want := netip.MustParseAddr("198.51.100.7")
	n := testing.AllocsPerRun(100, func() {
		if trusted.client(peer, said) != want {
			t.Error("another")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzForwardedFor: whatever stands before the address that a proxy of ours wrote, that address is the client; and what the
// header alone says is an address without a zone, or the peer.
func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{
		"", "1.2.3.4", ",", "[::1]:80, 10.0.0.1", "10.0.0.1,10.0.0.2", "fe80::1%a", "[", "]", "[]", ":", "1:2", "%", "[::%]:1", "\x00,\xff",
	} {
		f.Add([]byte(seed))
	}
	trusted, peer := mustProxies(f, "10.0.0.0/8"), netip.MustParseAddr("10.0.0.1")
	written := netip.MustParseAddr("198.51.100.7")
	f.Fuzz(func(t *testing.T, invented []byte) {
		before := bytes.Clone(invented)
		for name, said := range map[string][][]byte{
			"in one line": {append(bytes.Clone(invented), ",198.51.100.7"...)},
			"in two":      {invented, []byte("198.51.100.7, 10.0.0.2")},
		} {
			if got := trusted.client(peer, said); got != written {
				t.Errorf("%s, %q makes the client %s", name, invented, got)
			}
		}
		got := trusted.client(peer, [][]byte{invented})
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Errorf("%q is %s", invented, got)
		}
		if !bytes.Equal(before, invented) {
			t.Error("it was changed")
		}
	})
}

func BenchmarkWhoseRequestItIs(b *testing.B) {
	trusted, peer := mustProxies(b, "10.0.0.0/8", "fd00::/8"), netip.MustParseAddr("10.0.0.1")
	said := lines("203.0.113.66, 198.51.100.7", "10.0.0.2")
	b.ReportAllocs()
	for b.Loop() {
		trusted.client(peer, said)
	}
}
