// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"sync/atomic"
	"time"
)

// TimeLayout is how logs and records write times, which are in UTC: RFC 3339 with milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z07:00"

// date is the beginning of all times of a day.
type date struct {
	day  int64 // since 1970
	text [len("2006-01-02T")]byte
}

// today is the day of which somebody last wrote a time. Most times are of one day.
var today atomic.Pointer[date]

const msPerDay = int64(24 * time.Hour / time.Millisecond)

// AppendTime appends a time by TimeLayout, which time.Time would do at four times the cost. It does not allocate but when a day
// begins, and is safe for concurrent use.
func AppendTime(dst []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms < 0 || ms >= 253402300800000 {
		// Before 1970, or with years of five digits.
		return t.UTC().AppendFormat(dst, TimeLayout)
	}
	day := ms / msPerDay
	known := today.Load()
	if known == nil || known.day != day {
		known = &date{day: day}
		copy(known.text[:], t.UTC().Format("2006-01-02T"))
		today.Store(known)
	}
	ms -= day * msPerDay
	hour, minute, second := ms/3_600_000, ms/60_000%60, ms/1000%60
	ms %= 1000
	return append(append(dst, known.text[:]...),
		digit(hour/10), digit(hour%10), ':', digit(minute/10), digit(minute%10), ':', digit(second/10), digit(second%10), '.',
		digit(ms/100), digit(ms/10%10), digit(ms%10), 'Z')
}

func digit(n int64) byte { return '0' + byte(n) }
