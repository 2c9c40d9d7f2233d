// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

// Fields is a request's header; keys are in canonical form.
type Fields interface {
	PeekCanonical(key []byte) []byte
}

var authorization = []byte("Authorization")

// keyFields are where Anthropic's, Google's and Azure's SDKs put a key.
var keyFields = [...][]byte{[]byte("X-Api-Key"), []byte("X-Goog-Api-Key"), []byte("Api-Key")}

// Presented gives the key or token that a request shows, in Authorization as a bearer token or else in a field that some
// SDK uses; empty where it shows none. It does not allocate.
func Presented(f Fields) []byte {
	if key, ok := Bearer(f.PeekCanonical(authorization)); ok {
		return key
	}
	for _, name := range keyFields {
		if key := f.PeekCanonical(name); len(key) > 0 {
			return key
		}
	}
	return nil
}

// Bearer gives the token of an Authorization header with the scheme Bearer, in any case (RFC 9110 11.1, RFC 6750 2.1).
// A token has at least one byte and no space or control character.
func Bearer(authorization []byte) ([]byte, bool) {
	const scheme = "bearer"
	if len(authorization) <= len(scheme)+1 || authorization[len(scheme)] != ' ' {
		return nil, false
	}
	for i := range len(scheme) {
		if authorization[i]|0x20 != scheme[i] {
			return nil, false
		}
	}
	token := authorization[len(scheme):]
	for len(token) > 0 && token[0] == ' ' {
		token = token[1:]
	}
	for _, c := range token {
		if c <= ' ' || c >= 0x7f {
			return nil, false
		}
	}
	return token, len(token) > 0
}
