// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/gateway/config"
)

// CheckEvery is how often a follower's caller should look for changes.
const CheckEvery = 250 * time.Millisecond

// Follower keeps a gateway at what its manifests say. A change is taken up as a whole or refused as a whole; when it
// is refused, the last good configuration stays. It is not safe for concurrent use.
type Follower struct {
	// Paths of the manifests, as manifest.Read takes them, without standard input.
	Paths []string
	// Gateway names the SparkGateway to serve; the zero value stands for the only one there is.
	Gateway types.NamespacedName
	Keys    Keyring
	// Apply serves a document, or says why it cannot.
	Apply  func(*config.Document) error
	Logger *slog.Logger

	watch    *watch
	revision string
	port     int
}

// ErrRefused says that manifests have problems; the error's text holds them, one a line.
var ErrRefused = errors.New("the manifests are refused")

// Start reads the manifests for the first time and serves them.
func (f *Follower) Start() (Configuration, error) {
	f.watch = newWatch(f.Paths)
	c, err := f.load()
	if err != nil {
		return Configuration{}, err
	}
	f.port = c.Port()
	return c, f.take(c)
}

// Follow takes up changes at every tick that finds one, until the context ends.
func (f *Follower) Follow(ctx context.Context, ticks <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		if f.watch.changed() {
			f.reload()
		}
	}
}

func (f *Follower) reload() {
	c, err := f.load()
	if err == nil && c.compiled.Bundle.Manifest.Revision == f.revision {
		f.Logger.Info("files changed, the configuration did not", "revision", short(f.revision))
		return
	}
	if err == nil {
		err = f.take(c)
	}
	if err != nil {
		reasons := strings.TrimPrefix(err.Error(), ErrRefused.Error()+"\n")
		for line := range strings.Lines(reasons) {
			f.Logger.Error("change refused", "reason", strings.TrimSpace(line))
		}
		f.Logger.Warn("the last good configuration stays", "revision", short(f.revision))
		return
	}
	if c.Port() != f.port {
		f.Logger.Warn("spec.listener.port takes effect at the next start", "port", c.Port())
	}
}

// load reads, checks and compiles. Its error is ErrRefused, with the problems, or says what could not be read.
func (f *Follower) load() (Configuration, error) {
	files, err := manifest.Read(f.Paths, nil)
	if err != nil {
		return Configuration{}, err
	}
	set, problems := manifest.Parse(files)
	if len(problems) > 0 {
		return Configuration{}, refused(problems)
	}
	generated, err := f.Keys.Secrets(set)
	if err != nil {
		return Configuration{}, err
	}
	configurations, problems := Compile(set, generated)
	if len(problems) > 0 {
		return Configuration{}, refused(problems)
	}
	return Choose(configurations, f.Gateway)
}

func (f *Follower) take(c Configuration) error {
	if err := f.Apply(c.compiled.Document); err != nil {
		return fmt.Errorf("the gateway refuses the configuration: %w", err)
	}
	f.revision = c.compiled.Bundle.Manifest.Revision
	core := c.compiled.Document.Core
	f.Logger.Info("configuration taken up", "gateway", c.Name().String(), "revision", short(f.revision),
		"providers", len(core.Providers), "models", len(core.Models), "routes", len(core.Routes), "keys", len(c.compiled.Document.Keys))
	return nil
}

// Choose gives the named gateway, or, where the name is the zero value, the only one.
func Choose(all []Configuration, name types.NamespacedName) (Configuration, error) {
	var names []string
	for _, c := range all {
		if c.Name() == name || len(all) == 1 && name.Name == "" {
			return c, nil
		}
		names = append(names, c.Name().String())
	}
	switch {
	case len(all) == 0:
		return Configuration{}, errors.New("the manifests hold no SparkGateway")
	case name.Name == "":
		return Configuration{}, fmt.Errorf("the manifests hold several SparkGateways (%s): name one with --gateway", strings.Join(names, ", "))
	}
	return Configuration{}, fmt.Errorf("the manifests hold no SparkGateway %s; there is %s", name, strings.Join(names, ", "))
}

func refused(problems []manifest.Problem) error {
	lines := make([]string, 0, len(problems))
	for _, p := range problems {
		lines = append(lines, p.String())
	}
	return fmt.Errorf("%w\n%s", ErrRefused, strings.Join(lines, "\n"))
}

// short is a revision as status shows it.
func short(revision string) string { return revision[:min(8, len(revision))] }
