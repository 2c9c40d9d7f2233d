// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// AppendLine writes an exchange that ended as one line of JSON. Fields that say nothing are left out. Nothing that the
// client wrote is in it but the method, the path and the model, each bounded.
func AppendLine(dst []byte, ex *exchange.Exchange, end time.Time) []byte {
	dst = append(dst, `{"time":"`...)
	dst = config.AppendTime(dst, end)
	dst = append(dst, `","id":"`...)
	dst = append(append(dst, ex.ID[:]...), '"')
	if ex.Trace.Traced() {
		dst = append(appendKey(dst, "traceId"), '"')
		dst = append(hex.AppendEncode(dst, ex.Trace.ID[:]), '"')
	}
	if ex.Principal != nil {
		dst = appendText(dst, "key", ex.Principal.ID)
		dst = appendText(dst, "user", ex.Principal.User)
	}
	if ex.ClientIP.IsValid() {
		dst = append(dst, `,"client":"`...)
		dst = append(ex.ClientIP.AppendTo(dst), '"')
	}
	dst = appendText(dst, "method", ex.Method)
	dst = appendText(dst, "path", ex.Path)
	dst = appendText(dst, "operation", ex.Operation.String())
	dst = appendText(dst, "model", ex.Model)
	dst = appendText(dst, "route", ex.Route)
	dst = appendText(dst, "provider", ex.Provider)
	dst = appendText(dst, "upstreamModel", ex.UpstreamModel)
	if ex.Stream {
		dst = append(dst, `,"stream":true`...)
	}
	dst = appendEnd(dst, &ex.Attempt)
	dst = appendCaching(dst, &ex.Caching)
	dst = appendFindings(dst, &ex.Findings)
	dst = appendNumber(dst, "bytesIn", ex.BytesIn)
	dst = appendNumber(dst, "bytesOut", ex.BytesOut)
	dst = appendMillis(dst, "durationMs", end.Sub(ex.Start))
	if !ex.FirstToken.IsZero() {
		dst = appendMillis(dst, "ttftMs", ex.FirstToken.Sub(ex.Start))
	}
	dst = appendCause(dst, ex.Cause)
	dst = appendAttempts(dst, ex, end)
	return append(dst, '}', '\n')
}

// appendAttempts writes all attempts in the order in which they began, where there were several.
func appendAttempts(dst []byte, ex *exchange.Exchange, end time.Time) []byte {
	if len(ex.Tried) == 0 {
		return dst
	}
	dst = append(appendKey(dst, "attempts"), '[')
	own := !ex.Began.IsZero()
	for i := range ex.Tried {
		a := &ex.Tried[i]
		if own && ex.Began.Before(a.Began) {
			own = false
			dst = append(appendAttempt(dst, &ex.Attempt, ex.Start, end), ',')
		}
		dst = append(appendAttempt(dst, a, ex.Start, end), ',')
	}
	if own {
		dst = append(appendAttempt(dst, &ex.Attempt, ex.Start, end), ',')
	}
	return append(dst[:len(dst)-1], ']')
}

// appendAttempt writes an attempt. Its start counts from the request's, its other times from its own.
func appendAttempt(dst []byte, a *exchange.Attempt, start, end time.Time) []byte {
	dst = append(dst, `{"kind":"`...)
	dst = append(append(dst, a.Kind.String()...), '"')
	dst = appendText(dst, "provider", a.Provider)
	dst = appendText(dst, "model", a.Target)
	dst = appendEnd(dst, a)
	dst = appendMillis(dst, "startMs", a.Began.Sub(start))
	if !a.Ended.IsZero() {
		end = a.Ended
	}
	dst = appendMillis(dst, "durationMs", end.Sub(a.Began))
	if !a.FirstToken.IsZero() {
		dst = appendMillis(dst, "ttftMs", a.FirstToken.Sub(a.Began))
	}
	return append(appendCause(dst, a.Cause), '}')
}

