// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/store/redistest/loopback"
	"github.com/sparkgateway/spark/test/accounting/bed"
)

// program builds the gateway once for all tests; run removes it.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "spark-replicas-")
	if err != nil {
		return "", err
	}
	built := filepath.Join(dir, "gateway")
	build := exec.Command("go", "build", "-trimpath", "-o", built, "github.com/sparkgateway/spark/cmd/gateway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return built, fmt.Errorf("build the gateway: %w\n%s", err, output)
	}
	return built, nil
})

var built bool

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	defer func() {
		if built {
			path, _ := program() // it was built, or there is nothing to remove
			_ = os.RemoveAll(filepath.Dir(path))
		}
	}()
	return m.Run()
}

// process is the gateway as a program of its own, which can be killed and started again.
type process struct {
	dir, url, admin, health string
	client                  *http.Client // the operator's
	cmd                     *exec.Cmd
	ended                   chan struct{}
}

// lay makes a process that will serve a document. Nothing runs yet.
func lay(t *testing.T, doc *config.Document) *process {
	t.Helper()
	if err := doc.Validate(); err != nil {
		t.Fatal(err)
	}
	b, err := config.Encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	b.Manifest.Sequence = 1
	manifest, err := json.Marshal(b.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{
		config.ManifestFile: manifest, config.CoreFile: b.Parts[config.CorePart], config.SecretsFile: b.Parts[config.SecretsPart],
	}
	for part, digest := range b.Manifest.Parts {
		if config.IsShardPart(part) {
			files[config.ShardFile(part, digest)] = b.Parts[part]
		}
	}
	credentials, _, err := issue.Admin(nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	operator, err := issue.ClientTLS(credentials)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{
		dir: t.TempDir(), url: free(t), admin: free(t), health: free(t),
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: operator}, Timeout: patience},
	}
	writeAll(t, filepath.Join(p.dir, "config"), files)
	writeAll(t, filepath.Join(p.dir, "admin"), credentials)
	writeAll(t, filepath.Join(p.dir, "state"), nil)
	t.Cleanup(p.kill)
	return p
}

func writeAll(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range maps.All(files) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// free finds a loopback address.
func free(t *testing.T) string {
	t.Helper()
	address, err := loopback.Free()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// start runs the program and waits until it serves.
func (p *process) start(t *testing.T) {
	t.Helper()
	path, err := program()
	built = true
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(p.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	port := func(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
	p.cmd = exec.Command(path, "--config-dir", filepath.Join(p.dir, "config"), "--admin-dir", filepath.Join(p.dir, "admin"),
		"--state-dir", filepath.Join(p.dir, "state"), "--bind-address", "127.0.0.1", "--port", port(p.url),
		"--admin-port", port(p.admin), "--health-port", port(p.health), "--drain-delay", "0s")
	p.cmd.Stdout, p.cmd.Stderr = io.Discard, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		_ = cmd.Wait() // how it ends is this test's own doing
	}(p.cmd, p.ended)
	bed.Eventually(t, func() bool {
		response, err := p.client.Get("http://" + p.health + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, func() string {
		text, _ := os.ReadFile(filepath.Join(p.dir, "log"))
		return "the gateway is ready: " + string(text)
	})
}

// kill ends the process as kill -9 does, and waits until it is gone.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may be gone
	<-p.ended
	p.cmd = nil
}

// exchange is the operator's call.
func (p *process) exchange(call config.UsageCall) (config.UsageAnswer, error) {
	var answer config.UsageAnswer
	body, err := json.Marshal(call)
	if err != nil {
		return answer, err
	}
	response, err := p.client.Post("https://"+p.admin+config.UsagePath, "application/json", bytes.NewReader(body))
	if err != nil {
		return answer, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("status %d", response.StatusCode)
	}
	return answer, json.NewDecoder(response.Body).Decode(&answer)
}

// instance asks for the process' name.
func (p *process) instance() (string, error) {
	response, err := p.client.Get("https://" + p.admin + config.AckPath)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	var ack config.Ack
	err = json.NewDecoder(response.Body).Decode(&ack)
	return ack.Instance, err
}
