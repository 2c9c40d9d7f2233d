// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package issue makes secret material: API keys, and the certificates of a gateway's administrative listener.
package issue

import (
	"crypto/rand"

	"github.com/sparkgateway/spark/gateway/config"
)

// NewAPIKey gives a new API key, in the form of config.NewAPIKey.
func NewAPIKey() string { return config.NewAPIKey(rand.Reader) }

// IsAPIKey says whether a string has the form of a generated key, its checksum included.
func IsAPIKey(s string) bool {
	_, ok := config.CheckAPIKey(s)
	return ok
}
