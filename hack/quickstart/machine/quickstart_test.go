// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sparkgateway/spark/hack/envtest/assets"
)

const rights = `apiVersion: v1
kind: Namespace
metadata: {name: spark-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: operator, namespace: spark-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: operator}
rules:
- {apiGroups: [sparkgateway.dev], resources: [sparkgateways, sparkgateways/status], verbs: [get, list, update]}
- {apiGroups: ["", apps], resources: [secrets, services, deployments], verbs: [get, create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: operator}
subjects: [{kind: ServiceAccount, name: operator, namespace: spark-system}]
`

const samples = `# The smallest useful set.
---
apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: main}
spec: {}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: alice}
spec: {gatewayRefs: [{name: main}], user: alice}
`

// checkout is a directory that looks like this project's, with stand-ins for its programs.
func checkout(t *testing.T) state {
	t.Helper()
	if _, err := assets.Default(os.Stderr).Resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module "+module+"\n")
	write("config/rbac/rights.yaml", rights)
	write("config/samples/quickstart/samples.yaml", samples)
	definitions, err := filepath.Glob("../../../config/crd/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, definition := range definitions {
		content, err := os.ReadFile(definition)
		if err != nil {
			t.Fatal(err)
		}
		write("config/crd/"+filepath.Base(definition), string(content))
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"manager", "gateway", "fakeprovider"} {
		if err := os.Symlink(self, filepath.Join(root, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	return newState(root)
}

// command is a quickstart in the checkout, as `make` would start it.
func command(s state, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Dir = s.root
	return cmd
}

func output(t *testing.T, s state, args ...string) (string, error) {
	t.Helper()
	content, err := command(s, args...).CombinedOutput()
	return string(content), err
}

func TestDetachedItRunsUntilDown(t *testing.T) {
	s := checkout(t)
	t.Cleanup(func() { _, _ = output(t, s, "down") })
	said, err := output(t, s, "up", "--detach")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, want := range []string{"SparkGateway default/main is Programmed", `"model": "stand-in-model"`, "runs in the background", ". .spark/env", "the console, with a playground, is at http://127.0.0.1:"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	if strings.Contains(said, standInKey) {
		t.Error("it says the key")
	}
	env := environment(t, s)
	request, err := http.NewRequest(http.MethodGet, env["GATEWAY_URL"]+"/v1/models", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+env["SPARK_API_KEY"])
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if body, _ := io.ReadAll(response.Body); !strings.Contains(string(body), "stand-in-model") {
		t.Errorf("the gateway answers %s: %s", response.Status, body)
	}

	if again, err := output(t, s, "up", "--detach"); err != nil || !strings.Contains(again, "runs already") {
		t.Errorf("a second time: %v, %s", err, again)
	}
	if again, err := output(t, s, "up"); err == nil || !strings.Contains(again, "another quickstart is running") {
		t.Errorf("in the foreground beside it: %v, %s", err, again)
	}
	processes := processesOf(t, s)
	if len(processes) < 5 { // supervisor, etcd, API server, operator, fake provider, gateway
		t.Errorf("only these run: %v", processes)
	}
	if said, err := output(t, s, "down"); err != nil {
		t.Fatalf("down: %v, %s", err, said)
	}
	if left := processesOf(t, s); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state is still there: %v", err)
	}
	if said, err := output(t, s, "down"); err != nil || !strings.Contains(said, "No quickstart is running") {
		t.Errorf("down again: %v, %s", err, said)
	}
}

func environment(t *testing.T, s state) map[string]string {
	t.Helper()
	stat, err := os.Stat(s.env())
	if err != nil || stat.Mode().Perm() != 0o600 {
		t.Fatalf("env: %v, %v", stat, err)
	}
	content, err := os.ReadFile(s.env())
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, match := range regexp.MustCompile(`export (\w+)='(.*)'`).FindAllStringSubmatch(string(content), -1) {
		values[match[1]] = match[2]
	}
	return values
}

// processesOf are those whose command line or working directory is in the checkout.
func processesOf(t *testing.T, s state) []string {
	t.Helper()
	var found []string
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range commands {
		content, _ := os.ReadFile(file)
		cwd, _ := os.Readlink(filepath.Join(filepath.Dir(file), "cwd"))
		if bytes.Contains(content, []byte(s.root)) || strings.HasPrefix(cwd, s.root) {
			found = append(found, string(bytes.ReplaceAll(content, []byte{0}, []byte(" "))))
		}
	}
	return found
}

func TestInTheForegroundAnInterruptEndsEverything(t *testing.T) {
	s := checkout(t)
	var said bytes.Buffer
	cmd := command(s, "up")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(s.env()); err == nil {
			break
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			err := <-ended
			t.Fatalf("it does not start (%v):\n%s", err, said.String())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("it ends with %v:\n%s", err, said.String())
	}
	if left := processesOf(t, s); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
	if _, err := os.Stat(s.kubeconfig()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the kubeconfig is still there: %v", err)
	}
	if logs, _ := filepath.Glob(s.log("*")); len(logs) == 0 {
		t.Error("the logs are gone")
	}
}

func TestAFailureNamesTheStepAndShowsTheLog(t *testing.T) {
	s := checkout(t)
	cmd := command(s, "up", "--detach")
	cmd.Env = append(os.Environ(), brokenOperator+"=1")
	content, err := cmd.CombinedOutput()
	said := string(content)
	if err == nil {
		t.Errorf("it succeeded")
	}
	for _, want := range []string{"Wait until the gateway is Programmed: the operator ended 3 times", "the stand-in is broken"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	if left := processesOf(t, s); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
}
