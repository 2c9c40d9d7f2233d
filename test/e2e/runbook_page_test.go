// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// step is a block of commands of the runbook.
type step struct {
	// section is the heading that it stands under, and line where.
	section string
	line    int
	script  string
	// shows are the lines of the block "text" that follows it, if one does.
	shows []string
	// notRun says why a test cannot run it.
	notRun string
}

// readSteps reads the blocks of a page in Markdown.
func readSteps(page string) (steps []step, err error) {
	section, reason, open := "", "", ""
	var body []string
	for i, line := range strings.Split(page, "\n") {
		fence, fenced := strings.CutPrefix(line, "```")
		switch {
		case open != "" && line == "```":
			if open == "sh" {
				steps = append(steps, step{section: section, line: i + 1 - len(body), script: strings.Join(body, "\n"), notRun: reason})
				reason = ""
			} else if last := len(steps) - 1; last >= 0 && steps[last].section == section && steps[last].shows == nil {
				steps[last].shows = body
			} else {
				return nil, fmt.Errorf("line %d: no commands show this", i+1)
			}
			open, body = "", nil
		case open != "":
			body = append(body, line)
		case fenced && (fence == "sh" || fence == "text"):
			open = fence
		case fenced:
			return nil, fmt.Errorf("line %d: a block is sh or text, not %q", i+1, fence)
		case strings.HasPrefix(line, "#"):
			section = strings.TrimLeft(line, "# ")
		case strings.HasPrefix(line, "<!-- not run: "):
			reason = strings.TrimSuffix(strings.TrimPrefix(line, "<!-- not run: "), " -->")
		}
	}
	if open != "" {
		return nil, fmt.Errorf("a block of %s has no end", section)
	}
	return steps, nil
}

var blanks = regexp.MustCompile(`\s+`)

// shown says which line of what a page shows is not in an output, after those before it; empty is well. An ellipsis stands for
// anything, and blanks for any number of them.
func shown(want []string, output string) (missing string) {
	lines := strings.Split(output, "\n")
	for _, line := range want {
		var pattern strings.Builder
		pattern.WriteString("^")
		for i, part := range strings.Split(line, "…") {
			if i > 0 {
				pattern.WriteString(".*")
			}
			for j, word := range blanks.Split(part, -1) {
				if j > 0 {
					pattern.WriteString(`\s*`)
				}
				pattern.WriteString(regexp.QuoteMeta(word))
			}
		}
		is := regexp.MustCompile(pattern.String() + `\s*$`)
		for len(lines) > 0 && !is.MatchString(lines[0]) {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			return line
		}
		lines = lines[1:]
	}
	return ""
}

func TestReadingARunbook(t *testing.T) {
	got, err := readSteps("# T\n## A\n```sh\none\ntwo\n```\n\n```text\nx\n```\n<!-- not run: why -->\n```sh\nthree\n```\n## B\n```sh\nfour\n```\n")
	want := []step{
		{section: "A", line: 4, script: "one\ntwo", shows: []string{"x"}},
		{section: "A", line: 13, script: "three", notRun: "why"},
		{section: "B", line: 17, script: "four"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(step{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for name, page := range map[string]string{
		"an output of nothing": "```text\nx\n```", "another language": "```bash\nx\n```", "a block without an end": "```sh\nx",
	} {
		if _, err := readSteps(page); err == nil {
			t.Errorf("%s is no fault", name)
		}
	}
}

func TestWhatAPageShows(t *testing.T) {
	tests := map[string]struct {
		want        []string
		output      string
		wantMissing string
	}{
		"lines in order, others between":  {[]string{"a", "c"}, "a\nb\nc\n", ""},
		"lines in another order":          {[]string{"c", "a"}, "a\nb\nc\n", "a"},
		"an ellipsis, and a table's room": {[]string{"main True …", "x"}, "NAME  READY\nmain   True   5m\nx", ""},
		"a part of a line":                {[]string{"mai"}, "main", "mai"},
		"nothing":                         {nil, "", ""},
		"what is a pattern elsewhere":     {[]string{"a.b"}, "axb", "a.b"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if missing := shown(tc.want, tc.output); missing != tc.wantMissing {
				t.Errorf("missing %q, want %q", missing, tc.wantMissing)
			}
		})
	}
}

// The blocks that no test runs are few, and named here.
func TestTheRunbookIsRun(t *testing.T) {
	steps := runbook(t)
	skipped := 0
	for _, s := range steps {
		if s.notRun != "" {
			skipped++
		}
	}
	if len(steps) < 30 || skipped > 1 {
		t.Errorf("of %d blocks %d are not run", len(steps), skipped)
	}
}

func runbook(t *testing.T) []step {
	t.Helper()
	page, err := os.ReadFile(root + "/docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	steps, err := readSteps(string(page))
	if err != nil {
		t.Fatal(err)
	}
	return steps
}
