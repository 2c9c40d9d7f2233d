// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package embed

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Answer is what a provider made of a request.
type Answer struct {
	// Model is the provider's word; empty where it has none.
	Model string
	// Vectors are one for each input, in their order, and JSON as the provider wrote it. Check finds what is none.
	Vectors []jsontext.Value
	// Usage as the provider reported it, of which only Prompt and Total say something; Source is UsageNone where it did
	// not.
	Usage exchange.Usage
}

// Reported is the usage of a request whose prompt had as many tokens as a provider says: a number, below members of the
// names that lead to it. Where there is none, or what is no number of tokens, it is that of a provider who said nothing.
func Reported(told jsontext.Value, names ...string) exchange.Usage {
	for _, name := range names {
		var members map[string]jsontext.Value
		if len(told) == 0 || chat.DecodeAnswer(told, &members) != nil {
			return exchange.Usage{}
		}
		told = members[name]
	}
	const exact = 1 << 53 // beyond, a float64 is no longer every integer
	n, err := strconv.ParseFloat(string(told), 64)
	if within := n >= 0 && n <= exact; err != nil || !within { // A NaN is not within either.
		return exchange.Usage{}
	}
	return exchange.Usage{Prompt: int64(n), Total: int64(n), Source: exchange.UsageReported}
}

var (
	errCount  = errors.New("embed: the answer has not one vector for each input")
	errVector = errors.New("embed: a vector is not a list of numbers")
)

// Check says what keeps an answer from being one to a request of so many inputs.
func (a *Answer) Check(inputs int) error {
	if len(a.Vectors) != inputs {
		return errCount
	}
	for _, v := range a.Vectors {
		if !numbers(v, func([]byte) {}) {
			return errVector
		}
	}
	return nil
}

// AppendVector writes a vector as a JSON array without white space; its numbers are those that the provider wrote.
func AppendVector(dst []byte, v jsontext.Value) []byte {
	dst = append(dst, '[')
	begun := false
	numbers(v, func(n []byte) {
		if begun {
			dst = append(dst, ',')
		}
		dst, begun = append(dst, n...), true
	})
	return append(dst, ']')
}

// AppendBase64 writes a vector as a JSON string: base64 of its numbers as little-endian float32s, as OpenAI has it.
func AppendBase64(dst []byte, v jsontext.Value) []byte {
	var packed []byte
	numbers(v, func(n []byte) {
		f, _ := strconv.ParseFloat(string(n), 32) // Out of range it is infinite, which float32 has too.
		packed = binary.LittleEndian.AppendUint32(packed, math.Float32bits(float32(f)))
	})
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, packed)
	return append(dst, '"')
}

// numbers calls f with each number of a JSON value that is a list of one or more numbers; false says that it is none.
func numbers(v jsontext.Value, f func(n []byte)) bool {
	list := bytes.TrimSpace(v)
	if len(list) < 2 || list[0] != '[' {
		return false
	}
	for list = list[1 : len(list)-1]; ; {
		n, rest, more := bytes.Cut(list, []byte{','})
		n = bytes.TrimSpace(n)
		// What is JSON and begins like a number is one.
		if len(n) == 0 || n[0] != '-' && (n[0] < '0' || n[0] > '9') {
			return false
		}
		f(n)
		if !more {
			return true
		}
		list = rest
	}
}
