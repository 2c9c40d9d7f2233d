// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadTakesFilesDirectoriesAndStandardInput(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"a.yaml": "a", "b.txt": "b", ".c.yaml": "c"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A mounted ConfigMap's files are links into a hidden directory.
	if err := os.Symlink(filepath.Join(dir, ".c.yaml"), filepath.Join(dir, "d.yaml")); err != nil {
		t.Fatal(err)
	}
	files, err := Read([]string{dir, filepath.Join(dir, "b.txt"), Stdin}, strings.NewReader("e"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, strings.TrimPrefix(f.Name, dir+"/")+"="+string(f.Content))
	}
	if want := "a.yaml=a d.yaml=c b.txt=b stdin=e"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestReadFailsOnWhatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{"no such path": filepath.Join(dir, "none"), "an empty directory": dir} {
		t.Run(name, func(t *testing.T) {
			if _, err := Read([]string{path}, nil); err == nil || !strings.Contains(err.Error(), dir) {
				t.Errorf("want an error that names the path, got %v", err)
			}
		})
	}
}
