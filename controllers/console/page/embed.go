// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package page holds the files of the console: plain HTML, CSS and JavaScript modules, as they are written.
package page

import (
	"embed"
	"path"

	"github.com/sparkgateway/spark/web/uplot"
)

// Policy is the Content-Security-Policy that the page lives under: nothing from elsewhere, nothing inline, in nobody's frame. The
// plots set their styles through the object model, which needs no more.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

//go:embed index.html *.css *.js icon.svg
var files embed.FS

// types are the content types by extension: those of the machine's own tables differ from one to the next.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// File gives a file by its name, "" for the page itself, and its content type. It reports whether there is one. It is safe for
// concurrent use, and the content must not be changed.
func File(name string) (content []byte, contentType string, found bool) {
	switch name {
	case "":
		name = "index.html"
	case "uplot.js":
		return []byte(uplot.JS), types[".js"], true
	case "uplot.css":
		return []byte(uplot.CSS), types[".css"], true
	}
	content, err := files.ReadFile(name)
	return content, types[path.Ext(name)], err == nil
}
