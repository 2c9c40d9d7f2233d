// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package roundtrip has no code, but tests that hold all dialects against each other: what an application asks in one
// dialect, is asked of a provider in another, and is read back, says the same; and so do answers and streams. What may
// differ is written down, one rule a line, in the tables of normal forms; what a dialect cannot express must be refused.
package roundtrip
