// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Decode checks every part against the manifest and gives the document, validated. Parts that the manifest does not
// name are ignored.
func Decode(b Bundle) (*Document, error) { return new(Decoder).Decode(b) }

// Decoder decodes the bundles of a gateway one after the other. It remembers the key shards of the last one, about 250 bytes a
// key, so that the change of one of 100,000 keys does not decode all of them again. The zero value is ready. It is not safe for
// concurrent use.
type Decoder struct {
	shards [KeyShards]struct {
		digest string
		keys   []Key
	}
}

// Decode gives what the function of that name does. The keys of two documents may share what they point to: it is not to be
// changed.
func (r *Decoder) Decode(b Bundle) (*Document, error) {
	if b.Manifest.Schema != Schema {
		return nil, fmt.Errorf("schema %d is not one this gateway reads (%d)", b.Manifest.Schema, Schema)
	}
	if err := b.verify(); err != nil {
		return nil, err
	}
	d := &Document{}
	if err := strict(b.Parts[CorePart], &d.Core); err != nil {
		return nil, fmt.Errorf("part %s: %w", CorePart, err)
	}
	secrets := map[string]string{}
	if err := strict(b.Parts[SecretsPart], &secrets); err != nil {
		// The decoder's error may quote a value, and here every value is a secret.
		return nil, fmt.Errorf("part %s: not a JSON object of strings", SecretsPart)
	}
	d.Secrets = make(map[string]Secret, len(secrets))
	for name, s := range secrets {
		d.Secrets[name] = NewSecret(s)
	}
	if err := r.keys(b, d); err != nil {
		return nil, err
	}
	if d.Core.Gateway.ID != b.Manifest.Gateway {
		return nil, fmt.Errorf("the manifest is for gateway %q, the core for %q", b.Manifest.Gateway, d.Core.Gateway.ID)
	}
	return d, d.Validate()
}

// keys decodes the shards that differ from the ones before.
func (r *Decoder) keys(b Bundle, into *Document) error {
	n := 0
	for i := range r.shards {
		shard, name := &r.shards[i], ShardPart(i)
		if digest := b.Manifest.Parts[name]; digest != shard.digest {
			shard.digest, shard.keys = "", nil
			if digest != "" {
				if err := strict(b.Parts[name], &shard.keys); err != nil {
					shard.keys = nil
					return fmt.Errorf("part %s: %w", name, err)
				}
			}
			shard.digest = digest
		}
		n += len(shard.keys)
	}
	if n > 0 {
		into.Keys = make([]Key, 0, n)
	}
	for i := range r.shards {
		into.Keys = append(into.Keys, r.shards[i].keys...)
	}
	return nil
}

func (b Bundle) verify() error {
	for _, name := range []string{CorePart, SecretsPart} {
		if b.Manifest.Parts[name] == "" {
			return fmt.Errorf("the manifest names no part %s", name)
		}
	}
	for _, name := range sortedNames(b.Manifest.Parts) {
		// A part that this version does not read is as a field that it does not know.
		if name != CorePart && name != SecretsPart && !IsShardPart(name) {
			return fmt.Errorf("part %q is not one this gateway knows", name)
		}
		part, ok := b.Parts[name]
		if !ok {
			return fmt.Errorf("part %s is missing", name)
		}
		if PartDigest(part) != b.Manifest.Parts[name] {
			return fmt.Errorf("part %s is not the version that the manifest names", name)
		}
	}
	if revisionOf(b.Manifest.Parts) != b.Manifest.Revision {
		return errors.New("the manifest's revision is not that of its parts")
	}
	return nil
}

// strict decodes one JSON value into v and refuses unknown fields and trailing bytes.
func strict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}
