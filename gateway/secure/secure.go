// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package secure sets the header fields that every answer carries.
package secure

import "github.com/sparkgateway/spark/gateway/config"

// Headers is immutable and safe for concurrent use.
type Headers struct{ fields []field }

type field struct{ name, value []byte }

// New takes the fields of a document, whose names are in canonical form.
func New(headers []config.Header) Headers {
	h := Headers{fields: make([]field, 0, len(headers))}
	for _, f := range headers {
		h.fields = append(h.fields, field{[]byte(f.Name), []byte(f.Value)})
	}
	return h
}

// Setter is an answer's header.
type Setter interface {
	SetCanonical(name, value []byte)
}

// Apply sets the fields. It does not allocate.
func (h Headers) Apply(to Setter) {
	for i := range h.fields {
		to.SetCanonical(h.fields[i].name, h.fields[i].value)
	}
}
