// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of utime and stime: USER_HZ, which is 100 on every architecture that Linux serves today.
const clockTick = 10 * time.Millisecond

// procStat is what we read of /proc/PID/stat.
type procStat struct {
	pid, parent int
	cpu         time.Duration // user and system
}

// cpuOf adds up the CPU time of a process and all that descend from it, such as nginx's workers.
func cpuOf(root int) (time.Duration, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	stats := make([]procStat, 0, len(paths))
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		stat, err := parseStat(string(content))
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		stats = append(stats, stat)
	}
	total, found := sumTree(stats, root)
	if !found {
		return 0, fmt.Errorf("process %d is gone", root)
	}
	return total, nil
}

func sumTree(stats []procStat, root int) (total time.Duration, found bool) {
	children := map[int][]procStat{}
	for _, stat := range stats {
		children[stat.parent] = append(children[stat.parent], stat)
		if stat.pid == root {
			total, found = total+stat.cpu, true
		}
	}
	queue := []int{root}
	for len(queue) > 0 {
		next := children[queue[0]]
		queue = queue[1:]
		for _, child := range next {
			total += child.cpu
			queue = append(queue, child.pid)
		}
	}
	return total, found
}

// parseStat reads a line of /proc/PID/stat. The second field is a name in parentheses that may hold anything.
func parseStat(line string) (procStat, error) {
	pid, _, _ := strings.Cut(line, " ")
	end := strings.LastIndexByte(line, ')')
	fields := strings.Fields(line[end+1:]) // from the third field of the line on
	if end < 0 || len(fields) < 13 {
		return procStat{}, fmt.Errorf("not a stat line: %q", line)
	}
	numbers := [4]int{}
	var failed error
	for i, text := range []string{pid, fields[1], fields[11], fields[12]} {
		n, err := strconv.Atoi(text)
		numbers[i], failed = n, errors.Join(failed, err)
	}
	if failed != nil {
		return procStat{}, failed
	}
	return procStat{pid: numbers[0], parent: numbers[1], cpu: time.Duration(numbers[2]+numbers[3]) * clockTick}, nil
}
