// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func prefixes(texts ...string) []netip.Prefix {
	all := []netip.Prefix{}
	for _, s := range texts {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

func TestAllowed(t *testing.T) {
	tests := map[string]struct {
		from *config.Allow
		want *exchange.Allowed
	}{
		"nothing said":        {},
		"nothing but lists":   {from: &config.Allow{}},
		"models":              {&config.Allow{Models: []string{"a", "b*"}}, &exchange.Allowed{Models: []string{"a", "b*"}}},
		"networks":            {&config.Allow{CIDRs: []string{"10.0.0.0/8", "fd00::/8"}}, &exchange.Allowed{Prefixes: prefixes("10.0.0.0/8", "fd00::/8")}},
		"a network's address": {&config.Allow{CIDRs: []string{"10.1.2.3/8"}}, &exchange.Allowed{Prefixes: prefixes("10.0.0.0/8")}},
		"no network at all":   {&config.Allow{CIDRs: []string{"x"}}, &exchange.Allowed{Prefixes: prefixes()}},
		"an endpoint": {&config.Allow{Endpoints: []config.Endpoint{config.EndpointRerank}}, &exchange.Allowed{
			Operations: always | 1<<exchange.Rerank,
		}},
		"an endpoint of another version": {&config.Allow{Endpoints: []config.Endpoint{"Video"}}, &exchange.Allowed{Operations: always}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := Allowed(tc.from)
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
				t.Error(diff)
			}
			if tc.want != nil && got != nil && (tc.want.Prefixes == nil) != (got.Prefixes == nil) {
				t.Error("a list of networks of which none is known allows all")
			}
		})
	}
}

// Every operation that a client may ask a provider for is of one endpoint, so that none escapes a list of them.
func TestEachOperationIsOfOneEndpoint(t *testing.T) {
	of := map[exchange.Operation][]config.Endpoint{}
	for _, e := range config.Endpoints {
		if len(operations[e]) == 0 {
			t.Errorf("%s allows nothing", e)
		}
		for _, op := range operations[e] {
			of[op] = append(of[op], e)
		}
	}
	for op := range exchange.Operations {
		want := 1
		if always>>op&1 == 1 {
			want = 0
		}
		if len(of[op]) != want {
			t.Errorf("%q is of %v", op, of[op])
		}
	}
	if len(operations) != len(config.Endpoints) || exchange.Operations > 64 {
		t.Errorf("%d endpoints, %d operations", len(operations), exchange.Operations)
	}
}

func TestPermit(t *testing.T) {
	chat := &config.Allow{Endpoints: []config.Endpoint{config.EndpointChat}}
	office := &config.Allow{CIDRs: []string{"10.0.0.0/8", "2001:db8::/32"}}
	tests := map[string]struct {
		allow *config.Allow
		op    exchange.Operation
		ip    string // "" is no address
		want  exchange.Reason
	}{
		"everything is allowed":                     {op: exchange.Batches, ip: "192.0.2.1"},
		"everything, even without an address":       {op: exchange.Batches},
		"an endpoint of the list":                   {allow: chat, op: exchange.Chat, ip: "192.0.2.1"},
		"what belongs to it":                        {allow: chat, op: exchange.CountTokens, ip: "192.0.2.1"},
		"another endpoint":                          {allow: chat, op: exchange.Embeddings, ip: "192.0.2.1", want: exchange.ReasonEndpointNotAllowed},
		"a list of models is always allowed":        {allow: chat, op: exchange.ListModels},
		"the gateway's own endpoints are":           {allow: chat, op: exchange.NoOperation},
		"an address of the network":                 {allow: office, op: exchange.Chat, ip: "10.200.0.1"},
		"an address of another":                     {allow: office, op: exchange.Chat, ip: "11.0.0.1", want: exchange.ReasonAddressNotAllowed},
		"IPv4 in IPv6":                              {allow: office, op: exchange.Chat, ip: "::ffff:10.0.0.1"},
		"IPv6":                                      {allow: office, op: exchange.Chat, ip: "2001:db8::1"},
		"IPv6 with a zone":                          {allow: office, op: exchange.Chat, ip: "2001:db8::1%eth0"},
		"another IPv6":                              {allow: office, op: exchange.Chat, ip: "2001:db9::1", want: exchange.ReasonAddressNotAllowed},
		"no address":                                {allow: office, op: exchange.Chat, want: exchange.ReasonAddressNotAllowed},
		"even a list of models is not for everyone": {allow: office, op: exchange.ListModels, ip: "11.0.0.1", want: exchange.ReasonAddressNotAllowed},
		"a network that nobody understands":         {allow: &config.Allow{CIDRs: []string{"x"}}, ip: "10.0.0.1", want: exchange.ReasonAddressNotAllowed},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var ip netip.Addr
			if tc.ip != "" {
				ip = netip.MustParseAddr(tc.ip)
			}
			err := Permit(&exchange.Principal{Allow: Allowed(tc.allow)}, tc.op, ip)
			if tc.want == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
			} else if err == nil || err.Reason != tc.want || err.Status != 403 || err.Code != string(tc.want) || err.Outcome != exchange.Refused {
				t.Errorf("got %+v", err)
			}
		})
	}
}

