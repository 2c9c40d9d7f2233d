// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package embed is embeddings in no dialect's words: texts, and the vectors that they become. It is to embeddings what
// package chat is to conversations, and keeps its rule: what the target cannot express is refused with a 400 that names
// the field in the application's words, never dropped.
package embed
