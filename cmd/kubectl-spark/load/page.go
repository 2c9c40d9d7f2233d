// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"time"

	"github.com/sparkgateway/spark/web/uplot"
)

//go:embed page
var pageFiles embed.FS

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"ms": Millis, "dash": dash, "percent": Percent, "rate": rate, "bytes": bytesText,
	"when":   func(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") },
	"second": func(s float64) string { return strconv.FormatFloat(s, 'f', 1, 64) },
}).ParseFS(pageFiles, "page/page.html"))

// WriteHTML writes the report as a page of one file. It needs no network, and all its numbers stand in tables, too, so that it
// can be read without scripts.
func (r *Report) WriteHTML(to io.Writer) error {
	script, err := pageFiles.ReadFile("page/page.js")
	if err != nil {
		return err
	}
	style, err := pageFiles.ReadFile("page/page.css")
	if err != nil {
		return err
	}
	return page.Execute(to, struct {
		*Report
		Script []template.JS
		Style  template.CSS
	}{r, []template.JS{template.JS(uplot.JS), template.JS(script)}, template.CSS(uplot.CSS + string(style))})
}

// Headline says in one sentence how the run went.
func (r *Report) Headline() string {
	switch n := len(r.Thresholds); {
	case r.OK == 0:
		return "No request was answered well."
	case n == 0:
		return "No thresholds were set."
	case r.Kept:
		return fmt.Sprintf("All %d thresholds were kept.", n)
	default:
		broken := 0
		for _, v := range r.Thresholds {
			if !v.Kept {
				broken++
			}
		}
		return fmt.Sprintf("%d of %d thresholds were broken.", broken, n)
	}
}

// Mark is the class of the headline: good, bad or plain.
func (r *Report) Mark() string {
	switch {
	case r.OK == 0 || !r.Kept:
		return "bad"
	case len(r.Thresholds) > 0:
		return "good"
	}
	return "plain"
}

// Latencies are the distributions with their names, those without a count left out.
func (r *Report) Latencies() (all []Named) {
	for _, l := range r.latencies() {
		if l.Count > 0 {
			all = append(all, l)
		}
	}
	return all
}