func TestModelsThatMayBeUsed(t *testing.T) {
	some := &config.Allow{Models: []string{"claude-*", "gpt-4o"}}
	for name, tc := range map[string]struct {
		allow *config.Allow
		model string
		want  bool
	}{
		"all":                       {nil, "m", true},
		"all, where others are not": {&config.Allow{CIDRs: []string{"10.0.0.0/8"}}, "m", true},
		"a name":                    {some, "gpt-4o", true},
		"a longer name":             {some, "gpt-4o-mini", false},
		"a pattern":                 {some, "claude-sonnet", true},
		"another":                   {some, "o1", false},
		"another case":              {some, "GPT-4o", false},
		"with a provider":           {some, "openai/gpt-4o", false},
		"no name":                   {some, "", false},
		"the longest name":          {some, "claude-" + strings.Repeat("x", maxModelBytes-7), true},
		"a longer one":              {some, "claude-" + strings.Repeat("x", maxModelBytes-6), false},
	} {
		p := &exchange.Principal{Allow: Allowed(tc.allow)}
		if got := MayUse(p, tc.model); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
		err := PermitModel(p, []byte(tc.model))
		if (err == nil) != tc.want {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (err.Status != 404 || err.Code != "model_not_found" || err.Reason != exchange.ReasonModelNotAllowed) {
			t.Errorf("%s: told %+v", name, err)
		}
	}
}

func TestToPermitDoesNotAllocate(t *testing.T) {
	p := &exchange.Principal{Allow: Allowed(&config.Allow{
		Models: []string{"claude-*", "*-mini"}, CIDRs: []string{"10.0.0.0/8", "fd00::/8"}, Endpoints: config.Endpoints,
	})}
	ip, model := netip.MustParseAddr("fd00::1"), []byte("a-model-with-a-name-that-is-quite-long-for-a-mini")
	n := testing.AllocsPerRun(100, func() {
		if Permit(p, exchange.Chat, ip) != nil || PermitModel(p, model) != nil || PermitModel(p, model[1:10]) == nil {
			t.Error("refused, or not")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAnonymous(t *testing.T) {
	if Anonymous(nil) != nil {
		t.Error("let in though nobody said so")
	}
	v := Anonymous(&config.Anonymous{Allow: &config.Allow{Models: []string{"free"}}})
	address := netip.MustParseAddr("192.0.2.7")
	want := &exchange.Principal{
		Kind: exchange.ByAddress, ID: "192.0.2.7", Allow: &exchange.Allowed{Models: []string{"free"}}, Index: -1,
	}
	got := v.Principal(address)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Holder() != "ip/192.0.2.7" {
		t.Errorf("holds as %s", got.Holder())
	}
	if n := testing.AllocsPerRun(100, func() { v.Principal(address) }); n != 0 || v.Principal(address) != got {
		t.Errorf("made again: %v allocations", n)
	}
	// More addresses than are remembered: each still is itself.
	for i := range 5000 {
		a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		if p := v.Principal(a); p.ID != a.String() {
			t.Fatalf("%s is %s", a, p.ID)
		}
	}
	if p := v.Principal(netip.Addr{}); p.ID != "invalid IP" {
		t.Errorf("no address is %+v", p)
	}
}
