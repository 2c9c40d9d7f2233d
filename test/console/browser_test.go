// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// patience is how long a test waits for what it wants to see.
const patience = 20 * time.Second

// browser is the Chromium of all tests; each test has a tab with a profile of its own.
var browser context.Context

func TestMain(m *testing.M) {
	os.Exit(func() int {
		options := append(chromedp.DefaultExecAllocatorOptions[:],
			chromedp.ExecPath(os.Getenv("CHROMIUM")), chromedp.NoSandbox,
			chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-color-profile", "srgb"))
		allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
		defer end()
		var closeBrowser context.CancelFunc
		browser, closeBrowser = chromedp.NewContext(allocator)
		defer closeBrowser()
		if err := chromedp.Do(browser); err != nil {
			fmt.Fprintln(os.Stderr, "no Chromium starts (make test-console finds or installs one):", err)
			return 1
		}
		return m.Run()
	}())
}

// tab is the console in a tab of its own.
type tab struct {
	*testing.T
	ctx context.Context
	*server

	mu    sync.Mutex
	wrong []string // what the browser complains of
}

// look is how a tab is seen.
type look struct {
	width, height int64
	dark          bool
	// before is JavaScript that runs before the page's own.
	before string
}

var desktop = look{width: 1440, height: 900}

// open shows the console of a server. When the test ends, the browser must have had nothing to complain of.
func open(t *testing.T, s *server, as look) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	tb := &tab{T: t, ctx: ctx, server: s}
	tb.do(chromedp.Navigate("about:blank"))
	go tb.listen(chromedp.Console(ctx))
	tb.resize(as.width, as.height)
	tb.prefer(as.dark)
	if as.before != "" {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: as.before})
		tb.must(err)
	}
	tb.do(chromedp.Navigate(s.URL + "/console/"))
	t.Cleanup(func() {
		tb.mu.Lock()
		defer tb.mu.Unlock()
		for _, text := range tb.wrong {
			t.Errorf("the browser complains: %s", text)
		}
	})
	return tb
}

// listen keeps errors, a violation of the policy among them. That a request was refused or went nowhere is what tests want.
func (t *tab) listen(messages func(yield func(chromedp.ConsoleMessage, error) bool)) {
	for m, err := range messages {
		if err != nil {
			return
		}
		if kind := string(m.Type); kind != "error" && kind != "exception" || strings.HasPrefix(m.Text, "Failed to load resource") {
			continue
		}
		t.mu.Lock()
		t.wrong = append(t.wrong, m.Text)
		t.mu.Unlock()
	}
}

func (t *tab) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// do runs steps, all of them within the tests' patience.
func (t *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	t.must(chromedp.Do(t.ctx)) // the tab must outlive the deadline
	ctx, end := context.WithTimeout(t.ctx, patience)
	defer end()
	t.must(chromedp.Do(ctx, steps...))
}

// eval gives the value of a JavaScript expression, which may be a promise.
func eval[T any](t *tab, expression string) T {
	t.Helper()
	ctx, end := context.WithTimeout(t.ctx, patience)
	defer end()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits for an expression to be true. It asks from outside, because the page's policy forbids code made of text.
func (t *tab) until(expression string) {
	t.Helper()
	for end := time.Now().Add(patience); !eval[bool](t, "Boolean("+expression+")"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.shoot("failed-" + strings.ReplaceAll(t.Name(), "/", "-"))
			t.Fatalf("it never came true that %s; the page says:\n%s", expression, t.text("body"))
		}
	}
}

// text is what can be read in the first element of a selector.
func (t *tab) text(selector string) string {
	t.Helper()
	return eval[string](t, fmt.Sprintf("document.querySelector(%q).innerText", selector))
}

// says waits for an element to say something.
func (t *tab) says(selector, want string) {
	t.Helper()
	t.until(fmt.Sprintf("(document.querySelector(%q)?.textContent ?? '').includes(%q)", selector, want))
}

// press sends keys to whatever has the focus.
func (t *tab) press(keys ...string) {
	t.Helper()
	for _, key := range keys {
		t.do(chromedp.KeyEvent(key))
	}
}

// focused is the ID of the element that has the focus.
func (t *tab) focused() string {
	t.Helper()
	return eval[string](t, "document.activeElement.id")
}

func (t *tab) resize(width, height int64) {
	t.Helper()
	_, err := chromedp.Call(t.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
	t.must(err)
}

// prefer is the system's choice of colours. What moves is asked to stand still, so that pictures are the same each time.
func (t *tab) prefer(dark bool) {
	t.Helper()
	scheme := map[bool]string{true: "dark", false: "light"}[dark]
	_, err := chromedp.Call(t.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	t.must(err)
}

// shoot keeps a picture of the whole page.
func (t *tab) shoot(name string) {
	t.Helper()
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		return
	}
	eval[bool](t, "scrollTo(0, 0), true") // or else the bar is in the midst of it
	picture, err := chromedp.Run(t.ctx, chromedp.FullScreenshot(100))
	t.must(err)
	t.must(os.WriteFile(filepath.Join(folder, "console-"+name+".png"), picture, 0o644))
}
