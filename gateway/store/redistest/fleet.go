// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// StartCluster runs a cluster of three masters, each with a third of the slots, and waits until all of them say that it is
// well.
func StartCluster(t testing.TB) []*Server {
	t.Helper()
	genuine(t, false)
	servers := make([]*Server, 3)
	for i := range servers {
		_, bus, _ := net.SplitHostPort(address(t))
		servers[i] = Start(t, Options{Args: []string{
			"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "5000",
		}})
		first, last := i*16384/3, (i+1)*16384/3-1
		expect(t, servers[i], "+OK", "CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(first), fmt.Sprint(last))
		expect(t, servers[i], "+OK", "CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1))
		if i > 0 {
			host, port, _ := net.SplitHostPort(servers[0].Addr)
			expect(t, servers[i], "+OK", "CLUSTER", "MEET", host, port, busOf(servers[0]))
		}
	}
	for _, s := range servers {
		until(t, "the cluster is well", func() bool {
			info, err := s.Do("CLUSTER", "INFO")
			return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
	}
	return servers
}

func busOf(s *Server) string {
	for i, arg := range s.args {
		if arg == "--cluster-port" {
			return s.args[i+1]
		}
	}
	return ""
}

// StartSentinel runs a master and a replica of it, and three sentinels that call the master by a name and replace it after a
// second. Password is the master's and replica's, empty for none; settings are further lines of the sentinels' files.
func StartSentinel(t testing.TB, name, password string, settings ...string) (master, replica *Server, sentinels []*Server) {
	t.Helper()
	genuine(t, false)
	var auth []string
	if password != "" {
		auth = []string{"--requirepass", password, "--masterauth", password}
	}
	master = Start(t, Options{Args: auth})
	host, port, _ := net.SplitHostPort(master.Addr)
	replica = Start(t, Options{Args: append([]string{"--replicaof", host, port}, auth...)})
	for range 3 {
		s := &Server{t: t, dir: t.TempDir(), Addr: address(t), probe: (*Server).ping}
		_, own, _ := net.SplitHostPort(s.Addr)
		lines := []string{
			"port " + own, "bind 127.0.0.1", "dir " + s.dir, "protected-mode no", "logfile " + filepath.Join(s.dir, "log"),
			"sentinel monitor " + name + " " + host + " " + port + " 2",
			"sentinel down-after-milliseconds " + name + " 1000", "sentinel failover-timeout " + name + " 5000",
		}
		if password != "" {
			lines = append(lines, "sentinel auth-pass "+name+" "+strconv.Quote(password))
		}
		lines = append(lines, settings...)
		file := filepath.Join(s.dir, "sentinel.conf")
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.args = []string{file, "--sentinel"}
		s.run()
		sentinels = append(sentinels, s)
	}
	for _, s := range sentinels {
		until(t, "the sentinels know each other and the replica", func() bool {
			answer, err := s.Do("SENTINEL", "CKQUORUM", name)
			replicas, _ := s.Do("SENTINEL", "REPLICAS", name)
			return err == nil && strings.HasPrefix(answer, "+OK 3 usable") && replicas == "*1"
		})
	}
	return master, replica, sentinels
}

func expect(t testing.TB, s *Server, want string, args ...string) {
	t.Helper()
	if answer, err := s.Do(args...); err != nil || answer != want {
		t.Fatalf("%s: %q, %v", strings.Join(args, " "), answer, err)
	}
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
