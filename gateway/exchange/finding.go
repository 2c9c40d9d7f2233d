// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package exchange

import "github.com/sparkgateway/spark/gateway/config"

// Finding is a kind of what the sanitizer finds in texts.
type Finding uint8

// The kinds, in the order of Findings.AppendHeader.
const (
	FoundPromptInjection Finding = iota
	FoundPII
	FoundDenyPattern
	FoundControlCharacters
	FoundSystemPromptLeak
	FoundImageLink
	// FoundWebhook and FoundModeration are what the guards of those names objected to.
	FoundWebhook
	FoundModeration

	// FindingKinds is their number.
	FindingKinds
)

var findingWords = [FindingKinds]string{
	"prompt_injection", "pii", "deny_pattern", "control_characters", "system_prompt_leak", "image_link", "webhook", "moderation",
}

// String gives the kind's word in headers, logs and metrics.
func (f Finding) String() string {
	if f < FindingKinds {
		return findingWords[f]
	}
	return "unknown"
}

// PIIKinds is the number of config.PIIKinds.
const PIIKinds = 7

// Findings is what was found in the texts of a request or an answer. The zero value is nothing; it is a value, and
// comparable.
type Findings struct {
	found, redacted uint16
	// PII counts what was found of each kind, by the kind's index in config.PIIKinds. It stays at its greatest value.
	PII [PIIKinds]uint16
}

// Add says that something of the kind was found; redacted, that it was replaced.
func (f *Findings) Add(kind Finding, redacted bool) {
	f.found |= 1 << kind
	if redacted {
		f.redacted |= 1 << kind
	}
}

// Count adds n findings of the kind config.PIIKinds[kind]. It does not say that PII was found: Add does.
func (f *Findings) Count(kind, n int) {
	f.PII[kind] = uint16(min(int(f.PII[kind])+n, 1<<16-1))
}

// Merge adds what others found.
func (f *Findings) Merge(others Findings) {
	f.found |= others.found
	f.redacted |= others.redacted
	for i, n := range others.PII {
		f.Count(i, int(n))
	}
}

// Empty says that nothing was found.
func (f Findings) Empty() bool { return f.found == 0 }

// Has says whether something of the kind was found.
func (f Findings) Has(kind Finding) bool { return f.found&(1<<kind) != 0 }

// Redacted says whether something of the kind was replaced.
func (f Findings) Redacted(kind Finding) bool { return f.redacted&(1<<kind) != 0 }

// AppendHeader appends the words of what was found, separated by ", ".
func (f Findings) AppendHeader(dst []byte) []byte {
	first := true
	for kind := range FindingKinds {
		if !f.Has(kind) {
			continue
		}
		if !first {
			dst = append(dst, ", "...)
		}
		first = false
		dst = append(dst, kind.String()...)
	}
	return dst
}

// EachPII calls back with each kind of personal data that was found, in the order of config.PIIKinds.
func (f *Findings) EachPII(visit func(kind config.PIIKind, n int)) {
	for i, n := range f.PII {
		if n > 0 {
			visit(config.PIIKinds[i], int(n))
		}
	}
}
