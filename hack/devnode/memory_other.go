// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package devnode

import "golang.org/x/sys/unix"

// memory is what the machine has, in bytes; 0 if it does not say.
func memory() int64 {
	bytes, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0
	}
	return int64(bytes)
}
