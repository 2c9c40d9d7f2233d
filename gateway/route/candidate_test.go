// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// tell gives candidates as "by name ID (fields) lacks", one a line.
func tell(all []Candidate) (lines []string) {
	for _, c := range all {
		line := string(c.By)
		for _, part := range []string{c.Name, c.Route.ID, c.Upstream} {
			if part != "" {
				line += " " + part
			}
		}
		if len(c.Fields) > 0 {
			line += " (" + strings.Join(c.Fields, ", ") + ")"
		}
		if c.Lacks != "" {
			line += " lacks " + c.Lacks
		}
		lines = append(lines, line)
	}
	return lines
}

func TestCandidates(t *testing.T) {
	core := config.Core{
		Providers: []config.Provider{open("o"), closed("a")},
		Models:    append(model("a", "x", "x-up"), model("a", "o/z", "z-up")...),
		Routes: []config.Route{
			sends("plain", "a/x", "x", "o/z"), with(sends("gold", "a/x", "x"), "X-Tier: gold", "X-Zone: eu"),
			with(sends("beta", "a/x", "x*"), "X-Beta: 1"), sends("any", "a/x", "*"),
		},
	}
	tests := map[string]struct {
		ask    string
		header header
		want   []string
	}{
		"the one that asks for more stands first, and says what it lacks": {
			ask: "x", header: header{"X-Tier": "gold", "X-Zone": "us"},
			want: []string{
				"name x ns/gold (X-Tier: gold, X-Zone: eu) lacks X-Zone: eu", "name x ns/plain",
				"pattern x* ns/beta (X-Beta: 1) lacks X-Beta: 1", "pattern * ns/any", "model", "only provider x",
			},
		},
		"without a header the first field is what lacks": {
			ask: "x1", want: []string{"pattern x* ns/beta (X-Beta: 1) lacks X-Beta: 1", "pattern * ns/any", "only provider x1"},
		},
		"all fields are there": {
			ask: "x1", header: header{"X-Beta": "1"}, want: []string{"pattern x* ns/beta (X-Beta: 1)", "pattern * ns/any", "only provider x1"},
		},
		"a qualified name":              {ask: "a/x", want: []string{"provider/model", "pattern * ns/any", "only provider a/x"}},
		"a provider that declares none": {ask: "o/z", want: []string{"name o/z ns/plain", "provider z", "pattern * ns/any", "model", "only provider o/z"}},
		"a name too long to look for":   {ask: strings.Repeat("x", maxName+1)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var fields Fields
			if tc.header != nil {
				fields = tc.header
			}
			if diff := cmp.Diff(tc.want, tell(mustTable(t, core).Candidates([]byte(tc.ask), fields))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheFirstCandidateThatLacksNothingIsFound(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	found, passed := 0, 0
	for range 2000 {
		core := config.Core{Providers: []config.Provider{closed("a")}, Models: model("a", pick("x", "y"), "up")}
		if random.IntN(2) == 0 {
			core.Providers = append(core.Providers, open("o"))
		}
		for i := range random.IntN(6) {
			r := sends("r"+strconv.Itoa(i), "a/t", pick("x", "y", "x*", "*", "a/x", "*y"))
			if random.IntN(2) == 0 {
				r = with(r, "X-A: "+pick("1", "2"))
			}
			core.Routes = append(core.Routes, r)
		}
		table, ask, fields := mustTable(t, core), []byte(pick("x", "y", "xy", "a/x", "o/x", "none")), header{"X-A": pick("", "1", "2")}
		all := table.Candidates(ask, fields)
		first := slices.IndexFunc(all, func(c Candidate) bool { return c.Lacks == "" })
		match, err := table.Find(ask, fields)
		if (err != nil) != (first < 0) {
			t.Fatalf("%s of %+v: %v, but %q", ask, core.Routes, err, tell(all))
		}
		if first >= 0 && all[first].Match != match {
			t.Fatalf("%s of %+v: found %q, but %q", ask, core.Routes, describe(match), tell(all))
		}
		if first >= 0 {
			found++
		}
		passed += max(first, 0)
	}
	if found < 500 || passed < 100 {
		t.Errorf("only %d were found and %d passed over", found, passed)
	}
}
