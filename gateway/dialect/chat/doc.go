// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package chat is a conversation with a model in no dialect's words: what is asked, what is answered, and the events of
// an answer that comes piece by piece. A dialect's codec translates between these types and its own bytes, so that each
// pair of dialects meets here. It is used only where application and provider speak differently.
//
// The rule of translation: what the target cannot express is refused with a 400 that names the field in the
// application's words, never dropped. A value that asks for nothing, such as null or a default that every provider
// has, may be left out.
package chat
