// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// literal is a name of a metric as Go source has it.
var literal = regexp.MustCompile(`"((?:spark|gen_ai_(?:server|client))_[a-z0-9_]+)"`)

// names gives every metric that the source of the programs names, and a file that does.
func names(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, root := range []string{"../../gateway", "../../controllers", "../../cmd/gateway", "../../cmd/manager"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path) //nolint:gosec // The paths are the repository's own.
			if err != nil {
				return err
			}
			for _, m := range literal.FindAllStringSubmatch(string(source), -1) {
				found[m[1]] = path
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}
