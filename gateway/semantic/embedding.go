// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package semantic

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"math"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxAnswer bounds an embeddings answer, in bytes: MaxDimensions numbers at full length take a tenth of it.
const MaxAnswer = 1 << 20

// What is wrong with an embeddings answer. None quotes it.
var (
	errAnswerTooLarge = errors.New("the embeddings answer is too large")
	errNotJSON        = errors.New("the embeddings answer is not well-formed JSON")
	errNotOne         = errors.New("the embeddings answer has not exactly one embedding")
	errNumbers        = errors.New("the embedding is not numbers, or too many")
)

// AppendQuestion appends the body that asks an OpenAI embeddings endpoint for the vector of a text, as an array of
// numbers. Broken UTF-8 in it becomes U+FFFD.
func AppendQuestion(dst []byte, model string, text []byte) []byte {
	// The errors only tell of broken UTF-8.
	dst = append(dst, `{"model":`...)
	dst, _ = jsontext.AppendQuote(dst, model)
	dst = append(dst, `,"input":`...)
	dst, _ = jsontext.AppendQuote(dst, text)
	return append(dst, `,"encoding_format":"float"}`...)
}

// ReadEmbedding gives the one vector of an OpenAI embeddings answer, whose numbers may be an array or base64 of
// little-endian float32. It is not empty, finite, and has at most MaxDimensions.
func ReadEmbedding(body []byte) ([]float32, error) {
	if len(body) > MaxAnswer {
		return nil, errAnswerTooLarge
	}
	if deep(body) {
		return nil, errNotJSON
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(body))
	var vector []float32
	err := object(d, "data", func() error { return only(d, &vector) })
	if err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errNotJSON
	}
	if vector == nil {
		return nil, errNotOne
	}
	return vector, nil
}

// object reads an object and has the member of that name read by its caller. It skips all others.
func object(d *jsontext.Decoder, name string, read func() error) error {
	if open, err := d.ReadToken(); err != nil || open.Kind() != '{' {
		return errNotJSON
	}
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return errNotJSON
		}
		if key.String() == name {
			if err := read(); err != nil {
				return err
			}
		} else if d.SkipValue() != nil {
			return errNotJSON
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return errNotJSON
	}
	return nil
}

// only reads the array of embeddings, which has one.
func only(d *jsontext.Decoder, vector *[]float32) error {
	if d.PeekKind() != '[' {
		return errNotOne
	}
	if _, err := d.ReadToken(); err != nil {
		return errNotJSON
	}
	if d.PeekKind() != '{' {
		return errNotOne
	}
	err := object(d, "embedding", func() (err error) {
		*vector, err = readVector(d)
		return err
	})
	if err != nil {
		return err
	}
	if end, err := d.ReadToken(); err != nil || end.Kind() != ']' {
		return errNotOne
	}
	return nil
}

func readVector(d *jsontext.Decoder) ([]float32, error) {
	token, err := d.ReadToken()
	switch {
	case err != nil:
		return nil, errNotJSON
	case token.Kind() == '"':
		return unpack(token.String())
	case token.Kind() != '[':
		return nil, errNumbers
	}
	vector := make([]float32, 0, 1536)
	for {
		token, err := d.ReadToken()
		switch {
		case err != nil:
			return nil, errNotJSON
		case token.Kind() == ']' && len(vector) > 0:
			return vector, nil
		case token.Kind() != '0' || len(vector) == MaxDimensions:
			return nil, errNumbers
		}
		f, err := token.Float()
		if err != nil || math.Abs(f) > math.MaxFloat32 {
			return nil, errNumbers
		}
		vector = append(vector, float32(f))
	}
}

func unpack(text string) ([]float32, error) {
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(packed) == 0 || len(packed)%4 != 0 || len(packed) > 4*MaxDimensions {
		return nil, errNumbers
	}
	vector := make([]float32, len(packed)/4)
	for i := range vector {
		f := math.Float32frombits(binary.LittleEndian.Uint32(packed[4*i:]))
		if size := float64(f); math.IsNaN(size) || math.IsInf(size, 0) {
			return nil, errNumbers
		}
		vector[i] = f
	}
	return vector, nil
}
