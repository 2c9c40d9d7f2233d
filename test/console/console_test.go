// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/controllers/console"
)

// quick makes the page's clock run fifty times as fast: five seconds between requests are a tenth of one.
const quick = `for (const name of ["setTimeout", "setInterval"]) {
  const plain = window[name].bind(window);
  window[name] = (f, ms, ...rest) => plain(f, ms / 50, ...rest);
}`

// rows are the texts of a table's cells, a row each.
func (t *tab) rows(section string) [][]string {
	t.Helper()
	return eval[[][]string](t, `[...document.querySelector('section[aria-labelledby="`+section+`-title"]').querySelectorAll("tbody tr")].map((tr) =>
		[...tr.cells].map((cell) => cell.innerText.replace(/\s+/g, " ").trim()))`)
}

func TestAGatewayIsShown(t *testing.T) {
	tb := open(t, serve(t, well), desktop)
	tb.says("#panel h2", "main in team-search")
	tb.says("#tabs [role=tab]", "Ready")
	tb.says(".attention", "Nothing needs attention")
	tb.says(".facts", "3 programmed / 3 ready / 3 wanted")
	tb.says(".figures", "a minute")
	tb.says("#freshness", "Live")
	tb.says("#version", "v0.7.0")
	want := [][]string{
		{"anthropic Anthropic", "Healthy", "Closed", "812", "0.4%", "243 ms", "1.00 s"},
		{"openai OpenAI", "Healthy", "Closed", "2,140", "0.3%", "222 ms", "880 ms"},
		{"local-llama OpenAICompatible, in platform", "Healthy", "Closed", "310", "0%", "257 ms", "1.08 s"},
	}
	if diff := cmp.Diff(want, tb.rows("providers")); diff != "" {
		t.Error(diff)
	}
	want = [][]string{
		{"team-search/alice", "$412.77", "61.2M", "48.2K"}, {"team-search/indexer nightly-indexer", "$188.20", "184M", "210K"},
		{"team-search/bob", "$31.05", "4M", "9,120"}, {"team-search/carol", "$0.013", "2,210", "14"},
	}
	if diff := cmp.Diff(want, tb.rows("spend-keys")); diff != "" {
		t.Error(diff)
	}
	if got := tb.text("section[aria-labelledby=budgets-title]"); !strings.Contains(got, "No budget is 80% spent or more.") {
		t.Errorf("budgets say %q", got)
	}
	if eval[bool](tb, `Boolean(document.getElementById("play"))`) {
		t.Error("there is a playground that the server would refuse")
	}
}

func TestTroubleIsNamed(t *testing.T) {
	tb := open(t, serve(t, three), desktop)
	tb.says("#panel h2", "assistants") // the first that is not ready
	want := [][]string{
		{"assistants-7f9c-2xk4p", "Ready", "1f9c04ab", "14", "v0.7.0", "3 d ago"},
		{"assistants-7f9c-8rw2m", "Ready, degraded rejects the newer revision: providers[2].endpoint: unsupported scheme store: connection refused",
			"88e0d1c2 not the wanted one", "9", "v0.7.0", "3 d ago"},
		{"assistants-7f9c-zz71c", "Silent no answer within 2s", "unknown", "unknown", "unknown", "unknown"},
		{"assistants-6d20-q9wkt", "Draining", "1f9c04ab not confirmed", "3", "v0.7.0", "3 d ago"},
	}
	if diff := cmp.Diff(want, tb.rows("pods")); diff != "" {
		t.Error(diff)
	}
	for _, phrase := range []string{"Nobody knows whether the gateway is ready", "Pod assistants-7f9c-zz71c is silent", "openai: the breaker of gpt-4o is open",
		"on 2 of 4 pods", "openai: the breaker of gpt-4o-mini is half-open", "32% of 2,140 attempts", "1 route is not ready", "2 keys are not ready", "1 budget is used up"} {
		if got := tb.text(".attention"); !strings.Contains(got, phrase) {
			t.Errorf("it does not say %q: %s", phrase, got)
		}
	}
	providers := tb.rows("providers")
	if got := providers[1][2]; !strings.HasPrefix(got, "Open gpt-4o 5 failures in a row, on 2 of 4 pods, since ") || !strings.Contains(got, "Half-open gpt-4o-mini") {
		t.Errorf("the breakers are %q", got)
	}
	if diff := cmp.Diff([]string{"local-llama OpenAICompatible, in platform", "Unknown NotObserved", "Closed", "0", "no attempts", "–", "–"}, providers[2]); diff != "" {
		t.Error(diff)
	}
}

