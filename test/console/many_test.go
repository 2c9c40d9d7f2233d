// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sparkgateway/spark/controllers/console"
	"github.com/sparkgateway/spark/gateway/config"
)

// brief are many gateways of which little is said; the pods of the last ones were not asked.
func brief() console.Overview {
	o := many(11)
	for i := range o.Gateways {
		g := &o.Gateways[i]
		g.Brief, g.Models, g.Traffic, g.Spend, g.Errors = true, []string{}, []console.Minute{}, []console.Spend{}, []config.ErrorGroup{}
		for j := range g.Pods {
			if i > 5 {
				g.Pods[j] = console.Pod{Name: g.Pods[j].Name, Ready: true, Silent: true, Reasons: []string{"it was not asked, as there are too many pods"}}
			}
		}
	}
	return o
}

// Of many gateways the one that is looked at is asked for alone, and the others are not blamed for what nobody asked.
func TestManyGateways(t *testing.T) {
	s := serve(t, brief)
	tb := open(t, s, desktop)
	tb.says("#panel h2", "main in team-search")
	tb.says("section[aria-labelledby=spend-keys-title]", "team-search/alice")
	if got := eval[int](tb, `document.querySelectorAll("#tabs .needs").length`); got != 0 {
		t.Errorf("%d tabs have something to look at, of which nobody knows", got)
	}
	tb.do(chromedp.Click(chromedp.CSS(`#tabs [role=tab]:last-child`)))
	tb.says("#panel h2", "gateway-of-a-product-line-10")
	tb.says(".attention", "Nothing needs attention")
	if got := tb.text("#announcer"); got != "" {
		t.Errorf("it announces %q", got)
	}
	tb.do(chromedp.Click(chromedp.CSS(`#tabs [role=tab]:first-child`)))
	tb.says("#panel h2", "main in team-search")
	tb.resize(400, 900)
	tb.shoot("many")
	if tall := eval[float64](tb, `document.getElementById("tabs").clientHeight`); tall > 250 {
		t.Errorf("the tabs are %v high", tall)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last := "a-namespace-with-quite-a-long-name/gateway-of-a-product-line-10"
	if got := slices.Compact(s.alone); fmt.Sprint(got) != fmt.Sprint([]string{"team-search/main", last, "team-search/main"}) {
		t.Errorf("asked for alone: %s", strings.Join(got, ", "))
	}
}

func TestPodsThatAreLeftOutAreCounted(t *testing.T) {
	tb := open(t, serve(t, func() console.Overview {
		o := well()
		o.Gateways[0].PodsOmitted, o.Gateways[0].Desired = 20, 23
		return o
	}), desktop)
	tb.says(".attention", "20 pods more than fit are not shown")
	if got := tb.text(".attention"); strings.Contains(got, "of 23 pods") {
		t.Errorf("it says %q", got)
	}
}

// The address is anybody's: a link that is broken shows what there is.
func TestAnAddressThatIsBroken(t *testing.T) {
	tb := open(t, serve(t, well), desktop)
	tb.says("#panel h2", "main")
	eval[bool](tb, `(location.hash = "#%E0%A4%A", true)`)
	tb.do(chromedp.Reload())
	tb.says("#panel h2", "main")
}

// Who is turned away is told why in the operator's words, and not that a token is valid which nobody gave.
func TestWhoIsTurnedAwayIsToldWhy(t *testing.T) {
	s := serve(t, well)
	s.status = 403
	tb := open(t, s, desktop)
	tb.says("#sign-in-why", "You may not read the console: the API server does not answer.")
}
