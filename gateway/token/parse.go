// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// MaxBytes bounds a token.
const MaxBytes = 8 << 10

// LooksLikeJWT says whether what a client shows is a token rather than a key: three parts in URL-safe base64, of which the
// first begins as a JSON object does. It does not allocate.
func LooksLikeJWT(raw []byte) bool {
	if !bytes.HasPrefix(raw, []byte("eyJ")) {
		return false
	}
	dots := 0
	for _, c := range raw {
		switch {
		case c == '.':
			dots++
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c == '-', c == '_':
		default:
			return false
		}
	}
	return dots == 2
}

// header is what matters of a token's. A key or the address of one in it ("jwk", "jku", "x5c", "x5u") is nobody's word but
// the token's own, and is not looked at.
type header struct {
	Algorithm string         `json:"alg"`
	KeyID     string         `json:"kid"`
	Type      string         `json:"typ"`
	Critical  jsontext.Value `json:"crit"`
	Base64    jsontext.Value `json:"b64"`
}

// parsed is a token that was read and not verified.
type parsed struct {
	header  header
	claims  map[string]jsontext.Value
	issuer  string
	subject string
}

// strictly refuses base64 whose last bits say nothing, so that a token has one form only.
var strictly = base64.RawURLEncoding.Strict()

func parse(raw []byte) (*parsed, *exchange.Error) {
	if !LooksLikeJWT(raw) {
		return nil, errMalformed
	}
	first, rest, _ := bytes.Cut(raw, []byte("."))
	second, _, _ := bytes.Cut(rest, []byte("."))
	t := &parsed{}
	// Names that stand twice are refused, as readers would differ in which of them they take.
	if !decode(first, &t.header) || !decode(second, &t.claims) {
		return nil, errMalformed
	}
	if !slices.Contains(algorithms, t.header.Algorithm) {
		return nil, errAlgorithm
	}
	// Extensions that must be understood (RFC 7515 4.1.11, RFC 7797) are not.
	if t.header.Critical != nil || t.header.Base64 != nil || !bearer(t.header.Type) {
		return nil, errType
	}
	var ok bool
	if t.issuer, ok = text(t.claims["iss"]); !ok {
		return nil, errIssuer
	}
	if t.subject, ok = text(t.claims["sub"]); !ok || len(t.subject) > maxSubject {
		return nil, errSubject
	}
	return t, nil
}

func decode(part []byte, into any) bool {
	plain := make([]byte, strictly.DecodedLen(len(part)))
	n, err := strictly.Decode(plain, part)
	return err == nil && json.Unmarshal(plain[:n], into) == nil
}

// bearer says whether a token of a type is for showing who one is: JWT, access tokens and ID tokens are. What has a type
// of its own, as a logout token or a proof of possession does, is signed with the same keys for something else.
func bearer(kind string) bool {
	kind = strings.TrimPrefix(strings.ToLower(kind), "application/")
	return kind == "at+jwt" || !strings.HasSuffix(kind, "+jwt")
}

// text gives a claim that is a string and not empty.
func text(claim jsontext.Value) (s string, ok bool) {
	if claim.Kind() != '"' || json.Unmarshal(claim, &s) != nil {
		return "", false
	}
	return s, s != ""
}
