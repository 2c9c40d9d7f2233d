// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/controllers/console"
)

// The modules that touch no page are tried by themselves, in the browser that runs them.

func TestHowThingsAreWritten(t *testing.T) {
	tb := open(t, serve(t, nothing), desktop)
	cases := map[string]struct{ expression, want string }{
		"a count":                              {"f.count(1234567)", "1,234,567"},
		"a small number in short":              {"f.compact(8.44)", "8.4"},
		"a number in short":                    {"f.compact(514.4)", "514"},
		"thousands in short":                   {"f.compact(9999)", "9,999"},
		"a large number in short":              {"f.compact(1234567)", "1.23M"},
		"nothing is not a duration":            {"f.duration(0)", "null"},
		"nor is what is missing":               {"f.duration(undefined)", "null"},
		"less than a millisecond":              {"f.duration(0.416)", "0.42 ms"},
		"some milliseconds":                    {"f.duration(8)", "8.0 ms"},
		"many milliseconds":                    {"f.duration(812.4)", "812 ms"},
		"almost a second":                      {"f.duration(999.7)", "1.00 s"},
		"seconds":                              {"f.duration(12400)", "12.4 s"},
		"almost a minute":                      {"f.duration(59949)", "59.9 s"},
		"minutes":                              {"f.duration(150000)", "2 min"},
		"no money":                             {"f.money(0)", "$0.00"},
		"a fraction of a cent":                 {"f.money(0.00042)", "$0.00042"},
		"cents keep two digits":                {"f.money(0.0132)", "$0.013"},
		"dollars":                              {"f.money(31.05)", "$31.05"},
		"almost a thousand dollars":            {"f.money(999.99)", "$999.99"},
		"thousands of dollars":                 {"f.money(1893.4)", "$1,893"},
		"next to no money is not none":         {"f.money(1e-9)", "<$0.000001"},
		"money that was given back":            {"f.money(-2)", "−$2.00"},
		"a share of nothing is not known":      {"f.share(0, 0)", "null"},
		"a share that is nothing":              {"f.share(0, 40)", "0%"},
		"a tiny share is not nothing":          {"f.share(1, 100000)", "<0.1%"},
		"a small share":                        {"f.share(4, 1000)", "0.4%"},
		"a share":                              {"f.share(690, 2140)", "32%"},
		"almost all is not all":                {"f.share(99999, 100000)", "99.9%"},
		"all":                                  {"f.share(40, 40)", "100%"},
		"more than all":                        {"f.percent(1.04)", "104%"},
		"seconds of a span":                    {"f.span(12400)", "12 s"},
		"hours and minutes of a span":          {"f.span(7500000)", "2 h 5 min"},
		"many hours of a span":                 {"f.span(30 * 3600000)", "30 h"},
		"days of a span":                       {"f.span(76 * 3600000)", "3 d"},
		"now":                                  {"f.relative(1000, 1400)", "just now"},
		"what was":                             {"f.relative(0, 180000)", "3 min ago"},
		"what will be":                         {"f.relative(12000, 0)", "in 12 s"},
		"Go's zero time is none":               {`f.instant("0001-01-01T00:00:00Z")`, "null"},
		"a time that is missing":               {"f.instant(undefined)", "null"},
		"a digest":                             {`f.brief("sha256:1f9c04ab6a0f3c55")`, "1f9c04ab"},
		"one":                                  {`f.plural(1, "policy", "policies")`, "1 policy"},
		"several":                              {`f.plural(1200, "policy", "policies")`, "1,200 policies"},
		"none are several":                     {`f.plural(0, "pod")`, "0 pods"},
		"a name breaks after its slash":        {`d.name("team/alice").map((n) => n.tagName ?? n).join(" ")`, "team/ WBR alice"},
		"what a name looks like is kept":       {`d.name("<b>").join("")`, "<b>"},
		"an attribute that is false is absent": {`d.el("i", { hidden: false, title: null, lang: undefined }).outerHTML`, "<i></i>"},
		"a text is never markup":               {`d.el("i", {}, "<b>").outerHTML`, "<i>&lt;b&gt;</i>"},
		"what is null is called unknown":       {`d.known(null).textContent`, "unknown"},
		"and 0 is not":                         {`d.known(0)`, "0"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := eval[string](tb, `Promise.all([import("./format.js"), import("./dom.js")]).then(([f, d]) => String(`+tc.expression+`))`)
			if got != tc.want {
				t.Errorf("%s gives %q, not %q", tc.expression, got, tc.want)
			}
		})
	}
}

