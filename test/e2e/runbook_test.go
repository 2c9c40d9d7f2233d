// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/sparkgateway/spark/test/e2e/load"
)

// onDuty is a gateway as the runbook speaks of it: two pods, a store, a provider with prices and another to fall back on.
var onDuty = strings.NewReplacer("type: OpenAI\n", "type: OpenAI\n  circuitBreaker: {openFor: 2m}\n", "spec: {replicas: 3}", `
spec:
  replicas: 2
  ledger: {retention: 24h}
`+stored).Replace(minimal) + `
---
apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: backup}
spec:
  gatewayRefs: [{name: main}]
  type: OpenAICompatible
  endpoint: http://fake.NAMESPACE.svc:9000/v1
  credentials: {secretRef: {name: openai-api-key, key: apiKey}}
  models: [{name: backup-model, upstream: fake-model, price: {inputPerMillion: "3.00", outputPerMillion: "15.00"}}]
`

// rate is of the requests that an alert was about.
const rate = 10

// Every command of docs/runbook.md works, in the order of the page, and shows what the page says.
func TestTheRunbooksCommandsWork(t *testing.T) {
	s := newSpace(t)
	s.startStore()
	l := s.start(onDuty)
	s.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "apikeys,providerpolicies", "--all")
	t.Cleanup(func() { s.scaleOperator(1) })
	d := duty{s, l, deskOf(s), s.apiKey("alice")}
	happened := map[string]bool{}
	for _, step := range runbook(t) {
		if happens := d.happens()[step.section]; happens != nil && !happened[step.section] {
			happened[step.section] = true
			happens()
		}
		if step.notRun != "" {
			continue
		}
		if step.section == "Back up and restore" && strings.Contains(step.script, "kubectl apply -f secrets.yaml") {
			d.lose()
		}
		start := time.Now()
		out, err := d.desk.run(t.Context(), step.script)
		missing := shown(step.shows, out)
		t.Logf("%s, line %d, took %s:\n%s\n%s", step.section, step.line, millis(time.Since(start)), step.script, out)
		if err != nil || missing != "" {
			t.Fatalf("%s, line %d: %v; the page shows %q", step.section, step.line, err, missing)
		}
		if strings.Contains(step.script, "done < keys.txt") {
			d.restored()
		}
	}
	for section := range d.happens() {
		if !happened[section] {
			t.Errorf("the page has no section %q with commands", section)
		}
	}
}

// duty is somebody with the runbook before them.
type duty struct {
	*space
	l    *loader
	desk desk
	// key is alice's, as her applications have it.
	key string
}

// happens is what has gone wrong when one opens the page at a section.
func (d *duty) happens() map[string]func() {
	return map[string]func(){
		"Errors": func() { d.uses(30, "tokens=3 fault=status:503") },
		"Provider outage": func() {
			d.uses(30, "tokens=3 fault=status:503")
			d.kubectl("wait", "--for=jsonpath={.status.breaker}=Open", "--timeout=30s", "providerpolicy/openai")
		},
		"Store outage":  func() { d.kubectl("scale", "deployment", "redis", "--replicas=0"); d.uses(10, "tokens=3") },
		"Runaway spend": func() { d.uses(30, "tokens=3") },
		"Stuck Programmed": func() {
			d.apply(strings.NewReplacer("name: openai}", "name: broken}", "{name: openai-api-key, key: apiKey}", "{name: broken}").Replace(another))
			d.kubectl("wait", "--for=condition=ResolvedRefs=false", "--timeout=30s", "providerpolicy/broken")
			d.desk.env = append(d.desk.env, "POD="+d.pods("main")[0].Name)
		},
	}
}

// another is a provider that nothing asks.
const another = `
apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: openai}
spec:
  gatewayRefs: [{name: main}]
  type: OpenAICompatible
  endpoint: http://fake.NAMESPACE.svc:9000/v1
  credentials: {secretRef: {name: openai-api-key, key: apiKey}}
  models: [{name: another-model}]
`

// uses has each pod asked so often under alice's key, whatever becomes of it.
func (d *duty) uses(count int, steer string) {
	d.Helper()
	d.l.begin(load.Spec{Targets: d.addresses("main"), Rate: rate, Count: count, Key: d.apiKey("alice"), Steer: steer}).sentAll(count, time.Minute)
}

// lose takes away all that was backed up.
func (d *duty) lose() {
	d.Helper()
	d.key = d.apiKey("alice")
	d.kubectl("delete", "sparkgateways,providerpolicies,modelroutes,apikeys,usagepolicies", "--all")
	d.kubectl("delete", "secret", "openai-api-key")
	d.kubectl("wait", "--for=delete", "--timeout=120s", "pod", "-l", "sparkgateway.dev/gateway=main")
	d.kubectl("wait", "--for=delete", "--timeout=60s", "secret/alice-key")
}

// restored checks that applications go on with the keys that they have.
func (d *duty) restored() {
	d.Helper()
	d.kubectl("rollout", "status", "deployment/main", "--timeout=90s")
	if d.apiKey("alice") != d.key {
		d.Error("the restored Secret has another key")
	}
	eventually(d, 10*time.Second, func() string {
		for _, a := range d.l.chat(d.key, d.addresses("main")...) {
			if a.Status != 200 {
				return fmt.Sprintf("alice is answered %d %s %s", a.Status, a.Body, a.Error)
			}
		}
		return ""
	})
}

// desk is where commands are typed: a directory with what the page expects there, and an environment.
type desk struct {
	dir string
	env []string
}

func deskOf(s *space) desk {
	s.Helper()
	d := desk{dir: s.TempDir()}
	for _, err := range []error{
		os.Symlink(must[string](s)(filepath.Abs(root+"/config")), filepath.Join(d.dir, "config")),
		buildPlugin(s.Context(), filepath.Join(d.dir, "bin", "kubectl-spark")),
		writeKubeconfig(filepath.Join(d.dir, "kubeconfig"), s.name),
		writePair(d.dir),
	} {
		if err != nil {
			s.Fatal(err)
		}
	}
	d.env = append(os.Environ(), "KUBECONFIG="+filepath.Join(d.dir, "kubeconfig"), "PROVIDER_KEY="+nextProviderKey, "IMAGE="+gatewayImage,
		"PATH="+filepath.Join(d.dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	return d
}

func buildPlugin(ctx context.Context, path string) error {
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, root+"/cmd/kubectl-spark").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build kubectl-spark: %w\n%s", err, out)
	}
	return nil
}

// run gives what the commands print, on both outputs.
func (d desk) run(ctx context.Context, script string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	shell.Dir, shell.Env = d.dir, d.env
	out, err := shell.CombinedOutput()
	return string(out), err
}

// writeKubeconfig writes the suite's own with another namespace.
func writeKubeconfig(path, namespace string) error {
	config, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	if err != nil {
		return err
	}
	if err := clientcmdapi.FlattenConfig(config); err != nil {
		return err
	}
	config.Contexts[config.CurrentContext].Namespace = namespace
	return clientcmd.WriteToFile(*config, path)
}

// writePair writes a certificate and its key as tls.crt and tls.key.
func writePair(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"llm.example.com"}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: certificate}, "tls.key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}
