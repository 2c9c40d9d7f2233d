// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// Secret is a credential that does not show itself: String, GoString, JSON and slog give "[redacted]". Only Reveal
// gives the value, and only a part of a Bundle carries it. The value is behind a pointer, because fmt does not call the
// methods of what stands in an unexported field, and there would print the value itself.
type Secret struct{ value *string }

const redacted = "[redacted]"

// NewSecret wraps a credential.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal gives the credential. Call it where the credential goes over the wire and nowhere else.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// String gives "[redacted]".
func (s Secret) String() string { return redacted }

// GoString gives "[redacted]" for %#v.
func (s Secret) GoString() string { return redacted }

// MarshalJSON gives "[redacted]".
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// LogValue gives "[redacted]" to slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Digest is the SHA-256 of an API key; in JSON, unpadded URL-safe base64.
type Digest [sha256.Size]byte

// DigestKey gives the digest under which a key is looked up. Keys have 256 bits of entropy, or are refused when too
// short, so that a plain digest cannot be searched for its key.
func DigestKey(key string) Digest { return sha256.Sum256([]byte(key)) }

// String gives unpadded URL-safe base64.
func (d Digest) String() string { return base64.RawURLEncoding.EncodeToString(d[:]) }

// MarshalText gives unpadded URL-safe base64.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Digest) UnmarshalText(text []byte) error {
	raw, err := base64.RawURLEncoding.DecodeString(string(text))
	if err != nil || len(raw) != len(d) {
		return fmt.Errorf("a digest is %d bytes in unpadded URL-safe base64", len(d))
	}
	copy(d[:], raw)
	return nil
}

// Duration is a time.Duration that is a string such as "1m30s" in JSON.
type Duration time.Duration

// Std gives the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String formats as time.Duration does.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText formats as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = Duration(v)
	return nil
}
