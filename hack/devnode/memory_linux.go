// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import "golang.org/x/sys/unix"

// memory is what the machine has, in bytes; 0 if it does not say.
func memory() int64 {
	var system unix.Sysinfo_t
	if unix.Sysinfo(&system) != nil {
		return 0
	}
	return int64(system.Totalram) * int64(system.Unit)
}
