// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Command krew builds the kubectl plugin for every platform that its krew manifest names, packs each into an archive of the same
// bytes whenever it is built of the same source, and writes the manifest with their digests. It is run in the module's root.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const (
	template = "config/krew/spark.yaml"
	license  = "LICENSE"
)

func main() {
	version := flag.String("version", "", "release, such as v1.2.3")
	out := flag.String("out", "dist", "directory to write to")
	flag.Parse()
	if err := run(*version, *out); err != nil {
		fmt.Fprintln(os.Stderr, "krew:", err)
		os.Exit(1)
	}
}

// semantic is what krew takes for a version.
var semantic = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)

func run(version, out string) error {
	if !semantic.MatchString(version) {
		return fmt.Errorf("-version %q is none such as v1.2.3", version)
	}
	manifest, err := os.ReadFile(template)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	digests := map[string]string{}
	for _, p := range platforms(string(manifest)) {
		system, arch, _ := strings.Cut(p, "/")
		archive, err := build(system, arch, version)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		name := fmt.Sprintf("kubectl-spark-%s-%s.tar.gz", system, arch)
		if err := os.WriteFile(filepath.Join(out, name), archive, 0o644); err != nil {
			return err
		}
		sum := sha256.Sum256(archive)
		digests[p] = hex.EncodeToString(sum[:])
		fmt.Printf("%s  %s\n", digests[p], name)
	}
	return os.WriteFile(filepath.Join(out, "spark.yaml"), []byte(fill(string(manifest), version, digests)), 0o644)
}

var placeholder = regexp.MustCompile(`SHA256_([A-Z]+)_([A-Z0-9]+)`)

// platforms are "system/architecture", as the manifest's placeholders name them.
func platforms(manifest string) []string {
	var all []string
	for _, groups := range placeholder.FindAllStringSubmatch(manifest, -1) {
		all = append(all, strings.ToLower(groups[1]+"/"+groups[2]))
	}
	return all
}

// fill replaces the placeholders, and leaves the comment above the manifest out.
func fill(manifest, version string, digests map[string]string) string {
	_, manifest, _ = strings.Cut(manifest, "apiVersion:")
	manifest = strings.ReplaceAll("apiVersion:"+manifest, "VERSION", version)
	return placeholder.ReplaceAllStringFunc(manifest, func(found string) string {
		groups := placeholder.FindStringSubmatch(found)
		return digests[strings.ToLower(groups[1]+"/"+groups[2])]
	})
}

// build compiles the plugin for a platform and packs it with the licence.
func build(system, arch, version string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "krew-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	name := "kubectl-spark"
	if system == "windows" {
		name += ".exe"
	}
	binary := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version="+version, "-o", binary, "./cmd/kubectl-spark")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return pack([]file{{name, binary, 0o755}, {license, license, 0o644}})
}

type file struct {
	name, path string
	mode       int64
}

// pack gives a .tar.gz without times and owners.
func pack(files []file) ([]byte, error) {
	var out bytes.Buffer
	packed := gzip.NewWriter(&out)
	archive := tar.NewWriter(packed)
	for _, f := range files {
		content, err := os.ReadFile(f.path)
		if err != nil {
			return nil, err
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(content)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(content); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := packed.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
