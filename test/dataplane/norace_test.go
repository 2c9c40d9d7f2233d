// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package dataplane

const slowdown = 1
