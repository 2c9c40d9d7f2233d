// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

// Compile decides.
func Compile(in Input) Output { return Output{} }
