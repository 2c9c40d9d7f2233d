// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"hash/crc32"
	"io"
	"math/big"
	"strings"
)

// APIKeyPrefix begins every generated API key, so that people and scanners know what they look at.
const APIKeyPrefix = "spark-"

// APIKeyPattern is the regular expression for scanners of secrets: what it finds is a generated key where its checksum is
// right, as CheckAPIKey says, and of strings that merely look alike one in four billion is.
const APIKeyPattern = `\bspark-[0-9A-Za-z]{49}\b`

const (
	base62Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	// apiKeyDigits hold 256 bits in base 62; apiKeyCheck hold a CRC-32.
	apiKeyDigits = 43
	apiKeyCheck  = 6
	apiKeyBytes  = 32

	apiKeyLen = len(APIKeyPrefix) + apiKeyDigits + apiKeyCheck
)

// NewAPIKey gives a new API key: "spark-", 256 random bits as 43 digits of base 62, and the CRC-32 (IEEE) of those digits as
// 6 more. It panics where the source of randomness fails: a key of anything else would be worse.
func NewAPIKey(random io.Reader) string {
	var raw [apiKeyBytes]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		panic("no randomness for an API key: " + err.Error())
	}
	var key [apiKeyLen]byte
	copy(key[:], APIKeyPrefix)
	digits := key[len(APIKeyPrefix):][:apiKeyDigits]
	base, n, rest := big.NewInt(int64(len(base62Alphabet))), new(big.Int).SetBytes(raw[:]), new(big.Int)
	for i := apiKeyDigits - 1; i >= 0; i-- {
		n, rest = n.DivMod(n, base, rest)
		digits[i] = base62Alphabet[rest.Int64()]
	}
	check := apiKeyChecksum([apiKeyDigits]byte(digits))
	copy(key[len(APIKeyPrefix)+apiKeyDigits:], check[:])
	return string(key[:])
}

// CheckAPIKey says whether a key has the form of a generated one and, if so, whether its checksum is right. A key that was
// not generated, which someone brought, may have any other form; it is not ok. It does not allocate.
func CheckAPIKey[K string | []byte](key K) (generated, ok bool) {
	if len(key) != apiKeyLen || string(key[:len(APIKeyPrefix)]) != APIKeyPrefix {
		return false, false
	}
	var digits [apiKeyDigits + apiKeyCheck]byte
	copy(digits[:], key[len(APIKeyPrefix):])
	for _, d := range digits {
		if strings.IndexByte(base62Alphabet, d) < 0 {
			return false, false
		}
	}
	// Anybody can compute a checksum, so that how long this takes tells nothing about a key.
	return true, apiKeyChecksum([apiKeyDigits]byte(digits[:apiKeyDigits])) == [apiKeyCheck]byte(digits[apiKeyDigits:])
}

func apiKeyChecksum(digits [apiKeyDigits]byte) (check [apiKeyCheck]byte) {
	// Not ChecksumIEEE, for which the digits would have to be allocated.
	sum := ^uint32(0)
	for _, d := range digits {
		sum = crc32.IEEETable[byte(sum)^d] ^ sum>>8
	}
	sum = ^sum
	for i := apiKeyCheck - 1; i >= 0; i-- {
		check[i] = base62Alphabet[sum%uint32(len(base62Alphabet))]
		sum /= uint32(len(base62Alphabet))
	}
	return check
}
