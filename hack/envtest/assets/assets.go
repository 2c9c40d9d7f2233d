// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package assets finds, fetches or builds the programs of a local Kubernetes control plane.
//
// It asks, in order: KUBEBUILDER_ASSETS, the cache of an earlier run, the download that envtest users know, and
// at last a build from source through the Go module proxy, which needs nothing but Go.
package assets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Versions that belong together: this API server speaks the API of the client libraries in go.mod.
const (
	KubernetesVersion   = "1.37.2"
	EtcdVersion         = "3.7.0"
	setupEnvtestVersion = "v0.25.1"
)

// Programs are what a complete directory holds.
var Programs = []string{"etcd", "kube-apiserver", "kubectl"}

// Source puts all Programs into dir.
type Source struct {
	Name  string
	Fetch func(ctx context.Context, dir string) error
}

// Resolver looks for the programs where they may be and asks its sources only when they are nowhere.
type Resolver struct {
	Getenv   func(string) string
	CacheDir string // one directory a set of versions is made below it
	Sources  []Source
	Progress io.Writer
}

// Default is the resolver of every caller that has no wishes of its own.
func Default(progress io.Writer) *Resolver {
	cache := filepath.Join(userCacheDir(), "spark", "envtest")
	return &Resolver{
		Getenv:   os.Getenv,
		CacheDir: cache,
		Progress: progress,
		Sources: []Source{
			{Name: "download", Fetch: (&download{toolDir: filepath.Join(cache, "tools"), progress: progress}).fetch},
			{Name: "build from source", Fetch: (&sourceBuild{progress: progress}).fetch},
		},
	}
}

// Resolve returns a directory that holds all Programs.
func (r *Resolver) Resolve(ctx context.Context) (string, error) {
	if dir := r.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		missing := missingPrograms(dir)
		if len(missing) == 0 {
			return filepath.Abs(dir)
		}
		_, _ = fmt.Fprintf(r.Progress, "KUBEBUILDER_ASSETS=%s lacks %v, looking elsewhere\n", dir, missing)
	}
	dir := filepath.Join(r.CacheDir, cacheKey())
	if len(missingPrograms(dir)) == 0 {
		return dir, nil
	}
	if err := os.MkdirAll(r.CacheDir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, dir+".lock", r.Progress)
	if err != nil {
		return "", err
	}
	defer unlock()
	if len(missingPrograms(dir)) == 0 { // another process had the lock and did the work
		return dir, nil
	}
	return dir, r.fill(ctx, dir)
}

func (r *Resolver) fill(ctx context.Context, dir string) error {
	var failures []error
	for _, source := range r.Sources {
		began := time.Now()
		err := fetchInto(ctx, source, dir)
		if err == nil {
			_, _ = fmt.Fprintf(r.Progress, "etcd, kube-apiserver and kubectl are in %s (%s, %s)\n", dir, source.Name, since(began))
			return nil
		}
		failures = append(failures, fmt.Errorf("%s: %w", source.Name, err))
		if ctx.Err() != nil {
			break
		}
		_, _ = fmt.Fprintf(r.Progress, "%s failed after %s: %v\n", source.Name, since(began), err)
	}
	return fmt.Errorf("no etcd, kube-apiserver and kubectl: %w", errors.Join(failures...))
}

func cacheKey() string {
	return fmt.Sprintf("kubernetes-%s-etcd-%s-%s-%s", KubernetesVersion, EtcdVersion, runtime.GOOS, runtime.GOARCH)
}

func userCacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil { // no home: a container's odd user
		return filepath.Join(os.TempDir(), fmt.Sprintf("cache-%d", os.Getuid()))
	}
	return dir
}

func since(began time.Time) time.Duration { return time.Since(began).Round(time.Second) }
