// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// deliver sends a signal to the processes of a pod on this node. It takes the node's process table (hostPID) and the
// right to signal, so it works in a privileged pod only.
func deliver(_ context.Context, s Signal) (Moment, error) {
	pids, err := processesOf("/proc", s.PodUID)
	if err != nil {
		return Moment{}, err
	}
	if len(pids) == 0 {
		return Moment{}, fmt.Errorf("no process of pod %s", s.PodUID)
	}
	done := Moment{At: time.Now(), PIDs: pids}
	for _, pid := range pids {
		process, err := os.FindProcess(pid)
		if err != nil {
			return Moment{}, err
		}
		if err := process.Signal(syscall.Signal(s.Number)); err != nil {
			return Moment{}, fmt.Errorf("signal process %d: %w", pid, err)
		}
	}
	return done, nil
}

// processesOf finds the processes whose environment names the pod: its containers must have POD_UID set.
func processesOf(proc, podUID string) ([]int, error) {
	if podUID == "" {
		return nil, fmt.Errorf("no pod is named")
	}
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// A process that is gone by now, or that may not be read, is not the one.
		environment, err := os.ReadFile(filepath.Join(proc, entry.Name(), "environ"))
		if err == nil && strings.Contains("\x00"+string(environment), "\x00POD_UID="+podUID+"\x00") {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
