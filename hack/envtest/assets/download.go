// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/sparkgateway/spark/hack/envtest/step"
)

// Where the release server cannot be reached, a build from source is minutes away and should not wait long for that
// news; where it can, the archive of a hundred megabytes may take its time.
const (
	installLimit  = 2 * time.Minute
	indexLimit    = 8 * time.Second
	downloadLimit = 5 * time.Minute
)

// download gets the official archive with envtest's own tool.
type download struct {
	toolDir  string
	progress io.Writer
}

func (d *download) fetch(ctx context.Context, dir string) error {
	tool, err := d.tool(ctx)
	if err != nil {
		return err
	}
	store, err := os.MkdirTemp(filepath.Dir(dir), "download-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(store) }()
	minor := KubernetesVersion[:strings.LastIndexByte(KubernetesVersion, '.')] + ".x"
	common := []string{"--bin-dir", store, "--os", runtime.GOOS, "--arch", runtime.GOARCH}

	listed, err := step.Step{
		Title: "asking for the released Kubernetes " + minor, Limit: indexLimit, Progress: d.progress,
		Args: append([]string{tool, "list", minor}, common...),
	}.Run(ctx)
	if err != nil {
		return err
	}
	if listed == "" {
		return fmt.Errorf("no release %s for %s/%s", minor, runtime.GOOS, runtime.GOARCH)
	}
	from, err := step.Step{
		Title: "downloading Kubernetes " + minor, Limit: downloadLimit, Progress: d.progress,
		Args: append([]string{tool, "use", minor, "-p", "path"}, common...),
	}.Run(ctx)
	if err != nil {
		return err
	}
	for _, name := range Programs {
		if err := os.Rename(filepath.Join(from, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (d *download) tool(ctx context.Context) (string, error) {
	tool := filepath.Join(d.toolDir, "setup-envtest-"+setupEnvtestVersion)
	if _, err := os.Stat(tool); err == nil {
		return tool, nil
	}
	if err := os.MkdirAll(d.toolDir, 0o755); err != nil {
		return "", err
	}
	bin, err := os.MkdirTemp(d.toolDir, "partial-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(bin) }()
	_, err = step.Step{
		Title: "installing setup-envtest", Limit: installLimit, Progress: d.progress,
		Env:  []string{"GOBIN=" + bin, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0"},
		Args: []string{"go", "install", "sigs.k8s.io/controller-runtime/tools/setup-envtest@" + setupEnvtestVersion},
	}.Run(ctx)
	if err != nil {
		return "", err
	}
	return tool, os.Rename(filepath.Join(bin, "setup-envtest"), tool)
}
