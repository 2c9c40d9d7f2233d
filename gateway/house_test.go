// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sparkgateway/spark/"

// mayImport are the rooms that a room may import beside exchange and config. Only proxy composes others.
var mayImport = map[string][]string{
	"proxy":    {"dialect", "provider", "sse", "upstream"},
	"exchange": {},
	"config":   {},
}

func TestRoomsDoNotImportEachOther(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(file string, _ fs.DirEntry, err error) error {
		room := path.Dir(filepath.ToSlash(file))
		if err != nil || room == "." || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		files++
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		allowed, listed := mayImport[room]
		if !listed || len(allowed) > 0 {
			allowed = append([]string{"exchange", "config"}, allowed...)
		}
		for _, spec := range parsed.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			rest, ours := strings.CutPrefix(imported, module)
			other, inGateway := strings.CutPrefix(rest, "gateway/")
			switch {
			case strings.HasPrefix(imported, "k8s.io/"), strings.HasPrefix(imported, "sigs.k8s.io/controller-runtime"):
				t.Errorf("%s imports %s: the gateway does not know Kubernetes", file, imported)
			case ours && !inGateway:
				t.Errorf("%s imports %s, which is outside of the gateway", file, rest)
			case ours && !slices.Contains(allowed, other):
				t.Errorf("%s imports the room %s", file, other)
			}
		}
		return nil
	})
	if err != nil || files < 20 {
		t.Errorf("%d files, %v", files, err)
	}
}
