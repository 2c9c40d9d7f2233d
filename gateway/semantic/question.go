// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import "github.com/sparkgateway/spark/gateway/exchange"

// Question gives the user's text of a request that asks one plain question, and a digest of all of the body but that
// text. Any other request is not ok: turns before, tools, anything but text, what a provider stores, several answers.
func Question(exchange.Dialect, []byte) (text []byte, rest [32]byte, ok bool) {
	return nil, rest, false
}
