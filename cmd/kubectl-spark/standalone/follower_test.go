// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/gateway/config"
)

// served is a gateway that only remembers.
type served struct {
	documents []*config.Document
	err       error
}

func (s *served) apply(d *config.Document) error {
	if s.err == nil {
		s.documents = append(s.documents, d)
	}
	return s.err
}

func (s *served) users() string {
	var users []string
	for _, k := range s.documents[len(s.documents)-1].Keys {
		users = append(users, k.User)
	}
	return strings.Join(users, " ")
}

type following struct {
	*Follower
	served *served
	dir    string
	log    *bytes.Buffer
}

func follow(t *testing.T, content string) *following {
	t.Helper()
	f := &following{served: &served{}, dir: t.TempDir(), log: &bytes.Buffer{}}
	write(t, filepath.Join(f.dir, "f.yaml"), content)
	f.Follower = &Follower{
		Paths: []string{f.dir}, Apply: f.served.apply, Logger: slog.New(slog.NewTextHandler(f.log, nil)),
		Keys: Keyring{Dir: filepath.Join(f.dir, KeysDir)},
	}
	return f
}

// tick lets the follower look n times, and returns when it has.
func (f *following) tick(t *testing.T, n int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ticks, done := make(chan time.Time), make(chan struct{})
	go func() { f.Follow(ctx, ticks); close(done) }()
	for range n {
		ticks <- time.Time{}
	}
	cancel()
	<-done
}

func TestAChangeIsTakenUpOnceItHasSettled(t *testing.T) {
	f := follow(t, gatewayYAML+providerYAML+keyYAML)
	if _, err := f.Start(); err != nil {
		t.Fatal(err)
	}
	if f.served.users() != "alice" {
		t.Fatal("serves", f.served.users())
	}
	f.tick(t, 3)
	if len(f.served.documents) != 1 {
		t.Error("applied again without a change")
	}
	write(t, filepath.Join(f.dir, "b.yaml"), strings.ReplaceAll(keyYAML, "alice", "bob"))
	f.tick(t, 1)
	if len(f.served.documents) != 1 {
		t.Error("applied what may still be changing")
	}
	f.tick(t, 1)
	if f.served.users() != "alice bob" {
		t.Error("serves", f.served.users())
	}
	if err := os.Remove(filepath.Join(f.dir, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	f.tick(t, 2)
	if f.served.users() != "alice" {
		t.Error("a removed key is still served:", f.served.users())
	}
}

func TestARefusedChangeLeavesTheLastGoodOneAndSaysWhy(t *testing.T) {
	bob := strings.ReplaceAll(keyYAML, "alice", "bob")
	tests := map[string]struct {
		change string
		apply  error
		want   string
	}{
		"a schema's bound":         {gatewayYAML + bob + "---\n" + strings.Replace(bob, "user: bob", "user: ''", 1), nil, "APIKey default/bob: spec.user: should be at least 1 chars long"},
		"a gateway that is gone":   {bob, nil, "APIKey default/bob: spec.gatewayRefs[0]: SparkGateway default/main does not exist"},
		"no gateway at all":        {"apiVersion: v1\nkind: Namespace\nmetadata: {name: a}", nil, "the manifests hold no SparkGateway"},
		"broken YAML":              {"a: [", nil, "not valid YAML"},
		"a gateway that will not":  {gatewayYAML + bob, errors.New("no such cipher"), "the gateway refuses the configuration: no such cipher"},
		"a second gateway":         {gatewayYAML + strings.Replace(gatewayYAML, "main", "two", 1), nil, "several SparkGateways (default/main, default/two): name one with --gateway"},
		"a Secret that is missing": {gatewayYAML + strings.Replace(bob, "user: bob", "user: bob, secretRef: {name: none}", 1), nil, "spec.secretRef: Secret default/none does not exist"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := follow(t, gatewayYAML+keyYAML)
			if _, err := f.Start(); err != nil {
				t.Fatal(err)
			}
			f.served.err = tt.apply
			write(t, filepath.Join(f.dir, "f.yaml"), tt.change)
			f.tick(t, 2)
			if f.served.users() != "alice" {
				t.Error("serves", f.served.users())
			}
			log := strings.ReplaceAll(f.log.String(), `\"`, `"`)
			if !strings.Contains(log, tt.want) || !strings.Contains(log, "the last good configuration stays") {
				t.Errorf("want %q in the log:\n%s", tt.want, log)
			}
			logged := f.log.Len()
			if f.tick(t, 3); f.log.Len() != logged {
				t.Error("says so again without a change")
			}
			f.served.err = nil
			write(t, filepath.Join(f.dir, "f.yaml"), gatewayYAML+bob)
			if f.tick(t, 2); f.served.users() != "bob" {
				t.Error("a good change after a bad one is not taken up")
			}
		})
	}
}

func TestStartFailsWithEveryProblem(t *testing.T) {
	f := follow(t, gatewayYAML+strings.Replace(keyYAML, "user: alice", "user: '', nonsense: 1", 1))
	_, err := f.Start()
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "spec.user") || !strings.Contains(err.Error(), "spec.nonsense") {
		t.Error("got", err)
	}
}

func TestTheNamedGatewayIsServed(t *testing.T) {
	f := follow(t, gatewayYAML+strings.Replace(gatewayYAML, "main", "two", 1)+strings.Replace(keyYAML, "name: main", "name: two", 1))
	f.Gateway = types.NamespacedName{Namespace: "default", Name: "two"}
	c, err := f.Start()
	if err != nil || c.Name().Name != "two" || f.served.users() != "alice" {
		t.Error(c.Name(), err)
	}
	f.Gateway.Name = "three"
	if _, err := f.Start(); err == nil || !strings.Contains(err.Error(), "no SparkGateway default/three; there is default/main, default/two") {
		t.Error("got", err)
	}
}

func TestAFileThatIsTouchedChangesNothing(t *testing.T) {
	f := follow(t, gatewayYAML+keyYAML)
	if _, err := f.Start(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(f.dir, "f.yaml"), "# a comment\n"+gatewayYAML+keyYAML)
	f.tick(t, 2)
	if len(f.served.documents) != 1 || !strings.Contains(f.log.String(), "the configuration did not") {
		t.Error("applied the same again:", f.log)
	}
}

func TestAPortThatChangesIsToldToWait(t *testing.T) {
	f := follow(t, gatewayYAML)
	if _, err := f.Start(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(f.dir, "f.yaml"), strings.Replace(gatewayYAML, "spec: {}", "spec: {listener: {port: 8081, maxConnections: 5}}", 1))
	f.tick(t, 2)
	if !strings.Contains(f.log.String(), "takes effect at the next start") {
		t.Error(f.log)
	}
}
