// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gateway is the data plane: it composes the rooms below it into the request's pipeline, holds the immutable
// Snapshot that each request sees exactly one of, and the Living state that outlives snapshots.
package gateway

import "github.com/sparkgateway/spark/gateway/config"

// Snapshot is a configuration made ready to serve. It is immutable.
type Snapshot struct {
	doc *config.Document
}

// Build makes a document ready to serve, without effect on what is being served.
func Build(doc *config.Document, _ *Living) (*Snapshot, error) {
	return &Snapshot{doc: doc}, nil
}
