// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFilesAreFound(t *testing.T) {
	type found struct {
		Type  string
		Begin string
		Found bool
	}
	cases := map[string]struct {
		name string
		want found
	}{
		"the page itself has no name":           {"", found{"text/html; charset=utf-8", "<!doctype html>", true}},
		"the page has a name, too":              {"index.html", found{"text/html; charset=utf-8", "<!doctype html>", true}},
		"a module":                              {"console.js", found{"text/javascript; charset=utf-8", "// Copyright The", true}},
		"a style sheet":                         {"console.css", found{"text/css; charset=utf-8", "/* Copyright The", true}},
		"the icon":                              {"icon.svg", found{"image/svg+xml", `<svg xmlns="http`, true}},
		"the plots come from elsewhere":         {"uplot.js", found{"text/javascript; charset=utf-8", "/*! https://gith", true}},
		"and so does their style":               {"uplot.css", found{"text/css; charset=utf-8", ".uplot, .uplot *", true}},
		"what there is not":                     {"nothing.js", found{"text/javascript; charset=utf-8", "", false}},
		"Go's files are not served":             {"embed.go", found{}},
		"nor what lies outside of the folder":   {"../overview.go", found{}},
		"nor the folder":                        {".", found{}},
		"nor what a rooted path would lead to":  {"/index.html", found{"text/html; charset=utf-8", "", false}},
		"nor what is above by another notation": {"a/../index.html", found{"text/html; charset=utf-8", "", false}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			content, contentType, ok := File(tc.name)
			got := found{contentType, strings.TrimSpace(string(content[:min(len(content), len(tc.want.Begin))])), ok}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// ours calls back with every file that is written here.
func ours(t *testing.T, visit func(name, content string)) {
	t.Helper()
	names, err := fs.Glob(files, "*")
	if err != nil || len(names) < 10 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		visit(name, string(content))
	}
}

var (
	imported  = regexp.MustCompile(`(?m)^import [^;]*? from "\./([^"]+)";|^import "\./([^"]+)";`)
	mentioned = regexp.MustCompile(`(?:src|href)="([^"#][^"]*)"`)
)

func TestWhatIsMentionedIsThere(t *testing.T) {
	seen := map[string]bool{"index.html": true}
	ours(t, func(name, content string) {
		var others []string
		for _, match := range imported.FindAllStringSubmatch(content, -1) {
			others = append(others, match[1]+match[2])
		}
		if name == "index.html" {
			for _, match := range mentioned.FindAllStringSubmatch(content, -1) {
				others = append(others, match[1])
			}
		}
		for _, other := range others {
			seen[other] = true
			if _, _, found := File(other); !found {
				t.Errorf("%s mentions %s, which is not there", name, other)
			}
		}
	})
	ours(t, func(name, _ string) {
		if !seen[name] {
			t.Errorf("nothing mentions %s", name)
		}
	})
}

// forbidden is what the policy would stop, or what would make markup of what a server says.
var forbidden = map[string]*regexp.Regexp{
	"an inline style":             regexp.MustCompile(`(?i)\sstyle="|<style|setAttribute\("style"`),
	"an inline handler":           regexp.MustCompile(`(?i)<[a-z][^>]*\son[a-z]+=`),
	"an inline script":            regexp.MustCompile(`(?i)<script(?:>|[^>]*[^>c]>\s*[^<\s])`),
	"markup from text":            regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|setHTML`),
	"code from text":              regexp.MustCompile(`\beval\(|new Function\(`),
	"something from elsewhere":    regexp.MustCompile(`(?:src|href|url\(|import|fetch)\s*[=(]?\s*["'(]?(?:https?:)?//`),
	"a token that outlives a tab": regexp.MustCompile(`localStorage\.[a-zA-Z]+\([^)]*[tT]oken|document\.cookie`),
}

func TestThePageLivesUnderItsPolicy(t *testing.T) {
	ours(t, func(name, content string) {
		for what, pattern := range forbidden {
			if name == "icon.svg" {
				continue // an image runs nothing
			}
			if at := pattern.FindString(content); at != "" {
				t.Errorf("%s has %s: %s", name, what, at)
			}
		}
	})
}

func TestForbiddenThingsAreRecognized(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"a style in markup":      {`<p style="color: red">`, "an inline style"},
		"a style by attribute":   {`node.setAttribute("style", x)`, "an inline style"},
		"a handler in markup":    {`<button onclick="go()">`, "an inline handler"},
		"a script without a src": {`<script>go()</script>`, "an inline script"},
		"markup by assignment":   {`node.innerHTML = answer`, "markup from text"},
		"code by eval":           {`eval(answer)`, "code from text"},
		"a font of somebody's":   {`url("https://fonts.example/x")`, "something from elsewhere"},
		"a script of somebody's": {`<script src="//cdn.example/x.js">`, "something from elsewhere"},
		"a token that is kept":   {`localStorage.setItem(token, value)`, "a token that outlives a tab"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if !forbidden[tc.want].MatchString(tc.text) {
				t.Errorf("%s is not taken for %s", tc.text, tc.want)
			}
		})
	}
}

func TestEveryFileHasItsContentType(t *testing.T) {
	ours(t, func(name, _ string) {
		if types[path.Ext(name)] == "" {
			t.Errorf("%s has no content type", name)
		}
	})
}

func TestModulesAreOfASize(t *testing.T) {
	ours(t, func(name, content string) {
		if n := strings.Count(content, "\n"); n > 250 {
			t.Errorf("%s has %d lines, of at most 250", name, n)
		}
	})
}
