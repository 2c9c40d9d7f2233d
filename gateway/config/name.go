// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"unsafe"
)

// MatchName says whether a model's name is of a pattern, in which each "*" stands for any characters, or none; a pattern
// without one is a name. Names are compared byte by byte. It does not allocate, and takes time of at most the product of
// both lengths: callers bound the names that clients choose.
//
// To take each part of the pattern where it is found first leaves most of the name for those that follow, so that nothing
// is tried twice.
func MatchName[N string | []byte](pattern string, name N) bool { return matchName(pattern, view(name)) }

func matchName(pattern, name string) bool {
	first, parts, several := strings.Cut(pattern, "*")
	if !several {
		return name == pattern
	}
	rest, begins := strings.CutPrefix(name, first)
	if !begins {
		return false
	}
	for {
		part, further, more := strings.Cut(parts, "*")
		if !more {
			return strings.HasSuffix(rest, part)
		}
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest, parts = rest[at+len(part):], further
	}
}

// view gives a text of the same bytes, which nobody may keep.
func view[N string | []byte](name N) string {
	switch name := any(name).(type) {
	case []byte:
		return unsafe.String(unsafe.SliceData(name), len(name))
	case string:
		return name
	}
	return ""
}
