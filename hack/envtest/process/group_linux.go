// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import "syscall"

// ownGroup also has the kernel end the child when its parent is killed and cannot do so itself.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
