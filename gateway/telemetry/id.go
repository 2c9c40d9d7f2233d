// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"encoding/hex"
	"math/rand/v2"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// NewID fills in a random request ID. It need not be secret, only unique.
func NewID(id *[exchange.IDLen]byte) {
	var raw [exchange.IDLen / 2]byte
	for i := 0; i < len(raw); i += 8 {
		v := rand.Uint64()
		for j := range 8 {
			raw[i+j] = byte(v >> (8 * j))
		}
	}
	hex.Encode(id[:], raw[:])
}