// What a client sends may come back in a sample of an error: it is text, whatever it looks like.
func TestTextStaysText(t *testing.T) {
	tb := open(t, serve(t, three), desktop)
	tb.says("section[aria-labelledby=errors-title]", "<img src=x")
	if eval[bool](tb, `document.querySelector("#panel img") !== null || document.title === "caught"`) {
		t.Error("markup of a client's became elements of the page")
	}
}

func TestNothingIsKnownOfANewGateway(t *testing.T) {
	tb := open(t, serve(t, three), desktop)
	tb.says("#panel h2", "assistants")
	tb.press(kb.Tab) // the skip link; then the theme, then the tab
	tb.do(chromedp.Click(chromedp.CSS(`#tabs [role=tab]:last-child`)))
	tb.says("#panel h2", "new in team-x")
	if got, want := eval[[]string](tb, `[...document.querySelectorAll(".tile dd")].map((d) => d.querySelector("b, .none").textContent)`),
		[]string{"unknown", "unknown", "unknown", "unknown", "unknown", "unknown", "unknown", "unknown"}; !cmp.Equal(want, got) {
		t.Errorf("the figures are %v", got)
	}
	tb.says(".attention", "0 of 2 pods are there")
	for _, chart := range []string{"requests", "latency", "first-token", "hit-rate"} {
		tb.says("#chart-"+chart+" .summary", "No pod tells of requests.")
	}
	tb.says("section[aria-labelledby=errors-title]", "No pod tells of errors.")
	tb.says("section[aria-labelledby=budgets-title]", "No pod tells of budgets.")
	tb.says("section[aria-labelledby=providers-title]", "No ProviderPolicy attaches to this gateway")
	tb.says("section[aria-labelledby=pods-title]", "kubectl -n team-x get pods,events")
	tb.shoot("new")
}

func TestTabsByTheKeyboard(t *testing.T) {
	tb := open(t, serve(t, three), desktop)
	tb.says("#panel h2", "assistants")
	tb.press(kb.Tab)
	if got := eval[string](tb, "document.activeElement.textContent"); got != "Skip to the gateways" {
		t.Fatalf("the first Tab leads to %q", got)
	}
	tb.press(kb.Enter)
	tb.until(`document.activeElement.id === "content"`)
	tb.press(kb.Tab)
	steps := []struct{ key, want string }{
		{"", "tab-team-support/assistants"}, {kb.ArrowRight, "tab-team-x/new"}, {kb.ArrowRight, "tab-team-search/main"},
		{kb.ArrowLeft, "tab-team-x/new"}, {kb.Home, "tab-team-search/main"}, {kb.End, "tab-team-x/new"}, {kb.Tab, "panel"},
	}
	for _, step := range steps {
		if step.key != "" {
			tb.press(step.key)
		}
		if got := tb.focused(); got != step.want {
			t.Fatalf("after %q the focus is on %q, not on %q", step.key, got, step.want)
		}
		if step.want == "panel" {
			continue
		}
		selected := eval[[]string](tb, `[...document.querySelectorAll('[role=tab][aria-selected=true][tabindex="0"]')].map((t) => t.id)`)
		if diff := cmp.Diff([]string{step.want}, selected); diff != "" {
			t.Error(diff)
		}
		if got := eval[string](tb, `document.getElementById("panel").getAttribute("aria-labelledby")`); got != step.want {
			t.Errorf("the panel is that of %q", got)
		}
	}
	if got := eval[string](tb, "location.hash"); got != "#team-x%2Fnew" {
		t.Errorf("the address is %q", got)
	}
}

