// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestPrincipal(t *testing.T) {
	labelled := func(labels ...string) func(*config.Issuer) {
		return func(is *config.Issuer) {
			for i := 0; i < len(labels); i += 2 {
				is.Labels = append(is.Labels, config.ClaimLabel{Label: labels[i], Claim: labels[i+1]})
			}
		}
	}
	user := func(claim string) func(*config.Issuer) { return func(is *config.Issuer) { is.UserClaim = claim } }
	many := func(n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprint("g", i))
		}
		return all
	}
	type labels = map[string][]string
	tests := map[string]struct {
		settings   func(*config.Issuer)
		claims     claims
		wantUser   string // "alice" where empty
		wantTeam   string
		wantLabels labels
		wantErr    string
	}{
		"the subject":                   {settings: user("sub")},
		"another claim":                 {settings: user("email"), claims: claims{"email": "a@example.com"}, wantUser: "a@example.com"},
		"a number":                      {settings: user("uid"), claims: claims{"uid": json.RawMessage("12345678901234567890")}, wantUser: "12345678901234567890"},
		"a claim within claims":         {settings: user("a.b.c"), claims: claims{"a": claims{"b": claims{"c": "u"}}}, wantUser: "u"},
		"a claim with dots in its name": {settings: user("https://x.example/user"), claims: claims{"https://x.example/user": "u"}, wantUser: "u"},
		"the whole name before a path":  {settings: user("a.b"), claims: claims{"a.b": "whole", "a": claims{"b": "path"}}, wantUser: "whole"},
		"no such claim":                 {settings: user("email"), wantErr: "user"},
		"a path into a text":            {settings: user("sub.x"), wantErr: "user"},
		"a path into nothing":           {settings: user("a.b.c"), claims: claims{"a": claims{}}, wantErr: "user"},
		"an empty user":                 {settings: user("email"), claims: claims{"email": ""}, wantErr: "user"},
		"a user that is an object":      {settings: user("email"), claims: claims{"email": claims{}}, wantErr: "user"},
		"a user that is several":        {settings: user("email"), claims: claims{"email": []string{"a", "b"}}, wantErr: "user"},
		"a user with a control code":    {settings: user("email"), claims: claims{"email": "a\x1b[2J"}, wantErr: "user"},
		"a user that is too long":       {settings: user("email"), claims: claims{"email": strings.Repeat("x", maxText+1)}, wantErr: "user"},
		"labels of each kind": {
			settings: labelled("b", "bool", "n", "number", "s", "text", "t", "list", "team", "groups"),
			claims: claims{
				"bool": true, "number": 7.5, "text": "x", "list": []any{"a", 1, false, nil, claims{}, []int{2}}, "groups": []string{"search", "ads"},
			},
			wantTeam:   "search",
			wantLabels: labels{"b": {"true"}, "n": {"7.5"}, "s": {"x"}, "t": {"a", "1", "false"}, "team": {"search", "ads"}},
		},
		"labels of claims that are not there": {
			settings: labelled("a", "x", "b", "y", "c", "z"), claims: claims{"y": nil, "x": []string{}, "z": claims{"w": 1}},
		},
		"a label of a path":            {settings: labelled("team", "realm.roles"), claims: claims{"realm": claims{"roles": []string{"r"}}}, wantTeam: "r", wantLabels: labels{"team": {"r"}}},
		"as many values as fit":        {settings: labelled("g", "groups"), claims: claims{"groups": many(maxValues)}, wantLabels: labels{"g": many(maxValues)}},
		"one value more":               {settings: labelled("g", "groups"), claims: claims{"groups": many(maxValues + 1)}, wantErr: "more or longer"},
		"as many over several labels":  {settings: labelled("g", "x", "h", "y"), claims: claims{"x": many(maxValues - 1), "y": many(2)}, wantErr: "more or longer"},
		"one long value among others":  {settings: labelled("g", "groups"), claims: claims{"groups": []string{"a", strings.Repeat("x", maxText+1)}}, wantErr: "more or longer"},
		"one value with a line break":  {settings: labelled("g", "groups"), claims: claims{"groups": []string{"a", "b\u2028"}}, wantErr: "more or longer"},
		"many claims that nobody uses": {claims: claims{"groups": many(800)}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				allowed := &exchange.Allowed{Models: []string{"m"}}
				b := NewBook(Options{Transport: newProvider(publicKey("k", ecKey())), Allowed: func(*config.Allow) *exchange.Allowed { return allowed }})
				defer b.Close()
				is := settings()
				if tc.settings != nil {
					tc.settings(&is)
				}
				v, raw := b.Use([]config.Issuer{is}), byEC(good(tc.claims))
				if tc.wantErr != "" {
					wantRefused(t, v, raw, tc.wantErr)
					return
				}
				want := &exchange.Principal{
					Kind: exchange.ByToken, ID: "kH0iuny5hd-oocMrPzfEbg", User: "alice", Team: tc.wantTeam, Labels: tc.wantLabels,
					Allow: allowed, Index: -1,
				}
				if tc.wantUser != "" {
					want.User = tc.wantUser
				}
				got := wantAccepted(t, v, raw)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestIdentitiesDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, pair := range [][2]string{{"https://a", "b"}, {"https://a", "c"}, {"https://ab", ""}, {"https://", "ab"}, {"https://b", "b"}} {
		id := identity(pair[0], pair[1])
		if other, ok := seen[id]; ok || len(id) != 22 {
			t.Errorf("%q and %q are both %q", pair, other, id)
		}
		seen[id] = strings.Join(pair[:], " ")
	}
}

func TestTheSecondRequestIsNotVerified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, v := book(t, newProvider(publicKey("k", ecKey())), settings())
		raw := byEC(good(claims{"exp": time.Now().Add(time.Hour).Unix()}))
		first := wantAccepted(t, v, raw)
		if n := testing.AllocsPerRun(100, func() { _, _ = v.Verify(t.Context(), raw) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
		if wantAccepted(t, v, raw) != first {
			t.Error("it is another principal")
		}
		time.Sleep(time.Hour + 59*time.Second)
		wantAccepted(t, v, raw)
		time.Sleep(time.Second)
		wantRefused(t, v, raw, "token_expired")
	})
}

