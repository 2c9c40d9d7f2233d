// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// plugin is krew's schema, v1alpha2, as far as this manifest uses it; anything else is refused.
type plugin struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version          string     `json:"version"`
		Homepage         string     `json:"homepage"`
		ShortDescription string     `json:"shortDescription"`
		Description      string     `json:"description"`
		Caveats          string     `json:"caveats"`
		Platforms        []platform `json:"platforms"`
	} `json:"spec"`
}

type platform struct {
	URI      string `json:"uri"`
	SHA256   string `json:"sha256"`
	Bin      string `json:"bin"`
	Selector struct {
		MatchLabels map[string]string `json:"matchLabels"`
	} `json:"selector"`
}

var (
	safeName = regexp.MustCompile(`^[\w-]+$`)
	testTime = time.Unix(1, 0)
	digest   = regexp.MustCompile(`^[a-f0-9]{64}$`)
)

// problems says what krew, and the rules of its index, would refuse.
func problems(text, file string) (found []string) {
	var p plugin
	if err := yaml.UnmarshalStrict([]byte(text), &p); err != nil {
		return []string{err.Error()}
	}
	check := func(ok bool, format string, args ...any) {
		if !ok {
			found = append(found, fmt.Sprintf(format, args...))
		}
	}
	check(p.APIVersion == "krew.googlecontainertools.github.com/v1alpha2", "apiVersion %s", p.APIVersion)
	check(p.Kind == "Plugin", "kind %s", p.Kind)
	check(safeName.MatchString(p.Metadata.Name) && p.Metadata.Name+".yaml" == file, "name %s in %s", p.Metadata.Name, file)
	check(!strings.HasPrefix(p.Metadata.Name, "kubectl-"), "a name that begins with kubectl-")
	check(semantic.MatchString(p.Spec.Version), "version %s", p.Spec.Version)
	short := p.Spec.ShortDescription
	check(short != "" && len(short) <= 50 && !strings.ContainsAny(short, "\r\n") && !strings.HasSuffix(short, "."), "shortDescription %q", short)
	check(p.Spec.Description != "", "no description")
	at, err := url.Parse(p.Spec.Homepage)
	check(err == nil && at.Scheme == "https", "homepage %s", p.Spec.Homepage)
	check(len(p.Spec.Platforms) > 0, "no platforms")
	seen := map[string]bool{}
	for i, one := range p.Spec.Platforms {
		labels := one.Selector.MatchLabels
		on := labels["os"] + "/" + labels["arch"]
		check(len(labels) == 2 && labels["os"] != "" && labels["arch"] != "", "platform %d: selector %v", i, labels)
		check(!seen[on], "platform %d: %s again", i, on)
		seen[on] = true
		at, err := url.Parse(one.URI)
		check(err == nil && at.Scheme == "https" && strings.HasSuffix(at.Path, ".tar.gz") && strings.Contains(at.Path, "/"+p.Spec.Version+"/") &&
			strings.Contains(at.Path, labels["os"]+"-"+labels["arch"]), "platform %d: uri %s", i, one.URI)
		check(digest.MatchString(one.SHA256), "platform %d: sha256 %s", i, one.SHA256)
		check(filepath.IsLocal(one.Bin) && strings.HasSuffix(one.Bin, ".exe") == (labels["os"] == "windows"), "platform %d: bin %s", i, one.Bin)
	}
	return found
}

func manifest(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../" + template)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheManifestIsOneOfKrews(t *testing.T) {
	text := manifest(t)
	want := []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}
	if got := platforms(text); !slices.Equal(got, want) {
		t.Errorf("platforms %v, want %v", got, want)
	}
	digests := map[string]string{}
	for i, p := range want {
		digests[p] = strings.Repeat(fmt.Sprint(i), 64)
	}
	filled := fill(text, "v1.2.3", digests)
	if found := problems(filled, filepath.Base(template)); len(found) > 0 {
		t.Error(strings.Join(found, "\n"))
	}
	if strings.Contains(filled, "VERSION") || strings.Contains(filled, "SHA256") || strings.Contains(filled, "#") {
		t.Errorf("placeholders are left:\n%s", filled)
	}
	for name, broken := range map[string]string{
		"another field":    strings.Replace(filled, "  homepage:", "  home:", 1),
		"a short digest":   strings.Replace(filled, digests["linux/arm64"], "abc", 1),
		"a bin outside":    strings.Replace(filled, "bin: kubectl-spark\n", "bin: ../kubectl-spark\n", 1),
		"a platform twice": strings.Replace(filled, "arch: arm64", "arch: amd64", 1),
		"no version":       strings.Replace(filled, "version: v1.2.3", "version: latest", 1),
	} {
		if found := problems(broken, "spark.yaml"); len(found) == 0 {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestOnlyReleasesAreBuilt(t *testing.T) {
	for _, version := range []string{"", "1.2.3", "dev", "v1", "v1.2.3-4-gabc dirty"} {
		if err := run(version, t.TempDir()); err == nil || !strings.Contains(err.Error(), "is none such as v1.2.3") {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func TestArchivesOfTheSameAreTheSame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("program"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := []file{{"kubectl-spark", path, 0o755}, {license, "../../" + license, 0o644}}
	first, err := pack(files)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, testTime, testTime); err != nil {
		t.Fatal(err)
	}
	second, err := pack(files)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("%v: another archive", err)
	}
	raw, err := gzip.NewReader(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for reader := tar.NewReader(raw); ; {
		h, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got += fmt.Sprintf("%s %o ", h.Name, h.Mode)
	}
	if got != "kubectl-spark 755 LICENSE 644 " {
		t.Error(got)
	}
	if _, err := pack([]file{{"x", "none", 0}}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
