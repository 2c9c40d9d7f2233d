// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// byHand signs a request of the tests by the rules of AWS Signature Version 4, at the beginning of a bubble's time.
func byHand(canonicalURI, body string) string {
	sum := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		_, _ = h.Write([]byte(text))
		return h.Sum(nil)
	}
	canonical := "POST\n" + canonicalURI + "\n\n" +
		"host:bedrock-runtime.eu-central-1.amazonaws.com\nx-amz-date:20000101T000000Z\n\nhost;x-amz-date\n" + sum(body)
	toSign := "AWS4-HMAC-SHA256\n20000101T000000Z\n20000101/eu-central-1/bedrock/aws4_request\n" + sum(canonical)
	key := []byte("AWS4" + secretKey)
	for _, part := range []string{"20000101", "eu-central-1", "bedrock", "aws4_request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, toSign))
}