// The focus and what was opened outlast new figures.
func TestRefreshLeavesTheReaderAlone(t *testing.T) {
	s := serve(t, three)
	as := desktop
	as.before = quick
	tb := open(t, s, as)
	tb.says("#panel h2", "assistants")
	tb.do(chromedp.Click(chromedp.CSS(`details[data-key="a1b2c3d4e5f60718"] summary`)), chromedp.Click(chromedp.CSS("#chart-requests summary")))
	tb.says("#chart-requests tbody", "130")
	tb.do(chromedp.Focus(chromedp.CSS(`details[data-key="c1b2c3d4e5f60718"] summary`)))
	s.set(func(s *server) {
		s.overview = func() console.Overview {
			o := three()
			o.Gateways[1].Errors[0].Count = 5000
			return o
		}
	})
	tb.says("section[aria-labelledby=errors-title] tbody", "5,000")
	if !eval[bool](tb, `document.querySelector('details[data-key="a1b2c3d4e5f60718"]').open && document.querySelector("#chart-requests details").open`) {
		t.Error("what was open is not any more")
	}
	if got := eval[string](tb, `document.activeElement.closest("[data-key]")?.dataset.key ?? document.activeElement.tagName`); got != "c1b2c3d4e5f60718" {
		t.Errorf("the focus went to %q", got)
	}
}

func TestDarkAndLight(t *testing.T) {
	tb := open(t, serve(t, well), desktop)
	tb.says("#panel h2", "main")
	background := func() string { return eval[string](tb, "getComputedStyle(document.body).backgroundColor") }
	painted := func() string {
		return eval[string](tb, `document.querySelector("#chart-requests canvas").toDataURL()`)
	}
	light, dark := "rgb(244, 245, 247)", "rgb(14, 18, 23)"
	choose := func(theme string) {
		eval[bool](tb, `(() => { const s = document.getElementById("theme"); s.value = "`+theme+`"; s.dispatchEvent(new Event("change")); return true })()`)
	}
	plot := painted()
	steps := []struct {
		name string
		do   func()
		want string
	}{
		{"the system's choice is light", func() {}, light},
		{"the system's choice is dark", func() { tb.prefer(true) }, dark},
		{"the switch says light, whatever the system says", func() { choose("light") }, light},
		{"it is remembered", func() { tb.do(chromedp.Reload()); tb.says("#panel h2", "main") }, light},
		{"the switch says dark, whatever the system says", func() { tb.prefer(false); choose("dark") }, dark},
		{"the system is asked again", func() { choose("auto") }, light},
	}
	for _, step := range steps {
		step.do()
		if got := background(); got != step.want {
			t.Errorf("%s: the page is %s", step.name, got)
		}
		tb.until(`document.querySelector("#chart-requests canvas") !== null`)
		if now := painted(); step.want == dark && now == plot {
			t.Errorf("%s: the plots are as they were", step.name)
		}
	}
}

func TestStaleFiguresAreCalledStale(t *testing.T) {
	s := serve(t, func() console.Overview {
		o := well()
		o.At = o.At.Add(-72 * time.Second)
		return o
	})
	tb := open(t, s, desktop)
	tb.says("#freshness", "Stale, last heard 1 min ago")
	tb.says("#notice", "These figures are stale")
	tb.shoot("stale")
	s.set(func(s *server) { s.overview = well })
	tb.says("#freshness", "Live")
	tb.until(`document.getElementById("notice").hidden`)
}

func TestAnOperatorThatCannotBeReached(t *testing.T) {
	s := serve(t, well)
	as := desktop
	as.before = quick
	tb := open(t, s, as)
	tb.says("#freshness", "Live")
	s.set(func(s *server) { s.status = 503 })
	tb.says("#notice", "Asked for an overview: the API server does not answer. What is shown is of ")
	tb.says("#announcer", "The operator cannot be reached")
	tb.says("#freshness", "Not reached, last heard")
	tb.says("#panel h2", "main") // what was known stays, and is told as what was
	if got := tb.text(".attention"); !strings.Contains(got, "Nothing needed attention when this was told.") || strings.Contains(got, "needs") {
		t.Errorf("of what it does not know it says %q", got)
	}
	tb.shoot("unreachable")
	s.set(func(s *server) { s.status = 0 })
	tb.says("#freshness", "Live")
	tb.says("#announcer", "The operator answers again.")
	s.stop()
	tb.says("#notice", "no connection")
}

