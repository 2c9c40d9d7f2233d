// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sparkgateway/spark/api/manifest"
)

// watch notices changes of manifests by what the file system says of them, which works with editors that rename, with
// mounted ConfigMaps and over networks alike.
type watch struct {
	paths []string
	// settled is what was acted upon last, pending what was seen since and may still be changing.
	settled, pending string
}

func newWatch(paths []string) *watch { return &watch{paths: paths, settled: state(paths)} }

// changed says, once a change, that something differs from what was acted upon last. A change must look the same twice
// before it counts, so that a file is not read while it is being written.
func (w *watch) changed() bool {
	now := state(w.paths)
	switch now {
	case w.settled:
		w.pending = ""
		return false
	case w.pending:
		w.settled, w.pending = now, ""
		return true
	}
	w.pending = now
	return false
}

// state sums up the names, sizes and times of the manifests.
func state(paths []string) string {
	var sum strings.Builder
	for _, p := range paths {
		at, err := os.Stat(p)
		if err != nil || !at.IsDir() {
			describe(&sum, p, at, err)
			continue
		}
		entries, err := os.ReadDir(p)
		if err != nil {
			describe(&sum, p, nil, err)
		}
		for _, entry := range entries {
			if manifest.IsManifest(entry.Name()) {
				file := filepath.Join(p, entry.Name())
				at, err := os.Stat(file)
				describe(&sum, file, at, err)
			}
		}
	}
	return sum.String()
}

func describe(sum *strings.Builder, file string, at fs.FileInfo, err error) {
	if err != nil {
		fmt.Fprintf(sum, "%q %v\n", file, err)
		return
	}
	fmt.Fprintf(sum, "%q %d %d %s\n", file, at.Size(), at.ModTime().UnixNano(), at.Mode())
}