func TestWhatNeedsAttention(t *testing.T) {
	type item struct{ Level, Title, Detail string }
	tb := open(t, serve(t, nothing), desktop)
	cases := map[string]struct {
		edit func(*console.Gateway)
		want []item
	}{
		"nothing, when all is well": {func(*console.Gateway) {}, []item{}},
		"a pod that drains is as it should be": {func(g *console.Gateway) {
			g.Pods[0].Draining, g.Pods[0].Ready, g.Pods[0].Programmed = true, false, false
		}, []item{}},
		"a pod that is missing": {func(g *console.Gateway) { g.Pods = g.Pods[:1]; g.Desired = 2 },
			[]item{{"warn", "1 of 2 pods is there", "kubectl -n a get pods tells why"}}},
		"all pods are missing": {func(g *console.Gateway) { g.Pods = g.Pods[:0] },
			[]item{{"bad", "0 of 3 pods are there", "kubectl -n a get pods tells why"}}},
		"a pod that is not ready": {func(g *console.Gateway) {
			g.Pods[1].Ready = false
			g.Pods[1].Reasons = []string{"configuration: none yet"}
		},
			[]item{{"warn", "Pod g-7f9c-8rw2m is not ready", "configuration: none yet"}}},
		"what is not known comes before what is half bad": {func(g *console.Gateway) {
			g.Pods[0].Programmed = false
			g.Pods[2] = console.Pod{Name: "g-x", Silent: true, Reasons: []string{}}
		}, []item{
			{"unknown", "Pod g-x is silent", "no reason is known; its figures are not in the sums"},
			{"warn", "Pod g-7f9c-2xk4p does not run the gateway's revision", ""},
		}},
		"Stalled is bad when it is true": {func(g *console.Gateway) {
			g.Conditions[4] = condition("Stalled", "True", "Invalid", "spec.tls: no such Secret")
		},
			[]item{{"warn", "Stalled is True", "Invalid: spec.tls: no such Secret"}}},
		"failures below a twentieth are borne": {func(g *console.Gateway) { g.Providers[0].Attempts, g.Providers[0].Failures = 100, 4 }, []item{}},
		"failures of few attempts are borne":   {func(g *console.Gateway) { g.Providers[0].Attempts, g.Providers[0].Failures = 10, 9 }, []item{}},
		"many failures are not": {func(g *console.Gateway) { g.Providers[0].Attempts, g.Providers[0].Failures = 100, 5 },
			[]item{{"warn", "anthropic fails often", "5.0% of 100 attempts in the last minute"}}},
		"a breaker is told once for all pods": {func(g *console.Gateway) {
			for _, pod := range []string{"p", "q"} {
				g.Providers[0].Breakers = append(g.Providers[0].Breakers, console.Breaker{Pod: pod, Model: "m", State: "Open", Reason: "5 failures in a row"})
			}
		}, []item{{"bad", "anthropic: the breaker of m is open", "5 failures in a row, on 2 of 3 pods"}}},
		"keys that are not ready are one thing": {func(g *console.Gateway) {
			for _, key := range []string{"k", "l", "m", "n"} {
				g.Keys.NotReady = append(g.Keys.NotReady, console.Attached{Name: key, Ready: condition("Ready", "False", "Expired", "")})
			}
		}, []item{{"warn", "4 keys are not ready", "k: Expired, l: Expired, m: Expired and 1 more"}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := healthy("a", "g")
			tc.edit(&g)
			document, err := json.Marshal(g)
			tb.must(err)
			got := eval[[]item](tb, `import("./facts.js").then((f) => f.attention(`+string(document)+`).map((i) => ({ Level: i.level, Title: i.title, Detail: i.detail })))`)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFigures(t *testing.T) {
	tb := open(t, serve(t, nothing), desktop)
	cases := map[string]struct {
		edit func(*console.Gateway)
		want map[string]any
	}{
		"the minute that is not over is left out": {func(g *console.Gateway) { g.Traffic[59].Requests, g.Traffic[59].Failed = 500, 500 },
			map[string]any{"failedCount": 5.0, "failed": "0.2%", "inFlight": 40.0}},
		"without requests there is no share of them": {func(g *console.Gateway) {
			for i := range g.Traffic {
				g.Traffic[i] = console.Minute{At: g.Traffic[i].At}
			}
		}, map[string]any{"requests": 0.0, "failed": nil, "p95": nil, "hitRate": nil, "cost": 0.0}},
		"where no pod tells, nothing is known": {func(g *console.Gateway) {
			g.Traffic = g.Traffic[:0]
			for i := range g.Pods {
				g.Pods[i] = console.Pod{Name: g.Pods[i].Name, Silent: true}
			}
		}, map[string]any{"requests": nil, "perMinute": nil, "failed": nil, "cost": nil, "tokens": nil, "inFlight": nil}},
		"a silent pod's requests in flight are not counted": {func(g *console.Gateway) { g.Pods[0].Silent = true }, map[string]any{"inFlight": 26.0}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := healthy("a", "g")
			tc.edit(&g)
			document, err := json.Marshal(g)
			tb.must(err)
			got := eval[map[string]any](tb, `import("./facts.js").then((f) => f.figures(`+string(document)+`, Date.now()))`)
			for key := range got {
				if _, wanted := tc.want[key]; !wanted {
					delete(got, key)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
