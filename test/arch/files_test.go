// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sources calls back with every Go file of the module, by its path from the root.
func sources(t *testing.T, visit func(path string, content []byte)) {
	t.Helper()
	n := 0
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin") {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		content, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		n++
		visit(path, content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 100 {
		t.Fatalf("only %d Go files were found", n)
	}
}

func generated(path string) bool { return strings.HasPrefix(filepath.Base(path), "zz_generated") }

func TestFilesAreOfASize(t *testing.T) {
	sources(t, func(path string, content []byte) {
		most := 600
		switch {
		case generated(path), strings.HasSuffix(path, "_types.go"):
			return
		case filepath.Dir(path) == "cmd/gateway", filepath.Dir(path) == "cmd/manager", path == "cmd/kubectl-spark/main.go":
			most = 150
		}
		if n := bytes.Count(content, []byte("\n")); n > most {
			t.Errorf("%s has %d lines, of at most %d", path, n, most)
		}
	})
}

func TestFilesBeginWithTheBoilerplate(t *testing.T) {
	want, err := os.ReadFile("../../hack/boilerplate/boilerplate.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	want = bytes.TrimSpace(want)
	sources(t, func(path string, content []byte) {
		// A build constraint may stand first in what is generated.
		stands := bytes.HasPrefix(content, want) || generated(path) && bytes.Contains(content, want)
		if !stands {
			t.Errorf("%s does not begin with the boilerplate", path)
		}
	})
}

// Tests do not sleep and hope: they wait for what they want to see, or have a time of their own (testing/synctest), in
// which sleeping is waiting. Elsewhere a sleep may only be the step of a loop that polls.
func TestTestsDoNotSleep(t *testing.T) {
	sources(t, func(path string, content []byte) {
		if !strings.HasSuffix(path, "_test.go") {
			return
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, content, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			return
		}
		for _, imported := range file.Imports {
			if imported.Path.Value == `"testing/synctest"` {
				return
			}
		}
		for _, at := range sleeps(file) {
			t.Errorf("%s sleeps", files.Position(at))
		}
	})
}

// sleeps finds calls of time.Sleep that are not the step of a loop.
func sleeps(file *ast.File) []token.Pos {
	var found []token.Pos
	ast.Inspect(file, func(n ast.Node) bool {
		if loop, ok := n.(*ast.ForStmt); ok && loop.Post != nil && isSleep(loop.Post) {
			for _, part := range []ast.Node{loop.Init, loop.Cond, loop.Body} {
				if part == nil {
					continue
				}
				ast.Inspect(part, func(n ast.Node) bool {
					if call, ok := n.(*ast.CallExpr); ok && isSleepCall(call) {
						found = append(found, call.Pos())
					}
					return true
				})
			}
			return false
		}
		if call, ok := n.(*ast.CallExpr); ok && isSleepCall(call) {
			found = append(found, call.Pos())
		}
		return true
	})
	return found
}

func isSleep(s ast.Stmt) bool {
	expression, ok := s.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := expression.X.(*ast.CallExpr)
	return ok && isSleepCall(call)
}

func isSleepCall(call *ast.CallExpr) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != "Sleep" {
		return false
	}
	pkg, ok := selector.X.(*ast.Ident)
	return ok && pkg.Name == "time"
}

func TestSleepsAreFound(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want int
	}{
		"none":                        {"f()", 0},
		"a sleep":                     {"time.Sleep(1)", 1},
		"a sleep in a loop's body":    {"for { time.Sleep(1) }", 1},
		"the step of a loop":          {"for !ok(); time.Sleep(1) {}", 0},
		"beside the step of a loop":   {"for !ok(); time.Sleep(1) { time.Sleep(2) }", 1},
		"somebody else's sleep":       {"clock.Sleep(1)", 0},
		"a sleep in a goroutine":      {"go func() { time.Sleep(1) }()", 1},
		"a loop with another step":    {"for i := 0; i < 9; i++ { time.Sleep(1) }", 1},
		"a step with an init as well": {"for d := now(); d.Before(end); time.Sleep(1) {}", 0},
	} {
		body := strings.Replace(test.body, "for !ok();", "for ; !ok();", 1)
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc x() {\n"+body+"\n}", 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := len(sleeps(file)); got != test.want {
			t.Errorf("%s: %d sleeps found, want %d", name, got, test.want)
		}
	}
}

// What is not listed there is generated, tested, and not installed.
func TestEveryDefinitionIsInstalled(t *testing.T) {
	const dir = "../../config/crd"
	listed, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	definitions, err := filepath.Glob(filepath.Join(dir, "sparkgateway.dev_*.yaml"))
	if err != nil || len(definitions) < 5 {
		t.Fatalf("%d definitions, %v", len(definitions), err)
	}
	for _, path := range definitions {
		if name := filepath.Base(path); !bytes.Contains(listed, []byte("- "+name+"\n")) {
			t.Errorf("%s is not in kustomization.yaml", name)
		}
	}
}