func TestSeenForgetsWhatIsNotUsed(t *testing.T) {
	var s seen
	digest := func(i int) (d [32]byte) {
		d[0], d[1], d[2], d[3] = byte(i), byte(i>>8), byte(i>>16), byte(i>>24)
		return d
	}
	tokens := make([]*accepted, 4*seenTokens)
	for i := range tokens {
		tokens[i] = &accepted{}
		s.put(digest(i), tokens[i])
		if s.get(digest(0)) != tokens[0] {
			t.Fatalf("the one that is always used was forgotten after %d", i)
		}
	}
	held := 0
	for i, want := range tokens {
		if got := s.get(digest(i)); got != nil {
			held++
			if got != want {
				t.Fatalf("%d is another", i)
			}
		}
	}
	if held != seenTokens {
		t.Errorf("%d are held", held)
	}
	for i := range s.shards {
		if n := len(s.shards[i].at); n != seenTokens/seenShards || len(s.shards[i].slots) != n {
			t.Errorf("shard %d holds %d", i, n)
		}
	}
	replaced := &accepted{}
	s.put(digest(0), replaced)
	if s.get(digest(0)) != replaced {
		t.Error("not replaced")
	}
}

func BenchmarkVerify(b *testing.B) {
	for name, algorithm := range map[string]string{"ECDSA": "ES256", "RSA": "RS256"} {
		_, v := book(b, newProvider(publicKey("ES256", ecKey()), publicKey("RS256", rsaKey())), settings())
		private := ecKey()
		if algorithm == "RS256" {
			private = rsaKey()
		}
		raw := sign(algorithm, private, algorithm, good(nil), nil)
		b.Run(name+", again", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = v.Verify(b.Context(), raw)
			}
		})
		b.Run(name+", for the first time", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v.book.seen = seen{}
				_, _ = v.Verify(b.Context(), raw)
			}
		})
	}
}
