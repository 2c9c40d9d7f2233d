// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package converse asks the models at Amazon Bedrock through its Converse API: what goes to Converse, ConverseStream and
// CountTokens, and what comes back (Amazon Bedrock API Reference, "Amazon Bedrock Runtime"). No application speaks it, so
// there is no decoder of requests.
//
// The API is one for all models, but for what it leaves to each family of them, in additionalModelRequestFields. The
// family is read from the model's ID.
package converse

// target is the dialect's name in refusals.
const target = "Bedrock"
