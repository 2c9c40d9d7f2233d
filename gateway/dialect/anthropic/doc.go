// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package anthropic translates Anthropic's Messages API (POST /v1/messages and /v1/messages/count_tokens, version
// 2023-06-01; https://platform.claude.com/docs/en/api/messages) to and from the neutral chat: Decoder for applications
// that speak it, Encoder for providers that do.
//
// What Anthropic alone has is refused by name, but for what asks nothing of the answer: hints to caches, how finely
// arguments are streamed, and diagnostics, for which null is an answer.
//
// A request that is decoded and encoded again says the same in normal form: text always stands in blocks, a cache_control
// of the whole request on its last block, messages of one role are one, results of tools come first in theirs, the
// deprecated output_format is output_config.format, effort "max" is "xhigh", an effort alone comes with adaptive
// thinking, and what says no more than the default is left out.
package anthropic

import (
	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

// target is the dialect's name in refusals.
const target = "Anthropic"

// Decoder reads the Messages API from applications and answers in it. The zero value is ready; it is stateless and safe
// for concurrent use.
type Decoder struct{}

// Encoder asks providers in the Messages API and reads their answers and errors. The zero value is ready; it is
// stateless and safe for concurrent use.
type Encoder struct{}

var (
	_ chat.Decoder      = Decoder{}
	_ chat.Encoder      = Encoder{}
	_ chat.ErrorDecoder = Encoder{}
)
