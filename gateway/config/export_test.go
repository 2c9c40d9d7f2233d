// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

// RevisionOf lets tests seal a manifest that they changed.
var RevisionOf = revisionOf
