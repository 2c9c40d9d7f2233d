// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package grafana makes the dashboard of spark.json. Its rows and panels stand in rows.go; UPDATE=1 go test ./config/grafana
// writes the file.
package grafana

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// The names that queries are written with, and what they stand for.
var macros = strings.NewReplacer(
	"TARGET", `namespace=~"$namespace",gateway=~"$gateway",provider=~"$provider",model=~"$model"`,
	"PROVIDER", `namespace=~"$namespace",gateway=~"$gateway",provider=~"$provider"`,
	"GATEWAY", `namespace=~"$namespace",gateway=~"$gateway"`,
	"RATE", "$__rate_interval",
)

// row is a title and the panels under it, three or as many as fit beside each other.
type row struct {
	title  string
	panels []panel
}

// panel is one plot.
type panel struct {
	title, help string
	// kind is "timeseries" by default, or another of Grafana's.
	kind string
	// unit is one of Grafana's, such as "s", "reqps", "percentunit".
	unit    string
	queries []target
	// stacked adds the series up; width is 8 of 24 by default.
	stacked bool
	width   int
}

// target is a query, and how its series are called.
type target struct{ expr, legend string }

// The widths and heights of Grafana's grid, and the schema that the file is of: that of Grafana 10, which later ones read.
const (
	columns, statHeight, plotHeight = 24, 4, 8
	schema                          = 38
)

type object = map[string]any

// JSON gives the dashboard as Grafana imports it.
func JSON() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	err := encoder.Encode(object{
		"uid": "spark-gateways", "title": "Spark gateways", "tags": []string{"spark"},
		"description": "Gateways of Spark: what they serve, how well, and for how much.",
		"editable":    true, "schemaVersion": schema, "version": 1, "refresh": "30s", "graphTooltip": 1,
		"time":       object{"from": "now-6h", "to": "now"},
		"timezone":   "browser",
		"templating": object{"list": variables()},
		"panels":     layout(rows),
		"links":      []any{},
	})
	return out.Bytes(), err
}

func variables() []object {
	list := []object{{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}}
	for _, v := range []struct{ name, query string }{
		{"namespace", `label_values(spark_build_info, namespace)`},
		{"gateway", `label_values(spark_build_info{namespace=~"$namespace"}, gateway)`},
		{"provider", `label_values(spark_requests_total{GATEWAY}, provider)`},
		{"model", `label_values(spark_requests_total{PROVIDER}, model)`},
	} {
		query := macros.Replace(v.query)
		list = append(list, object{
			"name": v.name, "label": strings.ToUpper(v.name[:1]) + v.name[1:], "type": "query", "datasource": source(),
			"query": object{"query": query, "refId": v.name}, "definition": query, "refresh": 2, "sort": 1, "multi": true,
			// Requests that reached no target have neither provider nor model.
			"includeAll": true, "allValue": ".*", "current": object{"text": "All", "value": "$__all"},
		})
	}
	return list
}

func source() object { return object{"type": "prometheus", "uid": "${datasource}"} }

// layout puts panels beside each other, and rows below each other.
func layout(rows []row) []object {
	var all []object
	id, y := 0, 0
	place := func(o object, x, width, height int) {
		id++
		o["id"], o["gridPos"] = id, object{"x": x, "y": y, "w": width, "h": height}
		all = append(all, o)
	}
	for _, r := range rows {
		place(object{"type": "row", "title": r.title, "collapsed": false, "panels": []any{}}, 0, columns, 1)
		y++
		x, height := 0, 0
		for _, p := range r.panels {
			width, tall := p.width, plotHeight
			if width == 0 {
				width = columns / 3
			}
			if p.kind == "stat" {
				tall = statHeight
			}
			if x+width > columns {
				x, y = 0, y+height
			}
			place(p.object(), x, width, tall)
			x, height = x+width, tall
		}
		y += height
	}
	return all
}

func (p panel) object() object {
	var targets []object
	for i, t := range p.queries {
		targets = append(targets, object{
			"refId": string(rune('A' + i)), "expr": macros.Replace(t.expr), "legendFormat": t.legend, "datasource": source(), "range": true,
		})
	}
	custom := object{"fillOpacity": 10, "lineWidth": 1, "showPoints": "never"}
	if p.stacked {
		custom["stacking"], custom["fillOpacity"] = object{"mode": "normal"}, 40
	}
	kind, options := p.kind, object{"legend": object{"displayMode": "list", "placement": "bottom"}, "tooltip": object{"mode": "multi", "sort": "desc"}}
	switch kind {
	case "":
		kind = "timeseries"
	case "stat":
		custom, options = object{}, object{"reduceOptions": object{"calcs": []string{"lastNotNull"}}, "colorMode": "value", "graphMode": "area"}
	case "state-timeline":
		custom, options = object{"fillOpacity": 70}, object{"mergeValues": true, "showValue": "never"}
	}
	defaults := object{"unit": p.unit, "custom": custom}
	if kind == "timeseries" {
		defaults["min"] = 0
	}
	if kind == "state-timeline" {
		defaults["mappings"], defaults["color"] = []object{{"type": "value", "options": breakerWords}}, object{"mode": "thresholds"}
		defaults["thresholds"] = object{"mode": "absolute", "steps": []object{
			{"value": nil, "color": "green"}, {"value": 1, "color": "yellow"}, {"value": 2, "color": "red"}}}
	}
	return object{
		"type": kind, "title": p.title, "description": p.help, "datasource": source(), "targets": targets,
		"fieldConfig": object{"defaults": defaults, "overrides": []any{}}, "options": options,
	}
}

// breakerWords are the values of spark_breaker_state.
var breakerWords = object{"0": object{"text": "closed"}, "1": object{"text": "half-open"}, "2": object{"text": "open"}}

// percentiles are the queries of a histogram's; further are matchers, and by a label to tell apart, or empty.
func percentiles(metric, matchers, by string, of ...int) (queries []target) {
	legend := ""
	if by != "" {
		legend, by = " {{"+by+"}}", ", "+by
	}
	for _, p := range of {
		queries = append(queries, target{
			fmt.Sprintf("histogram_quantile(%g, sum by (le%s) (rate(%s_bucket{%s}[RATE])))", float64(p)/100, by, metric, matchers),
			fmt.Sprintf("p%d%s", p, legend),
		})
	}
	return queries
}
