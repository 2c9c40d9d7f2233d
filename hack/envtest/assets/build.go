// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sparkgateway/spark/hack/envtest/step"
)

// sourceBuild compiles the programs in a throw-away module. It needs Go and the module proxy, and some minutes: the
// packages stay in Go's build cache, so a second build is a matter of linking.
type sourceBuild struct {
	progress io.Writer
}

func (b *sourceBuild) fetch(ctx context.Context, dir string) error {
	module, err := os.MkdirTemp("", "spark-envtest-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(module) }()
	if err := b.writeModule(ctx, module); err != nil {
		return err
	}
	for i, target := range buildTargets() {
		_, err := step.Step{
			Title:    fmt.Sprintf("building %s (%d of %d; minutes the first time)", target.name, i+1, len(Programs)),
			Dir:      module,
			Env:      []string{"CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off"},
			Args:     []string{"go", "build", "-v", "-buildvcs=false", "-ldflags", target.ldflags, "-o", filepath.Join(dir, target.name), target.pkg},
			Progress: b.progress,
		}.Run(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

type buildTarget struct{ name, pkg, ldflags string }

// buildTargets begins with the quickest, so that a machine on which nothing can be built says so early.
func buildTargets() []buildTarget {
	minor := strings.Split(KubernetesVersion, ".")[1]
	const version = "k8s.io/component-base/version."
	kubernetes := "-s -w -X " + version + "gitVersion=v" + KubernetesVersion +
		" -X " + version + "gitMajor=1 -X " + version + "gitMinor=" + minor
	return []buildTarget{
		{"etcd", "go.etcd.io/etcd/server/v3", "-s -w"},
		{"kubectl", "k8s.io/kubernetes/cmd/kubectl", kubernetes},
		{"kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", kubernetes},
	}
}

// writeModule writes a go.mod that requires the programs. Kubernetes requires its own libraries at v0.0.0 and
// replaces them by directories of its repository, which a module that depends on it does not inherit.
func (b *sourceBuild) writeModule(ctx context.Context, dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module assets\n\ngo 1.26.0\n"), 0o644); err != nil {
		return err
	}
	printed, err := step.Step{
		Title: "downloading the source of Kubernetes " + KubernetesVersion, Dir: dir,
		Env:      []string{"GOFLAGS=-mod=mod", "GOWORK=off"},
		Args:     []string{"go", "mod", "download", "-json", "k8s.io/kubernetes@v" + KubernetesVersion},
		Progress: b.progress,
	}.Run(ctx)
	if err != nil {
		return err
	}
	var module struct{ GoMod string }
	if err := json.Unmarshal([]byte(printed), &module); err != nil {
		return fmt.Errorf("go mod download: %w", err)
	}
	upstream, err := os.ReadFile(module.GoMod)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "go.mod"), []byte(moduleFile(string(upstream))), 0o644)
}

// moduleFile maps every k8s.io/* v0.0.0 of Kubernetes' go.mod to the published module, which carries the same minor
// and patch under v0.
func moduleFile(upstream string) string {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "module assets\n\ngo 1.26.0\n\nrequire (\n\tk8s.io/kubernetes v%s\n\tgo.etcd.io/etcd/server/v3 v%s\n)\n\nreplace (\n",
		KubernetesVersion, EtcdVersion)
	published := "v0." + strings.TrimPrefix(KubernetesVersion, "1.")
	for line := range strings.Lines(upstream) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && strings.HasPrefix(fields[0], "k8s.io/") && fields[1] == "v0.0.0" {
			_, _ = fmt.Fprintf(&b, "\t%s => %s %s\n", fields[0], fields[0], published)
		}
	}
	b.WriteString(")\n")
	return b.String()
}
