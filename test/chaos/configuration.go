// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/gateway/config"
)

// compile turns manifests of one gateway into what it serves. A manifest that is not served whole is an error.
func compile(yaml string) (config.Bundle, error) {
	set, problems := manifest.Parse([]manifest.File{{Name: "chaos.yaml", Content: []byte(yaml)}})
	if len(problems) > 0 {
		return config.Bundle{}, fmt.Errorf("the manifests: %s", problems[0])
	}
	out := compiler.Compile(compiler.Input{
		Gateway: &set.Gateways()[0], Providers: set.Providers(), Routes: set.Routes(), Keys: set.Keys(),
		Secrets: set.Secrets(), Namespaces: set.Namespaces(),
	})
	verdicts := []*compiler.Verdict{&out.Gateway}
	for _, v := range out.Providers {
		verdicts = append(verdicts, v)
	}
	for _, v := range out.Routes {
		verdicts = append(verdicts, v)
	}
	for _, v := range out.Keys {
		verdicts = append(verdicts, v)
	}
	for _, v := range verdicts {
		for _, f := range []compiler.Finding{v.Accepted, v.ResolvedRefs, v.Conflicted} {
			if !f.OK() {
				return config.Bundle{}, fmt.Errorf("the manifests: %s: %s", f.Reason, f.Message)
			}
		}
	}
	out.Bundle.Manifest.Sequence = 1
	return out.Bundle, nil
}

// layOut writes the gateway's configuration and its administrative credentials below the directory, as Kubernetes mounts
// them.
func layOut(dir, yaml string) error {
	bundle, err := compile(yaml)
	if err != nil {
		return err
	}
	mounted, err := json.Marshal(bundle.Manifest)
	if err != nil {
		return err
	}
	files := map[string][]byte{
		config.ManifestFile: mounted, config.CoreFile: bundle.Parts[config.CorePart],
		config.SecretsFile: bundle.Parts[config.SecretsPart],
	}
	for part, digest := range bundle.Manifest.Parts {
		if config.IsShardPart(part) {
			files[config.ShardFile(part, digest)] = bundle.Parts[part]
		}
	}
	credentials, _, err := issue.Admin(nil, time.Now())
	if err != nil {
		return err
	}
	return errors.Join(writeAll(filepath.Join(dir, "config"), files), writeAll(filepath.Join(dir, "admin"), credentials))
}

func writeAll(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