func TestChangesAreAnnounced(t *testing.T) {
	s := serve(t, well)
	as := desktop
	as.before = quick
	tb := open(t, s, as)
	tb.says("#freshness", "Live")
	if got := tb.text("#announcer"); got != "" {
		t.Errorf("at first it announces %q", got)
	}
	s.set(func(s *server) {
		s.overview = func() console.Overview {
			o := well()
			o.Gateways[0] = troubled("team-search", "main")
			return o
		}
	})
	tb.says("#announcer", "Gateway main: Unknown. Breaker of openai on main: open.")
}

// A page that nobody sees asks for nothing.
func TestAHiddenPageIsQuiet(t *testing.T) {
	s := serve(t, well)
	as := desktop
	as.before = quick
	tb := open(t, s, as)
	tb.says("#freshness", "Live")
	hide := func(hidden string) {
		eval[bool](tb, `Object.defineProperty(document, "hidden", { configurable: true, value: `+hidden+` }) && document.dispatchEvent(new Event("visibilitychange"))`)
	}
	hide("true")
	tb.says("#freshness", "Paused")
	before := s.asked.Load()
	// As long as ten requests would take. The page's clock is quick, so this is a second.
	eval[bool](tb, `new Promise((done) => setTimeout(() => done(true), 50000))`)
	if now := s.asked.Load(); now > before+1 { // one may have been under way
		t.Errorf("it asked %d times while hidden", now-before)
	}
	hide("false")
	tb.says("#freshness", "Live")
}

func TestSigningIn(t *testing.T) {
	s := serve(t, well)
	s.token = "the-token-of-alice"
	tb := open(t, s, desktop)
	tb.until(`!document.getElementById("sign-in").hidden && document.activeElement.id === "token"`)
	tb.says("#freshness", "Signed out")
	tb.shoot("sign-in")
	if !eval[bool](tb, `document.getElementById("gateways").hidden`) {
		t.Error("gateways are shown to nobody in particular")
	}
	tb.do(chromedp.SendKeys(chromedp.ID("token"), "wrong\r"))
	tb.says("#sign-in-why", "The token was refused")
	tb.do(chromedp.SendKeys(chromedp.ID("token"), "of-somebody-else\r"))
	tb.says("#sign-in-why", "spark-console-viewer")
	tb.do(chromedp.SendKeys(chromedp.ID("token"), "the-token-of-alice\r"))
	tb.says("#panel h2", "main")
	tb.do(chromedp.Reload())
	tb.says("#panel h2", "main") // the tab remembers
	if got := eval[string](tb, `JSON.stringify(localStorage) + document.cookie`); strings.Contains(got, "alice") {
		t.Errorf("the token is kept beyond the tab: %s", got)
	}
	tb.do(chromedp.Click(chromedp.ID("sign-out")))
	tb.until(`!document.getElementById("sign-in").hidden && sessionStorage.length === 0 && document.querySelector("#gateways").hidden`)
}

func TestAnEmptyClusterSaysWhatToDo(t *testing.T) {
	tb := open(t, serve(t, nothing), desktop)
	tb.says("#notice", "There is no SparkGateway in this cluster")
	tb.says("#notice", "kind: SparkGateway")
	tb.shoot("empty")
}

// path gives the steps of a list.
func (t *tab) path(selector string) []string {
	t.Helper()
	return eval[[]string](t, `[...document.querySelectorAll("`+selector+` li")].map((li) => li.innerText.replace(/\s+/g, " ").trim())`)
}

