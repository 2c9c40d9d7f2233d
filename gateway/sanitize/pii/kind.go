// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

// Kind is what was found.
type Kind uint8

// The kinds, in the order of the names of the API.
const (
	Email Kind = iota
	Phone
	CreditCard
	IBAN
	SSN
	IPAddress
	APIKey

	kindCount
)

var kindNames = [kindCount]string{"Email", "Phone", "CreditCard", "IBAN", "SSN", "IPAddress", "APIKey"}

var placeholders = [kindCount]string{
	"[EMAIL]", "[PHONE]", "[CREDIT_CARD]", "[IBAN]", "[SSN]", "[IP_ADDRESS]", "[API_KEY]",
}

// String gives the word that the API has for the kind.
func (k Kind) String() string {
	if k < kindCount {
		return kindNames[k]
	}
	return "Unknown"
}

// Placeholder is what stands in the text instead of a finding of the kind.
func (k Kind) Placeholder() string {
	if k < kindCount {
		return placeholders[k]
	}
	return "[REDACTED]"
}

// ParseKind gives the kind that the API calls by the name.
func ParseKind(name string) (Kind, bool) {
	for k, n := range kindNames {
		if n == name {
			return Kind(k), true
		}
	}
	return 0, false
}

// Kinds is a set of kinds.
type Kinds uint16

// All is every kind.
const All Kinds = 1<<kindCount - 1

// KindsOf is the set of the kinds given.
func KindsOf(kinds ...Kind) Kinds {
	var set Kinds
	for _, k := range kinds {
		set |= 1 << k
	}
	return set
}

// Has says whether the kind is in the set.
func (s Kinds) Has(k Kind) bool { return s&(1<<k) != 0 }

// Counts is the number of findings by kind.
type Counts [kindCount]int

// Total is the number of findings of all kinds.
func (c Counts) Total() int {
	n := 0
	for _, v := range c {
		n += v
	}
	return n
}

// Kinds is the set of the kinds found.
func (c Counts) Kinds() Kinds {
	var set Kinds
	for k, v := range c {
		if v > 0 {
			set |= 1 << k
		}
	}
	return set
}
