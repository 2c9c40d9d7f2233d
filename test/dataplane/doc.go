// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dataplane tests the real data plane in front of a fake provider, over sockets and without Kubernetes.
package dataplane
