// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bundletest reads bundles in tests.
package bundletest

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"testing"
)

// Unpack gives the files of an archive by their names, and fails the test where one can be read by others than its owner.
func Unpack(t *testing.T, packed io.Reader) map[string]string {
	t.Helper()
	raw, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for reader := tar.NewReader(raw); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil || header.Mode != 0o600 {
			t.Fatal(err, header.Mode)
		}
		files[header.Name] = string(content)
	}
}
