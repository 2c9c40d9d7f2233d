// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestBars(t *testing.T) {
	bars := []Bar{{"alice", "$8.00", 8}, {"bob", "$0.50", 0.5}, {"carol", "$0.01", 0.0001}, {"dave", "$0.00", 0}}
	for name, tt := range map[string]struct {
		bars  []Bar
		style Style
		want  string
	}{
		"by eighths of a character": {bars, Style{Width: 40}, "" +
			"alice ████████████████████████████ $8.00\n" +
			"bob   █▊                           $0.50\n" +
			"carol ▏                            $0.01\n" +
			"dave                               $0.00\n"},
		"by whole ones": {bars, Style{Width: 40, ASCII: true}, "" +
			"alice ############################ $8.00\n" +
			"bob   ##                           $0.50\n" +
			"carol #                            $0.01\n" +
			"dave                               $0.00\n"},
		"a name too long":        {[]Bar{{strings.Repeat("n", 99), "1", 1}}, Style{Width: 10}, strings.Repeat("n", 19) + "… " + strings.Repeat("█", 17) + " 1\n"},
		"one too long for ASCII": {[]Bar{{strings.Repeat("n", 99), "1", 1}}, Style{ASCII: true}, strings.Repeat("n", 19) + "~ " + strings.Repeat("#", 17) + " 1\n"},
		"nothing but nothing":    {[]Bar{{"a", "0", 0}}, Style{}, "a " + strings.Repeat(" ", 36) + " 0\n"},
		"no bars":                {nil, Style{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := Bars(tt.bars, tt.style)
			for line := range strings.Lines(got) {
				if n := utf8.RuneCountInString(line) - 1; n != MinWidth {
					t.Errorf("%d columns: %s", n, line)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCourse(t *testing.T) {
	values := []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, -1}
	for name, tt := range map[string]struct {
		style Style
		want  string
	}{
		"in Unicode": {Style{}, " ▂▃▄▅▆▇██ "},
		"in ASCII":   {Style{ASCII: true}, " .-:=+*## "},
	} {
		if got := Course(values, tt.style); got != tt.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := Course([]float64{0, 0}, Style{}); got != "  " {
		t.Errorf("of nothing: %q", got)
	}
}
