// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestRelayEndsWithTheMark(t *testing.T) {
	for name, tc := range map[string]struct {
		from      io.Reader
		want      string
		wantReady bool
		wantErr   error
	}{
		"ready":               {strings.NewReader("one\ntwo\n\x00"), "one\ntwo\n", true, nil},
		"ready, bytewise":     {iotest.OneByteReader(strings.NewReader("one\n\x00")), "one\n", true, nil},
		"ended before":        {strings.NewReader("one\n"), "one\n", false, nil},
		"a report that broke": {iotest.ErrReader(os.ErrClosed), "", false, os.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			var to bytes.Buffer
			ready, err := relay(&to, tc.from)
			if to.String() != tc.want || ready != tc.wantReady || !errors.Is(err, tc.wantErr) {
				t.Errorf("relayed %q, ready %v, error %v", to.String(), ready, err)
			}
		})
	}
}

func TestCleanLeavesWhatIsNotOurs(t *testing.T) {
	s := newState(t.TempDir())
	for _, name := range []string{"etcd/member", "kubeconfig", "log/node.log", "notes.txt"} {
		if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.path(name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.clean(true); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(s.path("*"))
	if fmt.Sprint(left) != fmt.Sprint([]string{s.path("notes.txt")}) {
		t.Errorf("left: %v", left)
	}
}

func TestALockFileWithoutAProcessIsNobodys(t *testing.T) {
	s := newState(t.TempDir())
	if pid, err := s.owner(); pid != 0 || err != nil {
		t.Errorf("without a file: %d, %v", pid, err)
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("lock"), []byte("4711\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if pid, err := s.owner(); pid != 0 || err != nil {
		t.Errorf("with a stale file: %d, %v", pid, err)
	}
}

func TestShellQuoteSurvivesQuotes(t *testing.T) {
	if got, want := shellQuote("it's $HOME"), `'it'\''s $HOME'`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSamplesPointAtTheFakeProviderWhereverItListens(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "config", "samples", "quickstart")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	content := "kind: ProviderPolicy\nspec: {endpoint: http://" + fakeAddress + "/v1}\n---\nkind: ProviderPolicy\nspec: {endpoint: '${FAKE_PROVIDER_URL}/v1'}\n"
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	q := &quickstart{state: newState(root), fakeURL: "http://127.0.0.1:5"}
	objects, err := q.samples()
	if err != nil || len(objects) != 2 {
		t.Fatalf("%v, %v", objects, err)
	}
	for _, o := range objects {
		spec, _ := o.Object["spec"].(map[string]any)
		if spec["endpoint"] != "http://127.0.0.1:5/v1" || o.GetNamespace() != "default" {
			t.Errorf("object %v", o.Object)
		}
	}
}

func TestDescribeSaysOnlyWhatIsNotAsItShouldBe(t *testing.T) {
	conditions := []metav1.Condition{
		{Type: "Accepted", Status: "True", Reason: "Accepted"},
		{Type: "Programmed", Status: "Unknown", Reason: "AckMissing", Message: "pod a is silent"},
		{Type: "Ready", Status: "False", Reason: "NotReady"},
	}
	if got, want := describe(conditions), "Programmed is Unknown (AckMissing) pod a is silent"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := describe(nil); got != "no status yet" {
		t.Errorf("%q", got)
	}
}

func TestAStepSaysThatItGoesOnOnlyWhenItIsSilent(t *testing.T) {
	for name, tc := range map[string]struct {
		every time.Duration
		want  int
	}{
		"a talkative step": {time.Second, 0},
		"a silent step":    {time.Hour, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var said bytes.Buffer
				p := newProgress(&said)
				err := p.step("Work", func() error {
					for began := time.Now(); time.Since(began) < 25*time.Second; time.Sleep(min(tc.every, 25*time.Second)) {
						p.note("a line")
					}
					return errors.New("broken")
				})
				if got := strings.Count(said.String(), "still at it"); got != tc.want {
					t.Errorf("it said %d times that it goes on, want %d:\n%s", got, tc.want, said.String())
				}
				if err == nil || err.Error() != "Work: broken" {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

func TestFreeAddressPassesOverWhatIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	got, err := freeAddress(taken.Addr().String(), "127.0.0.1:0")
	if err != nil || got == taken.Addr().String() {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := freeAddress(taken.Addr().String()); err == nil {
		t.Errorf("%s is taken", got)
	}
}