func TestPlayground(t *testing.T) {
	s := serve(t, three)
	s.answer = played("team-support")
	tb := open(t, s, desktop)
	tb.says("#panel h2", "assistants")
	tb.do(chromedp.Click(chromedp.CSS(".title button")))
	tb.until(`document.activeElement.id === "play-prompt"`)
	tb.do(chromedp.SendKeys(chromedp.ID("play-prompt"), "What is the capital of France?"), chromedp.Click(chromedp.CSS("#play button")))
	tb.says(".played", "The capital of France is Paris.")
	tb.says(".outcome", "Status 200First token 212 msIn all 1.84 sTokens 14 in, 8 out")
	want := []string{
		"Request POST /v1/chat/completions chat in the dialect openai, streamed", "Key team-support/quickstart user quickstart, role User", "Limits 1 limit looked at",
		"Sanitizer looks for prompt injections", "Cache would look, and keep the answer for 10m0s found: miss", "Route team-support/smart by name, Weighted",
		"Attempt 1 team-support/anthropic · claude-sonnet upstream_status, the provider said 529, after 61 ms",
		"Attempt 2 team-support/openai · gpt-4o failover, answered, after 1.78 s, first byte after 148 ms",
		"Attempt 3 platform/local-llama · llama hedge, overtaken, after 52 ms", "Answered status 200",
	}
	if diff := cmp.Diff(want, tb.path(".played > ol.path")); diff != "" {
		t.Error(diff)
	}
	if eval[bool](tb, `document.querySelector(".played > ol.path li:nth-child(9)").classList.contains("bad")`) {
		t.Error("an attempt that another was faster than is called a failure")
	}
	plan := []string{
		"Target 1 team-support/anthropic · claude-sonnet first in 90% of the cases, tier 0, translated to anthropic",
		"Target 2 team-support/openai · gpt-4o out, tier 1, breaker Open: 5 failures in a row",
	}
	tb.do(chromedp.Click(chromedp.CSS(".played details.plan summary")))
	if diff := cmp.Diff(plan, tb.path(".played details.plan ol.path")); diff != "" {
		t.Error(diff)
	}
	s.mu.Lock()
	asked := s.played
	s.mu.Unlock()
	if diff := cmp.Diff([]console.Play{{Gateway: "team-support/assistants", Model: "smart", Prompt: "What is the capital of France?", Stream: true}}, asked); diff != "" {
		t.Error(diff)
	}
	tb.shoot("playground")
	s.set(func(s *server) {
		s.answer.Course, s.answer.Error, s.answer.Text = nil, "the stream broke off", "The capital of"
	})
	tb.do(chromedp.Click(chromedp.CSS("#play button")))
	tb.says(".outcome .state.bad", "Status 200, then: the stream broke off")
	tb.says(".played", "This is what the pod planned. It does not tell which attempts it made.")
	if got := tb.path(".played > ol.path"); !slices.Contains(got, plan[0]) || got[len(got)-1] != "Answered status 200, then: the stream broke off" {
		t.Errorf("of an answer that broke off it says %q", got)
	}
	tb.shoot("playground-broken")
	s.set(func(s *server) { s.status = 429 })
	tb.do(chromedp.Click(chromedp.CSS("#play button")))
	tb.says(".played", "Not sent: the API server does not answer")
}

// From a telephone to a wall: the page itself never scrolls sideways.
func TestWidths(t *testing.T) {
	for name, width := range map[string]int64{"a telephone": 360, "a tablet": 800, "a laptop": 1280, "a screen": 1920, "a wall": 3840} {
		t.Run(name, func(t *testing.T) {
			tb := open(t, serve(t, func() console.Overview {
				o := many(12)
				o.Gateways = append(three().Gateways[1:2], o.Gateways...)
				o.Playground = true
				return o
			}),
				look{width: width, height: 1000})
			tb.says("#panel h2", "assistants")
			tb.shoot(strings.ReplaceAll(name[2:], " ", "-"))
			if wide := eval[float64](tb, "document.documentElement.scrollWidth"); int64(wide) > width {
				t.Errorf("the page is %v wide", wide)
			}
			over := eval[[]string](tb, `[...document.querySelectorAll(".card, .tile, .tabs button, .attention li")].filter((n) => n.scrollWidth > n.clientWidth + 1).map((n) => n.textContent.slice(0, 60))`)
			if len(over) > 0 {
				t.Errorf("these do not hold what is in them: %q", over)
			}
			tb.says("#omitted", "7 gateways more than fit are not shown.")
		})
	}
}
