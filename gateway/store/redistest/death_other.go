// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package redistest

import (
	"os/exec"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

func start(cmd *exec.Cmd) error { return cmd.Start() }
