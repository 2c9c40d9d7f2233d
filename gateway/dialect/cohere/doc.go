// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cohere is Cohere's Chat API, version 2 (POST /v2/chat), as providers are asked in it. The shapes are those of
// the API reference at https://docs.cohere.com/reference/chat and https://docs.cohere.com/reference/chat-stream.
package cohere
