// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sparkgateway/spark/gateway/store/redistest/loopback"
)

// patience bounds the waits for a process.
const patience = time.Minute

// buildGateway builds the program as its image has it, into the directory.
func buildGateway(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, "gateway")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "github.com/sparkgateway/spark/cmd/gateway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the gateway: %w\n%s", err, output)
	}
	return program, nil
}

// gatewayProcess is the program at work.
type gatewayProcess struct {
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process is gone
	dir    string        // holds access.log and gateway.log
	url    string        // for applications
	health string        // of /readyz and /metrics
}

// startGateway compiles the manifests as the operator does, lays the result out as Kubernetes mounts it, and waits until
// the program serves it.
func startGateway(ctx context.Context, program, dir, yaml string) (*gatewayProcess, error) {
	if err := layOut(dir, yaml); err != nil {
		return nil, err
	}
	var addresses, ports [3]string
	for i := range ports {
		address, err := loopback.Free()
		if err != nil {
			return nil, err
		}
		addresses[i] = address
		_, ports[i], _ = strings.Cut(address, ":")
	}
	g := &gatewayProcess{
		dir: dir, ended: make(chan struct{}), url: "http://" + addresses[0], health: "http://" + addresses[1],
	}
	g.cmd = exec.CommandContext(ctx, program, "--config-dir", filepath.Join(dir, "config"), "--admin-dir", filepath.Join(dir, "admin"),
		"--bind-address", "127.0.0.1", "--port", ports[0], "--health-port", ports[1], "--admin-port", ports[2], "--drain-delay", "0s")
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := g.launch(); err != nil {
		return nil, err
	}
	if err := g.ready(ctx); err != nil {
		g.stop()
		return nil, err
	}
	return g, nil
}

// launch starts the process with its output in files.
func (g *gatewayProcess) launch() error {
	access, err := os.Create(filepath.Join(g.dir, "access.log"))
	if err != nil {
		return err
	}
	defer access.Close()
	own, err := os.Create(filepath.Join(g.dir, "gateway.log"))
	if err != nil {
		return err
	}
	defer own.Close()
	g.cmd.Stdout, g.cmd.Stderr = access, own
	if err := g.cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(g.ended)
		_ = g.cmd.Wait() // how it ended shows in what was asked of it
	}()
	return nil
}

// ready waits until the process serves its configuration.
func (g *gatewayProcess) ready(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		if status, _ := g.get(ctx, "/readyz"); status == http.StatusOK {
			return nil
		}
		select {
		case <-tick.C:
		case <-g.ended:
			return errors.New("the gateway ended:\n" + g.ownLog())
		case <-deadline:
			return errors.New("the gateway does not become ready:\n" + g.ownLog())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// get asks the listener for operators; status 0 is no answer.
func (g *gatewayProcess) get(ctx context.Context, path string) (status int, body []byte) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.health+path, nil)
	if err != nil {
		return 0, nil
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	var content bytes.Buffer
	if _, err := content.ReadFrom(response.Body); err != nil {
		return 0, nil
	}
	return response.StatusCode, content.Bytes()
}

// stop ends the process, by force if it must, and waits for it.
func (g *gatewayProcess) stop() {
	_ = g.cmd.Process.Signal(syscall.SIGTERM) // it may be gone
	select {
	case <-g.ended:
	case <-time.After(patience):
		_ = g.cmd.Process.Kill() // as above
		<-g.ended
	}
}

func (g *gatewayProcess) ownLog() string { return fileText(filepath.Join(g.dir, "gateway.log")) }

// accessLog gives the lines of the access log that have any of the request IDs.
func (g *gatewayProcess) accessLog(ids []string) []string {
	var found []string
	for line := range strings.Lines(fileText(filepath.Join(g.dir, "access.log"))) {
		for _, id := range ids {
			if id != "" && strings.Contains(line, id) {
				found = append(found, strings.TrimSpace(line))
				break
			}
		}
	}
	return found
}

func fileText(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(content)
}