// appendEnd writes how an attempt ended.
func appendEnd(dst []byte, a *exchange.Attempt) []byte {
	dst = appendNumber(dst, "status", int64(a.Status))
	dst = appendText(dst, "outcome", a.Outcome.String())
	dst = appendText(dst, "reason", string(a.Reason))
	if a.UpstreamStatus != 0 {
		dst = appendNumber(dst, "upstreamStatus", int64(a.UpstreamStatus))
	}
	dst = appendText(dst, "upstreamId", a.UpstreamID)
	return appendUsage(dst, a.Usage)
}

// appendCaching writes what the cache had to do with the request.
func appendCaching(dst []byte, c *exchange.Caching) []byte {
	dst = appendText(dst, "cache", c.Result.String())
	dst = appendText(dst, "cacheTier", c.Tier.String())
	dst = appendText(dst, "cacheWhy", c.Why)
	if c.Tier == exchange.TierSemantic {
		dst = strconv.AppendFloat(appendKey(dst, "similarity"), float64(c.Similarity), 'f', 4, 32)
	}
	if c.Saved.Total > 0 {
		dst = appendNumber(dst, "tokensSaved", c.Saved.Total)
	}
	return dst
}

// appendFindings writes the kinds of what the sanitizer found, and which of them it replaced.
func appendFindings(dst []byte, f *exchange.Findings) []byte {
	if f.Empty() {
		return dst
	}
	dst = append(f.AppendHeader(append(appendKey(dst, "findings"), '"')), '"')
	before := ""
	for kind := range exchange.FindingKinds {
		if !f.Redacted(kind) {
			continue
		}
		if before == "" {
			dst = append(appendKey(dst, "redacted"), '"')
		}
		dst = append(append(dst, before...), kind.String()...)
		before = ", "
	}
	if before != "" {
		dst = append(dst, '"')
	}
	return dst
}

func appendCause(dst []byte, cause error) []byte {
	if cause == nil {
		return dst
	}
	return appendText(dst, "error", cause.Error())
}

func appendUsage(dst []byte, u exchange.Usage) []byte {
	if u.Source == exchange.UsageNone {
		return dst
	}
	dst = append(dst, `,"usage":{"source":"`...)
	dst = append(append(dst, u.Source.String()...), '"')
	dst = appendNumber(dst, "prompt", u.Prompt)
	dst = appendNumber(dst, "completion", u.Completion)
	dst = appendNumber(dst, "total", u.Total)
	if u.Cached > 0 {
		dst = appendNumber(dst, "cached", u.Cached)
	}
	if u.CacheWritten > 0 {
		dst = appendNumber(dst, "cacheWritten", u.CacheWritten)
	}
	if u.Reasoning > 0 {
		dst = appendNumber(dst, "reasoning", u.Reasoning)
	}
	return append(dst, '}')
}

func appendKey(dst []byte, name string) []byte {
	dst = append(dst, ',', '"')
	return append(append(dst, name...), '"', ':')
}

func appendNumber(dst []byte, name string, n int64) []byte {
	return strconv.AppendInt(appendKey(dst, name), n, 10)
}

// appendMillis writes milliseconds with three decimals.
func appendMillis(dst []byte, name string, d time.Duration) []byte {
	us := max(d.Microseconds(), 0)
	dst = strconv.AppendInt(appendKey(dst, name), us/1000, 10)
	rest := us % 1000
	return append(dst, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
}

// maxText bounds one value of a line.
const maxText = 512

// appendText writes a string field unless it is empty. What is not printable ASCII is escaped or, where it is not
// UTF-8, replaced, so that a line is always one line of valid JSON.
func appendText[S string | []byte](dst []byte, name string, s S) []byte {
	if len(s) == 0 {
		return dst
	}
	s = s[:min(len(s), maxText)]
	dst = append(appendKey(dst, name), '"')
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			return append(appendEscaped(dst, string(s[i:])), '"')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

func appendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ' || r == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = append(dst, string(r)...)
		}
	}
	return dst
}
