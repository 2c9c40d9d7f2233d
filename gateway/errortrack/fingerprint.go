// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"github.com/sparkgateway/spark/gateway/exchange"
)

const (
	// maxClass bounds, in bytes, the folded words of a cause that tell its class.
	maxClass = 256
	// maxFields is what the other parts of a fingerprint take where names are of the usual lengths; longer ones cost an
	// allocation.
	maxFields = 512
	// maxCause bounds what is read of a cause or a message, in bytes.
	maxCause = 2048
)

// failed says that a request counts. One whose client left did not fail, and one that was overtaken is part of one that
// counts by itself.
func failed(o exchange.Outcome) bool {
	return o != exchange.OK && o != exchange.ClientGone && o != exchange.Overtaken
}

// faulty says that the gateway or a provider is at fault, and not the request. A stream that broke has a status of success.
func faulty(e *Event) bool {
	switch e.Outcome {
	case exchange.Internal, exchange.Unavailable, exchange.Drained:
		return true
	default:
		return e.Outcome.ProviderFault() || e.Status >= 500
	}
}

// fingerprint names the way in which a request failed. Its parts must keep their order and meaning: other processes, of
// other releases, have to come to the same number.
func fingerprint(e *Event) uint64 {
	var space [maxFields + maxClass]byte
	b := appendPart(space[:0], string(e.Reason))
	b = append(strconv.AppendInt(b, int64(e.Status), 10), 0)
	b = append(strconv.AppendInt(b, int64(e.UpstreamStatus), 10), 0)
	b = appendPart(b, e.Provider)
	b = appendPart(b, e.Target)
	b = appendPart(b, e.Operation.String())
	text := e.Message
	if e.Cause != nil {
		text = e.Cause.Error()
	}
	sum := sha256.Sum256(appendClass(b, text))
	return binary.BigEndian.Uint64(sum[:])
}

func appendPart(dst []byte, part string) []byte { return append(append(dst, part...), 0) }

// fingerprintText is how a fingerprint is told.
func fingerprintText(n uint64) string {
	const digits = "0123456789abcdef"
	var text [16]byte
	for i := range text {
		text[i] = digits[n>>(60-4*i)&15]
	}
	return string(text[:])
}

// appendClass appends, behind a part, the words of a text that stay the same from one occurrence to the next, "#" for what differs: whatever
// holds a digit, addresses, names of hosts and files, URLs, identifiers, and what is quoted.
func appendClass(dst []byte, text string) []byte {
	text = text[:min(len(text), maxCause)]
	most := len(dst) + maxClass
	var quotes quotations
	for len(text) > 0 && len(dst) < most {
		n := max(quotes.first(text), urlLen(text))
		fold := n > 0
		if !fold {
			n = wordLen(text)
			fold = varies(text[:n])
		}
		switch {
		case fold:
			dst = appendFolded(dst, most)
		case n == 0:
			n = 1
			dst = appendGap(dst)
		default:
			dst = append(dst, text[:min(n, most-len(dst))]...)
		}
		text = text[n:]
	}
	return dst
}

// appendGap puts one space for any number of delimiters, and none beside a fold: how many things varied does not matter.
func appendGap(dst []byte) []byte {
	if last := dst[len(dst)-1]; last == ' ' || last == '#' || last == 0 {
		return dst
	}
	return append(dst, ' ')
}

func appendFolded(dst []byte, most int) []byte {
	if dst[len(dst)-1] == '#' || len(dst) >= most {
		return dst
	}
	return append(dst, '#')
}

// The lengths from which a word is taken for an identifier: any, and one of hexadecimal digits only.
const (
	longWord = 40
	longHex  = 8
)

// varies says that a word may be another the next time.
func varies(word string) bool {
	hex := true
	for i := range len(word) {
		switch c := word[i]; {
		case c >= '0' && c <= '9', c >= 0x80, c == '@', c == '/', c == '\\', c == '%', c == '$', c == '~':
			return true
		case c == '.' && i > 0 && i+1 < len(word):
			return true
		case !isHex(c):
			hex = false
		}
	}
	return len(word) >= longWord || hex && len(word) >= longHex
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }
