// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package arch tests the house rules of the source itself: who may import whom, how large files are, how tests wait.
package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/sparkgateway/spark"

// listed is what go list says of a package. Paths of this module are without the module.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Standard   bool
}

// packages are all of the module, tests left aside.
var packages = sync.OnceValues(func() ([]listed, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps,Standard", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, errors.New(string(exit.Stderr))
	}
	if err != nil {
		return nil, err
	}
	var all []listed
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		p.ImportPath = short(p.ImportPath)
		for _, list := range [][]string{p.Imports, p.Deps} {
			for i := range list {
				list[i] = short(list[i])
			}
		}
		all = append(all, p)
	}
})

func short(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

// within says whether a path is that of a tree or below it.
func within(path, tree string) bool { return path == tree || strings.HasPrefix(path, tree+"/") }

func withinAny(path string, trees ...string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool { return within(path, tree) })
}

// ours says whether a package is of this module.
func ours(path string) bool {
	return withinAny(path, "api", "cmd", "config", "controllers", "gateway", "hack", "test")
}

func mustList(t *testing.T) []listed {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// room is the first two elements of a path.
func room(path string) string {
	parts := strings.SplitN(path, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

func find(t *testing.T, path string) listed {
	t.Helper()
	for _, p := range mustList(t) {
		if p.ImportPath == path {
			return p
		}
	}
	t.Fatalf("there is no package %s", path)
	return listed{}
}

// The data plane knows nothing of Kubernetes, not even through others.
func TestTheGatewayDoesNotReachKubernetes(t *testing.T) {
	checked := 0
	for _, p := range mustList(t) {
		if !withinAny(p.ImportPath, "gateway", "cmd/gateway") {
			continue
		}
		checked++
		for _, dep := range p.Deps {
			if within(dep, "sigs.k8s.io/yaml") {
				continue
			}
			if withinAny(dep, "k8s.io", "sigs.k8s.io", "api", "controllers", "hack", "test") {
				t.Errorf("%s reaches %s", p.ImportPath, dep)
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d packages of the gateway were found", checked)
	}
}

func TestTheContractStandsOnTheStandardLibrary(t *testing.T) {
	for _, dep := range find(t, "gateway/config").Deps {
		if strings.Contains(strings.Split(dep, "/")[0], ".") && !within(dep, "sigs.k8s.io/yaml") {
			t.Errorf("gateway/config reaches %s", dep)
		}
		if ours(dep) {
			t.Errorf("gateway/config reaches %s", dep)
		}
	}
}

// Rooms of the gateway import the contract and the request's state, and not each other; proxy composes some of them,
// and the gateway all. A room may have packages below it.
func TestRoomsOfTheGatewayDoNotImportEachOther(t *testing.T) {
	shared := []string{"gateway/config", "gateway/exchange"}
	// Arithmetic that two rooms have in common, which knows nothing of either.
	arithmetic := map[string][]string{"gateway/limit": {"gateway/gcra"}, "gateway/quota": {"gateway/gcra"}}
	composers := []string{"gateway", "gateway/proxy"}
	for _, p := range mustList(t) {
		if !within(p.ImportPath, "gateway") || slices.Contains(composers, p.ImportPath) {
			continue
		}
		for _, dep := range p.Imports {
			if within(dep, "gateway") && !slices.Contains(shared, dep) && !within(dep, room(p.ImportPath)) &&
				!slices.Contains(arithmetic[p.ImportPath], dep) {
				t.Errorf("%s imports %s", p.ImportPath, dep)
			}
		}
	}
	composed := slices.Concat(shared, []string{
		"gateway/balance", "gateway/breaker", "gateway/dialect", "gateway/eventstream", "gateway/health", "gateway/provider",
		"gateway/quota", "gateway/sse", "gateway/telemetry", "gateway/trace", "gateway/upstream",
	})
	for _, dep := range find(t, "gateway/proxy").Imports {
		if within(dep, "gateway") && !withinAny(dep, composed...) {
			t.Errorf("gateway/proxy imports %s", dep)
		}
	}
	for _, dep := range find(t, "gateway/gcra").Imports {
		if ours(dep) {
			t.Errorf("gateway/gcra imports %s", dep)
		}
	}
	for _, dep := range find(t, "gateway/exchange").Imports {
		if within(dep, "gateway") && dep != "gateway/config" {
			t.Errorf("gateway/exchange imports %s", dep)
		}
	}
}

// What each room of the controllers may import of this module. A new arrow is a decision: add it here knowingly.
var controllerArrows = map[string][]string{
	"controllers/apply":    {},
	"controllers/board":    {"controllers/status"},
	"controllers/compiler": {"api/v1alpha1", "gateway/config"},
	"controllers/console": {
		"api/v1alpha1", "controllers/console/page", "controllers/fleet", "controllers/render", "gateway/config",
	},
	// The page is told the cluster's state by the interface alone.
	"controllers/console/page": {},
	"controllers/fleet":        {"controllers/issue", "controllers/render", "gateway/config"},
	"controllers/issue":        {"controllers/render", "gateway/config"},
	"controllers/render":       {"api/v1alpha1", "controllers/compiler", "gateway/config"},
	"controllers/status":       {"api/v1alpha1", "controllers/compiler", "gateway/config"},
	"controllers/tally":        {"gateway/config"},
	"controllers/turns":        {},
}

func TestRoomsOfTheControllers(t *testing.T) {
	for _, p := range mustList(t) {
		if !within(p.ImportPath, "controllers") || p.ImportPath == "controllers" {
			continue
		}
		allowed, known := controllerArrows[p.ImportPath]
		if !known {
			t.Errorf("%s is a new room: say what it may import", p.ImportPath)
		}
		for _, dep := range p.Imports {
			if ours(dep) && !slices.Contains(allowed, dep) {
				t.Errorf("%s imports %s", p.ImportPath, dep)
			}
		}
	}
}

// The pure rooms have no client, context, clock of their own, logger or file.
func TestPureRoomsArePure(t *testing.T) {
	for _, room := range []string{"controllers/compiler", "controllers/render", "controllers/status"} {
		for _, dep := range find(t, room).Imports {
			impure := []string{"context", "os", "log", "net", "net/http", "math/rand", "math/rand/v2", "crypto/rand", "sync",
				"k8s.io/client-go", "k8s.io/klog", "github.com/go-logr", "sigs.k8s.io/controller-runtime/pkg/log"}
			if slices.Contains(impure, dep) || withinAny(dep, "log", "os", "k8s.io/client-go", "github.com/go-logr") {
				t.Errorf("%s imports %s", room, dep)
			}
		}
	}
}

func TestTreesLookOneWay(t *testing.T) {
	for tree, never := range map[string][]string{
		"api":         {"controllers", "gateway", "cmd", "hack", "test"},
		"config":      {"api", "controllers", "gateway", "cmd", "hack", "test"},
		"controllers": {"cmd", "hack", "test", "api/manifest"},
		"cmd":         {"hack", "test"},
		"hack":        {"cmd", "controllers", "gateway"},
	} {
		for _, p := range mustList(t) {
			if !within(p.ImportPath, tree) {
				continue
			}
			for _, dep := range p.Imports {
				if withinAny(dep, never...) {
					t.Errorf("%s imports %s", p.ImportPath, dep)
				}
			}
		}
	}
	for _, p := range mustList(t) {
		for _, dep := range p.Imports {
			if dep == "gateway" && !withinAny(p.ImportPath, "cmd", "test") {
				t.Errorf("%s imports the gateway; the contract is gateway/config", p.ImportPath)
			}
		}
	}
}

func TestNoRoomIsALumberRoom(t *testing.T) {
	for _, p := range mustList(t) {
		for part := range strings.SplitSeq(p.ImportPath, "/") {
			if slices.Contains([]string{"pkg", "internal", "util", "utils", "common", "helpers", "helper", "misc", "shared", "types"}, part) {
				t.Errorf("%s: a room is one sentence, and %q is none", p.ImportPath, part)
			}
		}
	}
}
