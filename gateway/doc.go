// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gateway is the data plane: it composes the rooms below it into the request's pipeline, holds the immutable
// Snapshot that each request sees exactly one of, and the Living state that outlives snapshots.
//
// A request goes: accept → request ID, headers → address limit → authenticate → key limit → path → body → decode →
// model → target → proxy → relay → settle → metrics, log. Nothing of its body is read before its key is known.
package gateway
