// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/controllers/issue"
)

var aliceKey = types.NamespacedName{Namespace: "default", Name: "alice-key"}

func TestAGeneratedKeyOutlivesTheProcess(t *testing.T) {
	var told []string
	ring := Keyring{
		Dir:       filepath.Join(t.TempDir(), KeysDir),
		Generated: func(_ types.NamespacedName, file string) { told = append(told, file) },
	}
	first, err := ring.Secrets(parseValid(t, keyYAML))
	if err != nil {
		t.Fatal(err)
	}
	key := string(first[aliceKey].Data["apiKey"])
	if !issue.IsAPIKey(key) {
		t.Error("not a generated key")
	}
	again, err := ring.Secrets(parseValid(t, keyYAML))
	if err != nil {
		t.Fatal(err)
	}
	if string(again[aliceKey].Data["apiKey"]) != key {
		t.Error("another key was generated")
	}
	if want := filepath.Join(ring.Dir, "default_alice-key.yaml"); len(told) != 1 || told[0] != want {
		t.Errorf("told of %v, want once of %s", told, want)
	}
	for path, want := range map[string]fs.FileMode{ring.Dir: fs.ModeDir | 0o700, told[0]: 0o600} {
		if at, err := os.Stat(path); err != nil || at.Mode() != want {
			t.Errorf("%s: mode %v, want %v", path, at.Mode(), want)
		}
	}
	if left, _ := os.ReadDir(ring.Dir); len(left) != 2 || left[0].Name() != ".gitignore" {
		t.Error("want the key and a .gitignore, got", left)
	}
}

func TestAKeyAmongTheManifestsIsPreferred(t *testing.T) {
	ring := Keyring{Dir: filepath.Join(t.TempDir(), KeysDir)}
	generated, err := ring.Secrets(parseValid(t, keyYAML+"apiVersion: v1\nkind: Secret\nmetadata: {name: alice-key}\nstringData: {apiKey: mine}"))
	if err != nil || len(generated) != 0 {
		t.Errorf("got %v, %v, want nothing generated", generated, err)
	}
	if _, err := os.Stat(ring.Dir); err == nil {
		t.Error("the directory was made for nothing")
	}
}

func TestAKeyThatCannotBeKeptOrReadIsAnError(t *testing.T) {
	tests := map[string]func(t *testing.T, dir string){
		"the directory is a file": func(t *testing.T, dir string) { write(t, dir, "") },
		"the file holds another Secret": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "default_alice-key.yaml"), "apiVersion: v1\nkind: Secret\nmetadata: {name: bob-key}\nstringData: {apiKey: hunter2}")
		},
		"the file is broken": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "default_alice-key.yaml"), "apiVersion: v1\nkind: Secret\nstringData: {apiKey: 'hunter2}")
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), KeysDir)
			prepare(t, dir)
			_, err := Keyring{Dir: dir}.Secrets(parseValid(t, keyYAML))
			if err == nil || !strings.Contains(err.Error(), "default/alice-key") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("want an error that names the Secret and not its value, got %v", err)
			}
		})
	}
}

func TestKeysAreKeptBesideTheFirstPath(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	write(t, file, "")
	for _, paths := range [][]string{{dir}, {file, "elsewhere"}} {
		if got, want := KeyringDir(paths), filepath.Join(dir, ".spark"); got != want {
			t.Errorf("%v: got %s, want %s", paths, got, want)
		}
	}
}

// write replaces a file as careful editors do: by renaming.
func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file+"~", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+"~", file); err != nil {
		t.Fatal(err)
	}
}
