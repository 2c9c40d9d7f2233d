// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// KeyShards is the fixed number of parts that keys are spread over, so that a change to one key moves one small part
// and 100,000 keys fit into Secrets of at most 1 MiB.
const KeyShards = 64

// MaxPartBytes bounds one part, so that a Secret can hold two versions of a shard and stay below the API server's
// 1 MiB.
const MaxPartBytes = 500 << 10

// The names of the parts that are not key shards.
const (
	CorePart    = "core"
	SecretsPart = "secrets"
)

// Manifest names the exact bytes of every part of a Document. Revision is a digest over the parts, so equal documents
// have equal revisions; Sequence orders documents and is not part of the revision.
type Manifest struct {
	Schema   int    `json:"schema"`
	Gateway  string `json:"gateway"`
	Sequence int64  `json:"sequence"`
	Revision string `json:"revision"`
	// Parts maps a part's name to the hex SHA-256 of its bytes. An empty shard has no entry.
	Parts map[string]string `json:"parts"`
}

// Bundle is an encoded Document: the manifest and the bytes it names.
type Bundle struct {
	Manifest Manifest          `json:"manifest"`
	Parts    map[string][]byte `json:"parts"`
}

// ErrTooLarge says that a part exceeds MaxPartBytes.
var ErrTooLarge = errors.New("configuration too large")

// ShardOf gives the shard of a key's ID, 0 to KeyShards-1.
func ShardOf(id string) int {
	// FNV-1a, here without a copy of the ID: it is asked for each of 100,000 keys.
	const offset, prime = 2166136261, 16777619
	sum := uint32(offset)
	for i := range len(id) {
		sum = (sum ^ uint32(id[i])) * prime
	}
	return int(sum % KeyShards)
}

// ShardPart gives the part name of a shard: "keys-00" to "keys-63".
func ShardPart(shard int) string { return fmt.Sprintf("keys-%02d", shard) }

// IsShardPart says whether a part's name is that of a shard.
func IsShardPart(part string) bool {
	digits, ok := strings.CutPrefix(part, "keys-")
	if !ok {
		return false
	}
	shard, err := strconv.ParseUint(digits, 10, 8)
	return err == nil && shard < KeyShards && part == ShardPart(int(shard))
}

// IsPartDigest says whether a string has the form of a part's digest, so that it can stand in a file's name.
func IsPartDigest(digest string) bool {
	raw, err := hex.DecodeString(digest)
	return err == nil && len(raw) == sha256.Size
}

// Encode gives the canonical bundle of a document: equal documents give equal bytes, whatever the order of their
// keys. The sequence is left 0. It fails with ErrTooLarge, naming the part.
func Encode(d *Document) (Bundle, error) {
	var of [KeyShards][]Key
	for _, k := range d.Keys {
		i := ShardOf(k.ID)
		of[i] = append(of[i], k)
	}
	shards := make([]Part, KeyShards)
	for i, keys := range of {
		part, err := EncodeShard(keys)
		if err != nil {
			return Bundle{}, fmt.Errorf("encode %s: %w", ShardPart(i), err)
		}
		shards[i] = part
	}
	return Assemble(d, shards)
}

// Part is an encoded part: its bytes, and PartDigest of them. The zero value is that of a shard without keys.
type Part struct {
	Bytes  []byte
	Digest string
}

// EncodeShard gives the canonical bytes of the keys of one shard, in whatever order they are.
func EncodeShard(keys []Key) (Part, error) {
	if len(keys) == 0 {
		return Part{}, nil
	}
	slices.SortFunc(keys, func(a, b Key) int { return cmp.Compare(a.ID, b.ID) })
	encoded, err := json.Marshal(keys)
	if err != nil {
		return Part{}, err
	}
	return Part{encoded, PartDigest(encoded)}, nil
}

// Assemble gives what Encode does, of a document whose keys are encoded already: shards holds all KeyShards of them.
func Assemble(d *Document, shards []Part) (Bundle, error) {
	b := Bundle{Manifest: Manifest{Schema: d.Core.Schema, Gateway: d.Core.Gateway.ID, Parts: map[string]string{}}, Parts: map[string][]byte{}}
	add := func(name string, p Part) { b.Parts[name], b.Manifest.Parts[name] = p.Bytes, p.Digest }
	core, err := json.Marshal(d.Core)
	if err != nil {
		return Bundle{}, fmt.Errorf("encode core: %w", err)
	}
	add(CorePart, Part{core, PartDigest(core)})
	revealed := make(map[string]string, len(d.Secrets))
	for name, s := range d.Secrets {
		revealed[name] = s.Reveal()
	}
	secrets, err := json.Marshal(revealed)
	if err != nil {
		return Bundle{}, errors.New("encode secrets: not a string map")
	}
	add(SecretsPart, Part{secrets, PartDigest(secrets)})
	for i, shard := range shards {
		if shard.Digest != "" {
			add(ShardPart(i), shard)
		}
	}
	if err := checkSizes(b.Parts); err != nil {
		return Bundle{}, err
	}
	b.Manifest.Revision = revisionOf(b.Manifest.Parts)
	return b, nil
}

func checkSizes(parts map[string][]byte) error {
	for _, name := range sortedNames(parts) {
		if n := len(parts[name]); n > MaxPartBytes {
			return fmt.Errorf("%w: part %s has %d bytes, of at most %d", ErrTooLarge, name, n, MaxPartBytes)
		}
	}
	return nil
}

// Missing gives the names, sorted, of the parts that the manifest names and have does not hold in that version.
func (m Manifest) Missing(have map[string]string) []string {
	var names []string
	for name, digest := range m.Parts {
		if have[name] != digest {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// ReadCore gives the part of a bundle that holds no secret and no key, as it stands: not validated, without a look at the
// manifest, and without what only a later version knows.
func (b Bundle) ReadCore() (Core, error) {
	var core Core
	if err := json.Unmarshal(b.Parts[CorePart], &core); err != nil {
		return Core{}, fmt.Errorf("part %s: %w", CorePart, err)
	}
	return core, nil
}

// revisionOf is a digest over the parts' names and digests, in order of name.
func revisionOf(parts map[string]string) string {
	h := sha256.New()
	for _, name := range sortedNames(parts) {
		_, _ = io.WriteString(h, strconv.Itoa(len(name))+":"+name+"="+parts[name]+"\n")
	}
	return hex.EncodeToString(h.Sum(nil))
}

// PartDigest gives the hex SHA-256 by which a manifest names a part's bytes.
func PartDigest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
