// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const tail = " 1 1 0 -1 4194560 100 0 0 0 250 50 7 8 20 0 1 0 123 456 789"
	for name, c := range map[string]struct {
		line string
		want procStat
	}{
		"an ordinary line":         {"42 (nginx) S 7" + tail, procStat{42, 7, 3 * time.Second}},
		"a name with a space":      {"42 (tmux: server) S 7" + tail, procStat{42, 7, 3 * time.Second}},
		"a name with parentheses":  {"42 (a) S 9 (b)) R 7" + tail, procStat{42, 7, 3 * time.Second}},
		"what children had is out": {"1 (x) S 0 1 1 0 -1 0 0 0 0 0 1 0 999 999 20", procStat{1, 0, 10 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseStat(c.line)
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
	for _, line := range []string{"", "42 (nginx) S", "x (nginx) S 7" + tail, "42 nginx S 7" + tail} {
		if got, err := parseStat(line); err == nil {
			t.Errorf("%q gave %+v", line, got)
		}
	}
}

func TestSumTreeCountsDescendantsAndNobodyElse(t *testing.T) {
	stats := []procStat{{5, 4, 100}, {2, 1, 1}, {4, 2, 20}, {3, 2, 10}, {1, 0, 1000}, {9, 1, 5000}}
	if got, found := sumTree(stats, 2); got != 131 || !found {
		t.Errorf("got %d, %v; want 2, 3, 4 and 5 together: 131", got, found)
	}
	if _, found := sumTree(stats, 77); found {
		t.Error("a process that is not there was found")
	}
}

func TestOwnCPUTimeRises(t *testing.T) {
	before, err := cpuOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		after, err := cpuOf(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after > before {
			return
		}
	}
	t.Error("a minute of work cost nothing")
}

func TestAProcessThatIsGoneIsAnError(t *testing.T) {
	if _, err := cpuOf(1 << 30); err == nil {
		t.Error("no error")
	}
}
