// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package docs checks that what pages name is there: files, headings, metrics, alerts, fields, words of statuses, commands.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// page is a file in Markdown.
type page struct {
	// path is from the root.
	path string
	// prose is all but blocks of code, and blocks are those, by their language.
	prose  string
	blocks []block
}

type block struct{ language, code string }

// pages reads every page of the repository.
func pages(t *testing.T) (all []page) {
	t.Helper()
	tree := os.DirFS(root)
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "dist" || name == "bin") {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		content, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		all = append(all, read(path, string(content)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 30 {
		t.Fatalf("only %d pages were found", len(all))
	}
	return all
}

var fence = regexp.MustCompile("^ *```([a-z]*)")

func read(path, content string) page {
	p := page{path: path}
	var prose, code strings.Builder
	inside, language := false, ""
	for line := range strings.Lines(content) {
		if m := fence.FindStringSubmatch(line); m != nil {
			if inside {
				p.blocks = append(p.blocks, block{language, code.String()})
				code.Reset()
			}
			inside, language = !inside, m[1]
			continue
		}
		if inside {
			code.WriteString(line)
		} else {
			prose.WriteString(line)
		}
	}
	p.prose = prose.String()
	return p
}

var (
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
	markup   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codeSpan = regexp.MustCompile("`[^`\n]*`")
)

// anchors gives those that GitHub makes of a page's headings.
func (p page) anchors() map[string]bool {
	all := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(p.prose, -1) {
		text := markup.ReplaceAllString(match[1], "$1")
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
				return r
			}
			return -1
		}, strings.ToLower(strings.TrimSpace(text)))
		all[anchor] = true
	}
	return all
}

// spans gives what stands in backticks in the prose.
func (p page) spans() (all []string) {
	for _, span := range codeSpan.FindAllString(p.prose, -1) {
		all = append(all, strings.Trim(span, "`"))
	}
	return all
}

func TestReadingAPage(t *testing.T) {
	p := read("x.md", "# A `b` [c](d.md), e\ntext `code`\n```sh\n# not a heading\n```\n## Second_one\n")
	if a := p.anchors(); len(a) != 2 || !a["a-b-c-e"] || !a["second_one"] {
		t.Errorf("anchors %v", a)
	}
	if len(p.blocks) != 1 || p.blocks[0] != (block{"sh", "# not a heading\n"}) {
		t.Errorf("blocks %q", p.blocks)
	}
	if s := p.spans(); len(s) != 2 || s[1] != "code" {
		t.Errorf("spans %q", s)
	}
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	all := pages(t)
	anchors := map[string]map[string]bool{}
	for _, p := range all {
		anchors[p.path] = p.anchors()
	}
	n := 0
	for _, p := range all {
		for _, match := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(p.prose, ""), -1) {
			target := strings.TrimPrefix(match[1], "https://github.com/sparkgateway/spark/blob/main/")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			n++
			path, anchor, named := strings.Cut(target, "#")
			switch {
			case path == "":
				path = p.path
			case target == match[1]:
				path = filepath.Join(filepath.Dir(p.path), path)
			}
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s: there is no %s", p.path, path)
				continue
			}
			if named && anchors[path] != nil && !anchors[path][anchor] {
				t.Errorf("%s: %s has no heading #%s", p.path, path, anchor)
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d links", n)
	}
}
