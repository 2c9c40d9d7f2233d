// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/chart"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/usage"
	"github.com/sparkgateway/spark/gateway/ledger"
)

// statement is a Book as it is printed.
type statement struct {
	*usage.Book
	by       string
	from, to time.Time
}

func (s statement) print(a accounting, look chart.Style, to io.Writer) error {
	if ok, err := (screen.Screen{Writer: to}).Show(a.output, s.told()); ok {
		return err
	}
	text := s.csv()
	if a.output != "csv" {
		text = []byte(s.table())
		if a.chart {
			text = append(text, s.chart(look)...)
		}
	}
	_, err := to.Write(text)
	return err
}

// told is what programs are.
func (s statement) told() any {
	told := struct {
		By    string      `json:"by"`
		From  *time.Time  `json:"from,omitempty"`
		To    *time.Time  `json:"to,omitempty"`
		Sums  []usage.Sum `json:"sums"`
		Total usage.Sum   `json:"total"`
	}{By: s.by, Sums: append([]usage.Sum{}, s.Sums()...), Total: s.Total()}
	if !s.from.IsZero() {
		told.From = &s.from
	}
	if !s.to.IsZero() {
		told.To = &s.to
	}
	return told
}

func (s statement) csv() []byte {
	out := []byte(s.by + ",requests,errors,refused,tokensIn,tokensOut,tokensCached,cost,unpriced,tokensSaved,costSaved\r\n")
	for _, sum := range s.Sums() {
		out = ledger.AppendCell(out, screen.Plain(sum.Name))
		for _, n := range []int64{sum.Requests, sum.Errors, sum.Refused, sum.TokensIn, sum.TokensOut, sum.TokensCached} {
			out = strconv.AppendInt(append(out, ','), n, 10)
		}
		out = sum.Cost.AppendTo(append(out, ','))
		out = strconv.AppendInt(append(out, ','), sum.Unpriced, 10)
		out = strconv.AppendInt(append(out, ','), sum.TokensSaved, 10)
		out = append(sum.CostSaved.AppendTo(append(out, ',')), '\r', '\n')
	}
	return out
}

// maxName is the widest name of a table.
const maxName = 60

func (s statement) table() string {
	sums := s.Sums()
	if len(sums) == 0 {
		return "No requests" + s.when() + ".\n"
	}
	rows := [][]string{{strings.ToUpper(s.by), "REQUESTS", "ERRORS", "REFUSED", "TOKENS-IN", "TOKENS-OUT", "CACHED", "COST"}}
	decimals, total := s.decimals(), s.Total()
	// Most gateways have no cache.
	saved := total.TokensSaved > 0
	if saved {
		rows[0] = append(rows[0], "SAVED")
	}
	for _, sum := range append(sums, total) {
		row := []string{
			screen.Plain(sum.Name), strconv.FormatInt(sum.Requests, 10), strconv.FormatInt(sum.Errors, 10), strconv.FormatInt(sum.Refused, 10),
			strconv.FormatInt(sum.TokensIn, 10), strconv.FormatInt(sum.TokensOut, 10), strconv.FormatInt(sum.TokensCached, 10),
			price(sum, decimals),
		}
		if saved {
			row = append(row, "$"+rounded(sum.CostSaved, decimals))
		}
		rows = append(rows, row)
	}
	return align(rows)
}

// price is a cost, with a mark where it is only what is known of it.
func price(s usage.Sum, decimals int) string {
	text := "$" + rounded(s.Cost, decimals)
	if s.Unpriced > 0 {
		text += "+?"
	}
	return text
}

const (
	dollar = 1_000_000_000
	// Costs have cents at least, and as many decimals more as the smallest needs to have two digits, up to maxDecimals.
	cents, maxDecimals = 2, 6
)

// decimals is how many all costs of a table have, so that they can be compared at a glance.
func (s statement) decimals() int {
	n, unit := cents, int64(dollar/100)
	var costs []ledger.Dollars
	for _, sum := range s.Sums() {
		costs = append(costs, sum.Cost, sum.CostSaved)
	}
	for _, cost := range costs {
		for d := int64(cost); n < maxDecimals && d > 0 && d < 10*unit && d%unit != 0; unit /= 10 {
			n++
		}
	}
	zero := func(n int) bool {
		return !slices.ContainsFunc(costs, func(cost ledger.Dollars) bool { return !strings.HasSuffix(rounded(cost, n), "0") })
	}
	for n > cents && zero(n) {
		n--
	}
	return n
}

// rounded gives so many decimals.
func rounded(d ledger.Dollars, decimals int) string {
	whole := int64(1)
	for range decimals {
		whole *= 10
	}
	unit := dollar / whole
	n, sign := int64(d), ""
	if n < 0 {
		n, sign = -n, "-"
	}
	n = (n + unit/2) / unit
	return fmt.Sprintf("%s%d.%0*d", sign, n/whole, decimals, n%whole)
}

// align writes columns: the first to the left, the others to the right.
func align(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		if n := utf8.RuneCountInString(row[0]); n > maxName {
			row[0] = string([]rune(row[0])[:maxName-3]) + "..."
		}
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				out.WriteString(cell + space)
			} else {
				out.WriteString("   " + space + cell)
			}
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// chart draws the costs or, where nothing cost anything, the tokens.
func (s statement) chart(look chart.Style) string {
	sums := s.Sums()
	if len(sums) == 0 {
		return ""
	}
	what, value := "cost", func(s usage.Sum) float64 { return float64(max(s.Cost, 0)) }
	decimals := s.decimals()
	text := func(s usage.Sum) string { return price(s, decimals) }
	if s.Total().Cost <= 0 {
		what, value = "tokens", func(s usage.Sum) float64 { return float64(s.TokensIn + s.TokensOut) }
		text = func(s usage.Sum) string { return strconv.FormatInt(s.TokensIn+s.TokensOut, 10) }
	}
	bars := make([]chart.Bar, 0, len(sums))
	for _, sum := range sums {
		bars = append(bars, chart.Bar{Label: screen.Plain(sum.Name), Text: text(sum), Value: value(sum)})
	}
	out := "\n" + strings.ToUpper(what[:1]) + what[1:] + " by " + s.by + "\n" + chart.Bars(bars, look)
	course := s.Course()
	if course == nil {
		return out
	}
	values := make([]float64, 0, len(course))
	for _, part := range course {
		values = append(values, value(part))
	}
	edge := "│"
	if look.ASCII {
		edge = "|"
	}
	return out + fmt.Sprintf("\n%s over time%s, %s each\n%s%s%s\n", strings.ToUpper(what[:1])+what[1:], s.when(),
		(s.to.Sub(s.from)/usage.Points).Round(time.Second), edge, chart.Course(values, look), edge)
}

// when says which time the records are of.
func (s statement) when() string {
	text := ""
	if !s.from.IsZero() {
		text += " from " + s.from.Format(time.RFC3339)
	}
	if !s.to.IsZero() {
		text += " to " + s.to.Format(time.RFC3339)
	}
	return text
}
