// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package source brings documents to a gateway from a directory: the Secrets that Kubernetes mounts.
package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// checkEvery is how often the directory is looked at. The kubelet itself takes up to a minute to update it; what is
// urgent comes by push.
const checkEvery = time.Second

// ErrIncomplete says that the directory does not hold, yet, what its manifest names: Secrets are mounted one by one.
var ErrIncomplete = errors.New("the directory does not hold all that its manifest names")

// Offer takes up a bundle, as gateway.Reloader does.
type Offer func(config.Bundle) (ack config.Ack, missing []string)

// Directory watches a directory laid out as the operator's Secrets are: manifest.json, core.json, secrets.json, and a
// file per key shard that bears its digest.
type Directory struct {
	Path   string
	Offer  Offer
	Logger *slog.Logger

	// seen is the manifest that was offered last, or that failed in the way of problem.
	seen    []byte
	problem string
}

// Run offers the directory's document now and whenever its manifest changes, until the context ends.
func (d *Directory) Run(ctx context.Context) {
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for {
		d.Check()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Check looks once. What is not there yet is tried again by the next look.
func (d *Directory) Check() {
	manifest, err := os.ReadFile(filepath.Join(d.Path, config.ManifestFile))
	if err == nil && bytes.Equal(manifest, d.seen) {
		return
	}
	var bundle config.Bundle
	if err == nil {
		bundle, err = load(d.Path, manifest)
	}
	if err != nil {
		if err.Error() != d.problem {
			d.problem = err.Error()
			d.Logger.Warn("no configuration from the directory, trying again", "error", err)
		}
		return
	}
	d.problem = ""
	ack, missing := d.Offer(bundle)
	if len(missing) > 0 {
		return
	}
	d.seen = manifest
	if r := ack.Rejected; r != nil && r.Sequence == bundle.Manifest.Sequence {
		d.Logger.Error("the document in the directory was refused", "revision", r.Revision, "error", r.Error)
	}
}

// load reads what a manifest names. Parts whose bytes are not the ones it names are ErrIncomplete.
func load(dir string, raw []byte) (config.Bundle, error) {
	b := config.Bundle{Parts: map[string][]byte{}}
	if err := json.Unmarshal(raw, &b.Manifest); err != nil {
		return config.Bundle{}, fmt.Errorf("%s: %w", config.ManifestFile, err)
	}
	for name, digest := range b.Manifest.Parts {
		file, err := fileOf(name, digest)
		if err != nil {
			return config.Bundle{}, err
		}
		part, err := os.ReadFile(filepath.Join(dir, file))
		if errors.Is(err, fs.ErrNotExist) || err == nil && config.PartDigest(part) != digest {
			return config.Bundle{}, fmt.Errorf("%w: part %s", ErrIncomplete, name)
		}
		if err != nil {
			return config.Bundle{}, fmt.Errorf("part %s: %w", name, err)
		}
		b.Parts[name] = part
	}
	return b, nil
}

func fileOf(part, digest string) (string, error) {
	switch part {
	case config.CorePart:
		return config.CoreFile, nil
	case config.SecretsPart:
		return config.SecretsFile, nil
	}
	if !config.IsShardPart(part) || !config.IsPartDigest(digest) {
		return "", fmt.Errorf("%s: part %q is not one this gateway knows", config.ManifestFile, part)
	}
	return config.ShardFile(part, digest), nil
}
