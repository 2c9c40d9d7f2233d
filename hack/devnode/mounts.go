// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
)

// mount is where a container expects a volume and where it is on this machine.
type mount struct{ inside, outside string }

// mounts are sorted by falling length, so that the innermost of nested ones is found first.
type mounts []mount

func (v *volumes) mounts() mounts {
	var out mounts
	for _, m := range v.spec.Containers[0].VolumeMounts {
		out = append(out, mount{inside: filepath.Clean(m.MountPath), outside: filepath.Join(v.path(m.Name), m.SubPath)})
	}
	slices.SortFunc(out, func(a, b mount) int { return cmp.Compare(len(b.inside), len(a.inside)) })
	return out
}

// rewrite replaces the mounts' paths in an argument or variable: a process has no mounts of its own.
func (m mounts) rewrite(text string) string {
	for i := 0; i < len(text); i++ {
		if text[i] != '/' || i > 0 && inPath(text[i-1]) {
			continue
		}
		for _, mount := range m {
			rest, found := strings.CutPrefix(text[i:], mount.inside)
			if found && (rest == "" || rest[0] == '/' || !inPath(rest[0])) {
				text = text[:i] + mount.outside + rest
				i += len(mount.outside) - 1
				break
			}
		}
	}
	return text
}

// inPath says whether a byte beside a path belongs to a longer one.
func inPath(b byte) bool {
	return b == '/' || b == '.' || b == '-' || b == '_' ||
		'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}
