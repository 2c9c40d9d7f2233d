// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// atomicDir is a directory whose files change all at once, in the way that programs on Kubernetes watch for: the
// files are links through `..data`, which is itself a link to the directory of one moment.
type atomicDir struct {
	dir     string
	written map[string]file // nil before the first time
	current string          // base name of the moment's directory
}

const dataLink = "..data"

func (a *atomicDir) write(files map[string]file) error {
	if a.written != nil && maps.Equal(a.written, files) {
		return nil
	}
	if err := os.MkdirAll(a.dir, 0o755); err != nil {
		return err
	}
	moment, err := os.MkdirTemp(a.dir, "..")
	if err != nil {
		return err
	}
	if err := fillDir(moment, files); err != nil {
		_ = os.RemoveAll(moment)
		return err
	}
	if err := swapLink(filepath.Join(a.dir, dataLink), filepath.Base(moment)); err != nil {
		_ = os.RemoveAll(moment)
		return err
	}
	before := a.current
	a.current, a.written = filepath.Base(moment), maps.Clone(files)
	if a.written == nil {
		a.written = map[string]file{}
	}
	if err := a.link(files); err != nil {
		return err
	}
	if before == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(a.dir, before))
}

func fillDir(dir string, files map[string]file) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	for name, f := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.content), f.mode); err != nil {
			return err
		}
		if err := os.Chmod(path, f.mode); err != nil { // whatever the umask
			return err
		}
	}
	return nil
}

func swapLink(path, target string) error {
	next := path + "_tmp"
	if err := os.Remove(next); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Symlink(target, next); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// link makes the visible names, of first path elements, and removes those that no file has any more.
func (a *atomicDir) link(files map[string]file) error {
	wanted := map[string]bool{}
	for name := range files {
		first, _, _ := strings.Cut(name, "/")
		wanted[first] = true
	}
	for name := range wanted {
		path := filepath.Join(a.dir, name)
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		if err := os.Symlink(filepath.Join(dataLink, name), path); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasPrefix(name, "..") && !wanted[name] {
			if err := os.Remove(filepath.Join(a.dir, name)); err != nil {
				return fmt.Errorf("stale link: %w", err)
			}
		}
	}
	return nil
}
