// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
)

var errNoCertificate = errors.New("the Secret of the gateway's listener holds no certificate that names anybody")

// pinned trusts the first certificate of a chain in PEM, and no other: pods are called by their addresses, which no certificate names,
// so that what a pod must serve is the very certificate of its gateway.
func pinned(chain []byte) (*tls.Config, error) {
	block, _ := pem.Decode(chain)
	if block == nil {
		return nil, errNoCertificate
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, errNoCertificate
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
	settings.RootCAs.AddCert(leaf)
	switch {
	case len(leaf.DNSNames) > 0:
		settings.ServerName = strings.Replace(leaf.DNSNames[0], "*", "console", 1)
	case len(leaf.IPAddresses) > 0:
		settings.ServerName = leaf.IPAddresses[0].String()
	default:
		return nil, errNoCertificate
	}
	return settings, nil
}
