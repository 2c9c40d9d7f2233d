// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestExpand(t *testing.T) {
	values := map[string]string{"A": "1", "EMPTY": ""}
	for text, want := range map[string]string{
		"": "", "plain": "plain", "$(A)": "1", "x$(A)y$(A)": "x1y1", "$(EMPTY)": "", "$(B)": "$(B)",
		"$$(A)": "$(A)", "$$$(A)": "$1", "$": "$", "$(A": "$(A", "$A": "$A", "cost $5 $(A)": "cost $5 1",
	} {
		if got := expand(text, values); got != want {
			t.Errorf("expand(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestRewriteReplacesOnlyWholeMountPaths(t *testing.T) {
	m := mounts{{"/etc/spark/config", "/host/c"}, {"/etc/spark", "/host/s"}, {"/tmp", "/host/t"}}
	for text, want := range map[string]string{
		"--dir=/etc/spark/config":           "--dir=/host/c",
		"/etc/spark/config/a.json":          "/host/c/a.json",
		"/etc/spark/configs":                "/host/s/configs",
		"/etc/sparkle":                      "/etc/sparkle",
		"/var/etc/spark":                    "/var/etc/spark",
		"/etc/spark/config:/tmp,/etc/spark": "/host/c:/host/t,/host/s",
		"file:///tmp/x":                     "file:///tmp/x",
		"8080":                              "8080",
	} {
		if got := m.rewrite(text); got != want {
			t.Errorf("rewrite(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestAtomicDirSwapsAllFilesAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "volume")
	a := &atomicDir{dir: dir}
	write := func(files map[string]file) {
		t.Helper()
		if err := a.write(files); err != nil {
			t.Fatal(err)
		}
	}
	write(map[string]file{"a": {"1", 0o600}, "deep/b": {"2", 0o644}})
	first, err := os.Readlink(filepath.Join(dir, "..data"))
	if err != nil {
		t.Fatal(err)
	}
	if link, _ := os.Readlink(filepath.Join(dir, "a")); link != "..data/a" {
		t.Errorf("a is a link to %q", link)
	}
	if stat, err := os.Stat(filepath.Join(dir, "a")); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("a: %v, %v", stat, err)
	}
	write(map[string]file{"a": {"1", 0o600}, "deep/b": {"2", 0o644}})
	if again, _ := os.Readlink(filepath.Join(dir, "..data")); again != first {
		t.Error("unchanged content was written again")
	}
	write(map[string]file{"deep/b": {"3", 0o644}, "c": {"4", 0o644}})
	for name, want := range map[string]string{"deep/b": "3", "c": "4"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s says %q, %v; want %q", name, got, err, want)
		}
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 4 { // ..data, its directory, deep, c
		t.Errorf("the directory holds %v", entries)
	}
}

func TestAnEmptyVolumeIsADirectory(t *testing.T) {
	a := &atomicDir{dir: filepath.Join(t.TempDir(), "volume")}
	if err := a.write(map[string]file{}); err != nil {
		t.Fatal(err)
	}
	if stat, err := os.Stat(filepath.Join(a.dir, "..data")); err != nil || !stat.IsDir() {
		t.Errorf("..data: %v, %v", stat, err)
	}
}

func TestResourceFieldsCountDivisorsRoundedUp(t *testing.T) {
	spec := &corev1.Container{Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("1500m"), corev1.ResourceMemory: resource.MustParse("256Mi"),
	}}}
	for _, tc := range []struct{ field, divisor, want string }{
		{"limits.cpu", "", "2"}, {"limits.cpu", "1m", "1500"}, {"limits.memory", "", "268435456"}, {"limits.memory", "1Mi", "256"},
		{"requests.cpu", "", "0"},
	} {
		ref := &corev1.ResourceFieldSelector{Resource: tc.field}
		if tc.divisor != "" {
			ref.Divisor = resource.MustParse(tc.divisor)
		}
		if got := resourceField(spec, ref); got != tc.want {
			t.Errorf("%s / %q = %q, want %q", tc.field, tc.divisor, got, tc.want)
		}
	}
}

func TestTwoPoolsNeverLeaseTheSameAddress(t *testing.T) {
	a, b := newAddressPool(), newAddressPool()
	b.next = a.next
	taken := map[string]bool{}
	for _, pool := range []*addressPool{a, b, a, b} {
		l, err := pool.take()
		if err != nil {
			t.Fatal(err)
		}
		defer l.release()
		if taken[l.address] {
			t.Errorf("%s was leased twice", l.address)
		}
		taken[l.address] = true
	}
}

func TestAForwarderPassesOnTheEndOfEitherSide(t *testing.T) {
	backend, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = backend.Close() }()
	f, err := newForwarder("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if _, err := dialAndRead(f.address()); err == nil {
		t.Error("a forwarder without backends answered")
	}
	f.setBackends([]string{backend.Addr().String()})
	seen := make(chan string, 1)
	go func() {
		connection, err := backend.Accept()
		if err != nil {
			return
		}
		defer func() { _ = connection.Close() }()
		request, _ := io.ReadAll(connection) // ends with the client's half of the connection
		seen <- string(request)
		_, _ = connection.Write([]byte("answer"))
	}()
	got, err := dialAndRead(f.address())
	if err != nil || got != "answer" {
		t.Errorf("answer %q, %v", got, err)
	}
	if request := <-seen; request != "question" {
		t.Errorf("the backend read %q", request)
	}
}

func dialAndRead(address string) (string, error) {
	connection, err := net.Dial("tcp4", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = connection.Close() }()
	if _, err := connection.Write([]byte("question")); err != nil {
		return "", err
	}
	if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
		return "", err
	}
	content, err := io.ReadAll(connection)
	return string(content), err
}
