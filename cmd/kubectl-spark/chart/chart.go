// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package chart draws numbers with characters.
package chart

import (
	"math"
	"strings"
	"unicode/utf8"
)

// Style says how charts are drawn.
type Style struct {
	// Width is the number of columns; below MinWidth it is that.
	Width int
	// ASCII draws without Unicode.
	ASCII bool
}

// MinWidth is the narrowest chart.
const MinWidth = 40

// Bar is one line of a chart: its label, its number as text, and its length.
type Bar struct {
	Label, Text string
	// Value is not negative.
	Value float64
}

// The parts of a character that a bar, or a point of a course, is made of, the smallest first.
var (
	eighths = []rune("▏▎▍▌▋▊▉█")
	heights = []rune("▁▂▃▄▅▆▇█")
	steps   = []rune("_.-:=+*#")
)

// Bars draws bars below each other, in proportion to the largest. Each line ends with an end of line.
func Bars(bars []Bar, s Style) string {
	width := max(s.Width, MinWidth)
	label, text, most := 0, 0, 0.0
	for _, b := range bars {
		label, text, most = max(label, utf8.RuneCountInString(b.Label)), max(text, utf8.RuneCountInString(b.Text)), max(most, b.Value)
	}
	label = min(label, width/2)
	room := max(width-label-text-2, 4)
	var out strings.Builder
	for _, b := range bars {
		out.WriteString(pad(cut(b.Label, label, s.ASCII), label))
		out.WriteByte(' ')
		share := 0.0
		if most > 0 {
			share = b.Value / most
		}
		out.WriteString(pad(bar(share, room, s.ASCII), room))
		out.WriteByte(' ')
		out.WriteString(strings.Repeat(" ", text-utf8.RuneCountInString(b.Text)))
		out.WriteString(b.Text)
		out.WriteByte('\n')
	}
	return out.String()
}

// bar draws a share of the room; what is more than nothing is seen.
func bar(share float64, room int, ascii bool) string {
	parts := int(math.Round(share * float64(room) * 8))
	if share > 0 {
		parts = max(parts, 1)
	}
	if ascii {
		return strings.Repeat("#", (parts+7)/8)
	}
	text := strings.Repeat(string(eighths[7]), parts/8)
	if rest := parts % 8; rest > 0 {
		text += string(eighths[rest-1])
	}
	return text
}

// Course draws values as one line of points, in proportion to the largest; a space is nothing.
func Course(values []float64, s Style) string {
	marks, most := heights, 0.0
	if s.ASCII {
		marks = steps
	}
	for _, v := range values {
		most = max(most, v)
	}
	var out strings.Builder
	for _, v := range values {
		if v <= 0 {
			out.WriteByte(' ')
			continue
		}
		out.WriteRune(marks[min(int(v/most*float64(len(marks))), len(marks)-1)])
	}
	return out.String()
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 0))
}

// cut shortens a text to a width.
func cut(text string, width int, ascii bool) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	mark := "…"
	if ascii {
		mark = "~"
	}
	return string([]rune(text)[:width-1]) + mark
}
