// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func shell(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start(Command{Path: "/bin/sh", Args: []string{"-c", script}, Log: filepath.Join(t.TempDir(), "log", "sh.log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come true", what)
		}
	}
}

func TestAnEndedProcessTellsHowAndWhatItSaid(t *testing.T) {
	p := shell(t, "echo one; echo two >&2; exit 3")
	<-p.Done()
	if got := p.Status().ExitStatus(); got != 3 {
		t.Errorf("exit status %d, want 3", got)
	}
	if got := p.Exited().Error(); !strings.Contains(got, "exit status 3") || !strings.Contains(got, "one\n    two") {
		t.Errorf("error %q lacks the status or the log", got)
	}
}

func TestAnOutputReceivesAllBeforeTheEndIsTold(t *testing.T) {
	log := filepath.Join(t.TempDir(), "nobody.log")
	var output bytes.Buffer // read only after the end
	script := "sleep 60 & echo $!; echo one; echo two >&2; echo three"
	p, err := Start(Command{Path: "/bin/sh", Args: []string{"-c", script}, Log: log, Output: &output})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	select {
	case <-p.Done(): // although a child of it still has the output open
	case <-time.After(30 * time.Second):
		t.Fatal("the end is not told")
	}
	child, said, _ := strings.Cut(output.String(), "\n")
	if said != "one\ntwo\nthree\n" {
		t.Errorf("the output is %q", output.String())
	}
	if pid, err := strconv.Atoi(child); err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil {
		t.Errorf("the child %q cannot be ended: %v", child, err)
	}
	if _, err := os.Stat(log); !os.IsNotExist(err) {
		t.Errorf("the log file is there: %v", err)
	}
}

func TestStopKillsWhatIgnoresTheRequestAndItsChildren(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	p := shell(t, `trap "" TERM; sleep 60 & echo $! > `+pidFile+`; echo ready; while :; do wait; done`)
	eventually(t, "the child's id", func() bool {
		content, _ := os.ReadFile(pidFile)
		return strings.HasSuffix(string(content), "\n") && strings.Contains(Tail(p.Log(), 5), "ready")
	})
	p.Stop(20 * time.Millisecond)
	if !p.Status().Signaled() || p.Status().Signal() != syscall.SIGKILL {
		t.Errorf("status %v, want killed", p.Status())
	}
	content, _ := os.ReadFile(pidFile)
	child, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the child", func() bool { return !running(child) })
}

func TestAProcessThatDoesNotExistIsAnError(t *testing.T) {
	_, err := Start(Command{Path: "/does/not/exist", Log: filepath.Join(t.TempDir(), "x.log")})
	if err == nil {
		t.Error("no error")
	}
}

// orphanParent makes this test binary start a child and wait to be killed.
const orphanParent = "SPARK_TEST_ORPHAN_LOG"

func TestMain(m *testing.M) {
	if log := os.Getenv(orphanParent); log != "" {
		p, err := Start(Command{Path: "/bin/sh", Args: []string{"-c", "echo $$; exec sleep 60"}, Log: log})
		if err != nil {
			os.Exit(1)
		}
		<-p.Done()
		return
	}
	os.Exit(m.Run())
}

func TestAChildDoesNotOutliveAKilledParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a child that its parent was killed")
	}
	log := filepath.Join(t.TempDir(), "child.log")
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), orphanParent+"="+log)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var child int
	eventually(t, "the child's id", func() bool {
		content, _ := os.ReadFile(log)
		child, _ = strconv.Atoi(strings.TrimSpace(string(content)))
		return child != 0
	})
	_ = parent.Process.Kill()
	_ = parent.Wait()
	eventually(t, "the end of the child", func() bool { return !running(child) })
}

// running counts a zombie, which some machines' init leaves for long, as ended.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || !strings.Contains(string(stat), ") Z ")
}
