// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import "errors"

// AppendQuestion appends the body that asks an OpenAI embeddings endpoint for the vector of a text.
func AppendQuestion(dst []byte, model string, text []byte) []byte {
	_, _ = model, text
	return dst
}

// ReadEmbedding gives the one vector of an OpenAI embeddings answer, whose numbers may be an array or base64 of
// little-endian float32.
func ReadEmbedding([]byte) ([]float32, error) { return nil, errors.New("no embedding") }
