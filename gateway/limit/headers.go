// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"strconv"
	"time"
)

// AppendReset writes a duration as OpenAI does in x-ratelimit-reset-*: "20ms", "1.5s", "6m0s". Parts of a millisecond
// count as a whole one.
func AppendReset(dst []byte, d time.Duration) []byte {
	ms := max(int64((d+time.Millisecond-1)/time.Millisecond), 0)
	if ms < 1000 {
		return append(strconv.AppendInt(dst, ms, 10), "ms"...)
	}
	if minutes := ms / 60_000; minutes > 0 {
		dst = append(strconv.AppendInt(dst, minutes, 10), 'm')
		ms %= 60_000
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	if rest := ms % 1000; rest > 0 {
		dst = append(dst, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return append(dst, 's')
}

// RetryAfterSeconds gives the value of a Retry-After field (RFC 9110 10.2.3): whole seconds, rounded up, at least 1.
func RetryAfterSeconds(d time.Duration) int64 {
	return max(int64((d+time.Second-1)/time.Second), 1)
}
