// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package issue makes secret material: API keys, and the certificates of a gateway's administrative listener.
package issue

import (
	"crypto/rand"
	"hash/crc32"
	"math/big"
	"strings"
)

// KeyPrefix begins every generated API key, so that people and scanners know what they look at.
const KeyPrefix = "spark-"

const (
	alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	// keyDigits hold 256 bits in base 62; checkDigits hold a CRC-32.
	keyDigits   = 43
	checkDigits = 6
	keyBytes    = 32
)

// NewAPIKey gives a new API key: "spark-", 256 random bits as 43 digits of base 62, and the CRC-32 of those digits as 6
// more, by which a scanner tells a key from a look-alike.
func NewAPIKey() string {
	var raw [keyBytes]byte
	_, _ = rand.Read(raw[:]) // never fails: it ends the program instead
	digits := base62(new(big.Int).SetBytes(raw[:]), keyDigits)
	return KeyPrefix + digits + checksum(digits)
}

// IsAPIKey says whether a string has the form of a generated key, its checksum included.
func IsAPIKey(s string) bool {
	digits, ok := strings.CutPrefix(s, KeyPrefix)
	if !ok || len(digits) != keyDigits+checkDigits {
		return false
	}
	return checksum(digits[:keyDigits]) == digits[keyDigits:]
}

func checksum(digits string) string {
	return base62(big.NewInt(int64(crc32.ChecksumIEEE([]byte(digits)))), checkDigits)
}

// base62 writes n with a fixed number of digits, zeros in front.
func base62(n *big.Int, digits int) string {
	out := make([]byte, digits)
	base, rest := big.NewInt(int64(len(alphabet))), new(big.Int)
	for i := digits - 1; i >= 0; i-- {
		n, rest = new(big.Int).DivMod(n, base, rest)
		out[i] = alphabet[rest.Int64()]
	}
	return string(out)
}
