// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Column is one of a Table. The zero value is text to the left that is never cut.
type Column struct {
	Title string
	// Right stands numbers below each other.
	Right bool
	// Least is to how many characters the column may be cut where the table is too wide; 0 for none.
	Least int
	// Name cuts in the middle.
	Name bool
	// Tone gives a cell its colour; nil gives none.
	Tone func(cell string) Tone
}

// Table is rows below titles.
type Table struct {
	Columns []Column
	rows    [][]string
}

// Add appends a row, a cell for each column. Cells are made Plain, and those that are empty "-".
func (t *Table) Add(cells ...string) {
	row := make([]string, len(t.Columns))
	for i := range row {
		row[i] = "-"
		if i < len(cells) && cells[i] != "" {
			row[i] = Plain(cells[i])
		}
	}
	t.rows = append(t.rows, row)
}

// Len is how many rows there are.
func (t *Table) Len() int { return len(t.rows) }

// gap is what stands between columns.
const gap = "  "

// Text gives the table for a screen, cut to its width as far as its columns may be.
func (t *Table) Text(s Screen) string {
	widths := t.widths(s.Width)
	titles := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		titles[i] = c.Title
	}
	var out strings.Builder
	for n, row := range append([][]string{titles}, t.rows...) {
		line, end := "", ""
		for i, c := range t.Columns {
			cell := c.cut(row[i], widths[i])
			space := strings.Repeat(" ", max(widths[i]-utf8.RuneCountInString(cell), 0))
			if n > 0 && c.Tone != nil {
				cell = s.Paint(cell, c.Tone(row[i]))
			}
			// Space counts only before what follows: no line ends with any.
			if c.Right {
				line, end = line+end+space+cell, gap
			} else {
				line, end = line+end+cell, space+gap
			}
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

func (c Column) cut(cell string, width int) string {
	if c.Name {
		return CutMiddle(cell, width)
	}
	return Cut(cell, width)
}

// widths gives those of the columns: the widest that may be cut becomes narrower until all fit, or none may be cut any more.
func (t *Table) widths(room int) []int {
	widths := make([]int, len(t.Columns))
	total := len(gap) * (len(widths) - 1)
	for i, c := range t.Columns {
		widths[i] = utf8.RuneCountInString(c.Title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		total += widths[i]
	}
	for total > room {
		widest := -1
		for i, c := range t.Columns {
			if c.Least > 0 && widths[i] > max(c.Least, utf8.RuneCountInString(c.Title)) && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		total--
	}
	return widths
}

// Plural counts a noun.
func Plural(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
