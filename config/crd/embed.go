// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package crd carries the CustomResourceDefinitions inside the binary, so that manifests can be checked offline.
package crd

import "embed"

// FS holds the CustomResourceDefinitions, one a file, as the API server takes them.
//
//go:embed sparkgateway.dev_*.yaml
var FS embed.FS
