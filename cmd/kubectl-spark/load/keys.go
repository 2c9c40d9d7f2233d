// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// MaxKeys bounds a pool of keys.
const MaxKeys = 100_000

// ReadKeys gives the pool: a key, and those of a file, one a line; "#" begins a comment there. Errors hold no key.
func ReadKeys(key, file string) ([]string, error) {
	var keys []string
	if key != "" {
		keys = append(keys, key)
	}
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		content, err := io.ReadAll(io.LimitReader(f, 64<<20))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				keys = append(keys, line)
			}
		}
		if len(keys) == 0 {
			return nil, fmt.Errorf("%s holds no key", file)
		}
	}
	if len(keys) > MaxKeys {
		return nil, fmt.Errorf("%d keys, of at most %d", len(keys), MaxKeys)
	}
	for i, k := range keys {
		if strings.ContainsFunc(k, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, errors.New("key " + fmt.Sprint(i+1) + " holds what no key does")
		}
	}
	return keys, nil
}
