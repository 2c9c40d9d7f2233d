// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package uplot holds uPlot 1.6.32 (MIT, LICENSE beside), which draws the plots of the console and of load reports. The files are
// those of its npm package: dist/uPlot.iife.min.js and dist/uPlot.min.css.
package uplot

import _ "embed"

// JS defines the global uPlot.
//
//go:embed uplot.js
var JS string

// CSS styles it.
//
//go:embed uplot.css
var CSS string
