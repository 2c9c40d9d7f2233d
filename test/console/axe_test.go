// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"fmt"
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sparkgateway/spark/controllers/console"
)

// finding is what keeps people from using a page, by axe-core.
type finding struct {
	ID     string
	Impact string
	Help   string
	Nodes  []struct {
		HTML           string
		FailureSummary string
	}
}

// accessible fails for findings of axe-core's that are serious or critical, and tells of the others.
func (t *tab) accessible() {
	t.Helper()
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("make test-console fetches it: %v", err)
	}
	eval[bool](t, string(axe)+"; true")
	if passes := eval[int](t, "axe.run().then((r) => (window.found = r.violations, r.passes.length))"); passes < 15 {
		t.Errorf("only %d rules were tried", passes)
	}
	for _, f := range eval[[]finding](t, "window.found") {
		if f.Impact != "serious" && f.Impact != "critical" {
			t.Logf("%s: %s (%s)", f.Impact, f.Help, f.ID)
			continue
		}
		for _, node := range f.Nodes {
			t.Errorf("%s: %s (%s): %s\n%s", f.Impact, f.Help, f.ID, node.HTML, node.FailureSummary)
		}
	}
}

func TestAccessibility(t *testing.T) {
	states := map[string]struct {
		overview func() console.Overview
		ready    string // what the page says then
		change   func(*server)
		then     func(*tab)
	}{
		"all is well":            {overview: well, ready: "Nothing needs attention"},
		"there is trouble":       {overview: three, ready: "is silent", then: func(t *tab) { t.says("#play", "Prompt") }},
		"a new gateway":          {overview: func() console.Overview { o := three(); o.Gateways = o.Gateways[2:]; return o }, ready: "No pod tells of requests"},
		"there are many":         {overview: func() console.Overview { return many(40) }, ready: "more than fit"},
		"there is no gateway":    {overview: nothing, ready: "There is no SparkGateway"},
		"the figures are stale":  {overview: func() console.Overview { o := well(); o.At = o.At.Add(-1e11); return o }, ready: "These figures are stale"},
		"nothing can be reached": {overview: well, ready: "The operator cannot be reached", change: func(s *server) { s.status = 500 }},
		"signing in":             {overview: well, ready: "Sign in", change: func(s *server) { s.token = "t" }, then: func(t *tab) { t.until(`!document.getElementById("sign-in").hidden`) }},
		"a token is refused": {overview: well, ready: "Sign in", change: func(s *server) { s.token = "t" }, then: func(t *tab) {
			t.until(`document.activeElement.id === "token"`)
			t.do(chromedp.SendKeys(chromedp.ID("token"), "wrong\r"))
			t.says("#sign-in-why", "refused")
		}},
		"all is open": {overview: three, ready: "is silent", then: func(t *tab) {
			eval[int](t, `[...document.querySelectorAll("details")].map((d) => (d.open = true)).length`)
			t.until(`document.querySelectorAll(".chart tbody tr").length > 200`)
		}},
		"a prompt was answered": {overview: three, ready: "Playground", change: func(s *server) { s.answer = played("x") }, then: func(t *tab) {
			t.do(chromedp.SendKeys(chromedp.ID("play-prompt"), "hello"), chromedp.Click(chromedp.CSS("#play button")))
			t.says(".played", "Paris")
		}},
	}
	for name, state := range states {
		for _, as := range []look{{1440, 900, false, ""}, {1440, 900, true, ""}, {360, 780, false, ""}} {
			t.Run(fmt.Sprintf("%s, %d wide, dark %t", name, as.width, as.dark), func(t *testing.T) {
				s := serve(t, state.overview)
				if state.change != nil {
					state.change(s)
				}
				tb := open(t, s, as)
				tb.says("body", state.ready)
				if state.then != nil {
					state.then(tb)
				}
				tb.accessible()
			})
		}
	}
}

// A page that is not accessible must be seen to be so.
func TestTheCheckFinds(t *testing.T) {
	tb := open(t, serve(t, well), desktop)
	tb.says("#panel h2", "main")
	eval[bool](tb, `(() => { const i = document.createElement("img"); i.src = "icon.svg"; document.querySelector("#panel").append(i); return true })()`)
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	tb.must(err)
	eval[bool](tb, string(axe)+"; true")
	got := eval[[]string](tb, "axe.run().then((r) => r.violations.map((v) => `${v.impact} ${v.id}`))")
	if len(got) == 0 || got[0] != "critical image-alt" {
		t.Errorf("it found %v", got)
	}
}
