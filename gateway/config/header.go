// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/textproto"
	"strings"
)

// Check says what is wrong with a header field, nil when nothing is: its name must be a token in canonical form, and its
// value must not end the line. The value is not in the error.
func (h Header) Check() error {
	switch {
	case h.Name == "" || strings.ContainsFunc(h.Name, notToken) || textproto.CanonicalMIMEHeaderKey(h.Name) != h.Name:
		return fmt.Errorf("name %q is not a header name in canonical form", h.Name)
	case strings.ContainsAny(h.Value, "\r\n\x00"):
		return fmt.Errorf("the value of %s holds control characters", h.Name)
	}
	return nil
}

// framing are the header fields that make a message what it is, in canonical form.
var framing = map[string]bool{
	"Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Trailer": true, "Te": true, "Upgrade": true,
	"Expect": true, "Accept-Encoding": true, "Content-Encoding": true, "Keep-Alive": true, "Proxy-Connection": true,
}

// Framing says whether a header field, named in any case, makes the message what it is, so that no policy may change it.
func Framing(name string) bool { return framing[textproto.CanonicalMIMEHeaderKey(name)] }

// credentials are the header fields that show a gateway to a provider, in canonical form.
var credentials = map[string]bool{"Authorization": true, "X-Api-Key": true, "Api-Key": true, "X-Goog-Api-Key": true}

// CredentialHeader says whether a header field, named in any case, shows the gateway to a provider: an API key, or a part of
// a signature (X-Amz-…). It comes of the provider's credentials, so that no policy may set it.
func CredentialHeader(name string) bool {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	return credentials[canonical] || strings.HasPrefix(canonical, "X-Amz-")
}

// notToken says whether a character cannot stand in a header's name.
func notToken(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}
