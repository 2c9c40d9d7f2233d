// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gemini

import (
	"encoding/base64"
	"strings"
)

// ours marks the signatures of other providers where a Gemini application keeps them. Google's SDKs hold a signature as
// bytes and may write it back in the other alphabet of base64, which would change a signature that is text.
const ours = "spark:"

// wrapSignature turns another provider's signature into base64 that survives Google's SDKs.
func wrapSignature(signature string) string {
	if signature == "" {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(ours + signature))
}

// unwrapSignature gives back what wrapSignature took. What it did not make, such as Gemini's own signatures, stays as
// it is.
func unwrapSignature(signature string) string {
	standard, ok := standardBase64(signature)
	if !ok {
		return signature
	}
	raw, err := base64.StdEncoding.DecodeString(standard)
	if err != nil {
		return signature
	}
	if text, found := strings.CutPrefix(string(raw), ours); found {
		return text
	}
	return signature
}

// standardBase64 turns either alphabet of base64, padded or not, into the standard one with padding, as other dialects
// want it; Python's SDK writes the other. False says that it is not base64.
func standardBase64(s string) (string, bool) {
	body := strings.TrimRight(s, "=")
	plain := true
	for i := range len(body) {
		switch c := body[i]; {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
		case c == '-', c == '_':
			plain = false
		default:
			return "", false
		}
	}
	if len(body)%4 == 1 || len(s)-len(body) > 2 {
		return "", false
	}
	if plain && len(s)%4 == 0 {
		return s, true
	}
	body = strings.NewReplacer("-", "+", "_", "/").Replace(body)
	return body + "==="[:(4-len(body)%4)%4], true
}
