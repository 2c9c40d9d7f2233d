// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestMain lets the test binary play the parts that the benchmark starts: its own roles, and Spark's.
func TestMain(m *testing.M) {
	if role, isRole := roleOf(os.Args); isRole {
		exit(role(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "run" {
		exit(pretendToBeSpark(os.Args[2:]))
	}
	// The race detector lets every process linger for a second; the many short ones here need not.
	os.Setenv("GORACE", strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0"))
	os.Exit(m.Run())
}

var endpoint = regexp.MustCompile(`endpoint: http://([0-9.:]+)/v1`)

// pretendToBeSpark takes the arguments of "kubectl-spark run" and relays to the endpoint that the resources name.
func pretendToBeSpark(args []string) error {
	if len(args) != 6 || args[0] != "-f" || args[2] != "--listen" || args[4] != "--admin" {
		return fmt.Errorf("unexpected arguments %q", args)
	}
	resources, err := os.ReadFile(filepath.Join(args[1], "bench.yaml"))
	if err != nil {
		return err
	}
	found := endpoint.FindSubmatch(resources)
	if found == nil {
		return errors.New("no endpoint in the resources")
	}
	listener, err := net.Listen("tcp", args[3])
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go relay(conn, string(found[1]))
	}
}

func TestFlags(t *testing.T) {
	defaults := settings{
		Subjects: []string{"nginx", "spark", "relay", "direct"}, Rounds: 5, Requests: 40_000,
		Duration: 30 * time.Second, Connections: 32, Bytes: 1200, sparkBin: "bin/kubectl-spark",
	}
	for name, c := range map[string]struct {
		args   string
		change func(*settings)
	}{
		"the defaults are the issue's":          {"", func(*settings) {}},
		"streams take fewer requests":           {"--stream", func(s *settings) { s.Stream, s.Requests = true, 4000 }},
		"requests that are given hold for both": {"--stream --requests 7", func(s *settings) { s.Stream, s.Requests = true, 7 }},
		"subjects keep their order": {"--subjects relay,nginx", func(s *settings) {
			s.Subjects = []string{"relay", "nginx"}
		}},
		"everything else": {
			"--rounds 2 --duration 1s --connections 3 --bytes 8000 --max-ratio 1.7 --json j --spark-bin b --keep",
			func(s *settings) {
				s.Rounds, s.Duration, s.Connections, s.Bytes, s.maxRatio = 2, time.Second, 3, 8000, 1.7
				s.jsonPath, s.sparkBin, s.keep = "j", "b", true
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := defaults
			c.change(&want)
			got, err := parseFlags(strings.Fields(c.args), io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for args, reason := range map[string]string{
		"--subjects apache":                     `unknown subject "apache"`,
		"--subjects nginx,nginx":                "given twice",
		"--rounds 0":                            "above zero",
		"--requests -1":                         "above zero",
		"--duration 0s":                         "above zero",
		"--max-ratio 1.7 --subjects nginx":      "needs both",
		"--bytes 10":                            "at least 600",
		"--rounds two":                          "invalid value",
		"everything":                            "unexpected argument",
		"--max-ratio 1 --subjects spark,direct": "needs both",
	} {
		if _, err := parseFlags(strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: error = %v, want one about %q", args, err, reason)
		}
	}
}
