// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Stdin is the path that means standard input.
const Stdin = "-"

// MaxFileBytes bounds one file, so that a stray archive named .yaml is not read into memory.
const MaxFileBytes = 256 << 20

// File is a manifest file in memory. Content may hold Secrets.
type File struct {
	// Name is how problems name the file.
	Name    string
	Content []byte
}

// Read gives the manifest files of the paths, in their order: a file whatever its name, the *.yaml, *.yml and *.json
// of a directory itself, or standard input for "-". As with kubectl, directories below are not read; hidden files and
// kustomization files are no manifests. It fails on a path that cannot be read and on a directory without manifests.
func Read(paths []string, stdin io.Reader) ([]File, error) {
	var files []File
	for _, p := range paths {
		read, err := readPath(p, stdin)
		if err != nil {
			return nil, err
		}
		files = append(files, read...)
	}
	return files, nil
}

func readPath(p string, stdin io.Reader) ([]File, error) {
	if p == Stdin {
		content, err := readAll(stdin)
		return []File{{Name: "stdin", Content: content}}, err
	}
	at, err := os.Stat(p)
	if err != nil {
		return nil, err
	}
	if at.IsDir() {
		return readDir(os.DirFS(p), p)
	}
	file, err := readFile(os.DirFS(filepath.Dir(p)), filepath.Base(p), p)
	return []File{file}, err
}

func readDir(fsys fs.FS, prefix string) ([]File, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	var files []File
	for _, entry := range entries {
		if !IsManifest(entry.Name()) {
			continue
		}
		// Stat, as the files of a mounted ConfigMap are links.
		if at, err := fs.Stat(fsys, entry.Name()); err != nil || at.IsDir() {
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			continue
		}
		file, err := readFile(fsys, entry.Name(), filepath.Join(prefix, entry.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no manifest: no *.yaml, *.yml or *.json (directories below it are not read)", prefix)
	}
	return files, nil
}

// IsManifest says whether a directory's file of that name is read.
func IsManifest(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	switch strings.ToLower(name) {
	case "kustomization.yaml", "kustomization.yml":
		return false
	}
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

func readFile(fsys fs.FS, name, shown string) (File, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return File{}, err
	}
	defer func() { _ = f.Close() }()
	content, err := readAll(f)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", shown, err)
	}
	return File{Name: shown, Content: content}, nil
}

func readAll(r io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, MaxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(content) > MaxFileBytes {
		return nil, fmt.Errorf("larger than %d bytes", MaxFileBytes)
	}
	return content, nil
}
