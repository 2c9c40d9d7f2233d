// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pii finds personal data and secrets in text and replaces them, in a whole text or in one that arrives in
// pieces: the pieces, redacted and joined, are the whole, redacted.
//
// There is one algorithm, scan, and two drivers, Find and Stream. It goes from left to right. Where a finding may begin, a
// window shows the detectors a bounded piece of the text, and their verdict depends on nothing else; a verdict for which
// they read beyond what has arrived is void, and the text from there waits. So a cut cannot matter. What is longer than a
// window is a finding by what the window shows and takes the rest along as its tail, of which nothing is held back.
//
// What is found, where that could be otherwise:
//
//   - Addresses of loopback, private and documentation networks are findings; an address takes its prefix length along.
//   - An e-mail address needs a top level of letters. git@host:path and the user of a URL are none.
//   - A telephone number needs a form that hardly anything else has, or a word that says so: before it, or, as in vCards,
//     behind it. Ten digits alone are none.
//   - A card needs its issuer's range and length, or a word that says so, and always the sum of Luhn.
//   - A taxpayer number of the form of a social security number is one.
//   - Passwords count as keys. In a URL the password alone is replaced, behind a name the value alone.
//   - A key needs a known form, or a name before it that calls it one and a value that looks drawn; placeholders,
//     references and names of programs are none.
//
// Nothing is kept of a text beyond what the next piece may need. Nothing here is safe for concurrent use by itself but
// functions: Find and Redact share no state.
package pii
