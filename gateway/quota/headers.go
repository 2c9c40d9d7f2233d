// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package quota

import "time"

// What an answer's header is believed, beyond which it is taken for nonsense.
const (
	longestReset = time.Hour
	longestCount = 18 // digits
	longestTime  = 40 // bytes
)

// source is the header fields, in canonical form, that tell of one dimension.
type source struct {
	of                      dimension
	limit, remaining, reset []byte
}

// sources are all. OpenAI's are those of Azure and of many others too.
var sources = [...]source{
	openAI(ofRequests, "Requests"), openAI(ofTokens, "Tokens"),
	anthropic(ofRequests, "Requests"), anthropic(ofTokens, "Tokens"),
	anthropic(ofInput, "Input-Tokens"), anthropic(ofOutput, "Output-Tokens"),
}

func openAI(d dimension, name string) source {
	const prefix = "X-Ratelimit-"
	return source{d, []byte(prefix + "Limit-" + name), []byte(prefix + "Remaining-" + name), []byte(prefix + "Reset-" + name)}
}

func anthropic(d dimension, name string) source {
	prefix := "Anthropic-Ratelimit-" + name
	return source{d, []byte(prefix + "-Limit"), []byte(prefix + "-Remaining"), []byte(prefix + "-Reset")}
}

// Learn reads what the header of an answer tells of the target's limits. field gives the value of a field by its canonical
// name, nil without; now and the time of day are only asked for where something is told. What has no reset, or none within
// the hour, is ignored: nobody could say when it is over.
func (t *Target) Learn(now func() int64, wall func() time.Time, field func(name []byte) []byte) {
	for i := range sources {
		if len(field(sources[i].remaining)) > 0 {
			t.learn(now(), wall(), field)
			return
		}
	}
}

func (t *Target) learn(now int64, wall time.Time, field func(name []byte) []byte) {
	var news [dimensions]word
	told := false
	for i := range sources {
		s := &sources[i]
		remaining, ok := parseCount(field(s.remaining))
		if !ok {
			continue
		}
		left, ok := parseReset(field(s.reset), wall)
		if !ok {
			continue
		}
		limit, _ := parseCount(field(s.limit))
		reset := now + int64(left)
		news[s.of] = word{at: now, limit: limit, remaining: remaining, reset: reset, period: reset}
		told = true
	}
	if told {
		t.listen(now, &news)
	}
}

// parseCount reads a decimal number that is not negative.
func parseCount(value []byte) (n int64, ok bool) {
	if len(value) == 0 || len(value) > longestCount {
		return 0, false
	}
	for _, c := range value {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// parseReset reads how long it is until a reset: "6m0s", seconds, or a time of day (RFC 3339).
func parseReset(value []byte, wall time.Time) (left time.Duration, ok bool) {
	if len(value) == 0 || len(value) > longestTime {
		return 0, false
	}
	if len(value) > len(time.DateOnly) && value[4] == '-' {
		var at time.Time
		if at.UnmarshalText(value) != nil {
			return 0, false
		}
		left = at.Sub(wall)
	} else if left, ok = parseDuration(value); !ok {
		return 0, false
	}
	return left, left > 0 && left <= longestReset
}

// parseDuration reads a duration as Go writes it, or as seconds without a unit, none of whose parts is longer than
// longestReset. time.ParseDuration would have a string made for each answer.
func parseDuration(value []byte) (total time.Duration, ok bool) {
	for len(value) > 0 {
		whole, rest := cut(value, isDigit)
		var fraction []byte
		if len(rest) > 0 && rest[0] == '.' {
			fraction, rest = cut(rest[1:], isDigit)
		}
		var name []byte
		name, value = cut(rest, func(c byte) bool { return !isDigit(c) })
		unit := unitOf(name)
		n, ok := parseCount(whole)
		if !ok || unit == 0 || n > int64(longestReset/unit) {
			return 0, false
		}
		total += time.Duration(n) * unit
		for _, c := range fraction {
			unit /= 10
			total += time.Duration(c-'0') * unit
		}
	}
	return total, true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// cut splits a value after the first bytes that are of a kind.
func cut(value []byte, of func(c byte) bool) (before, after []byte) {
	n := 0
	for n < len(value) && of(value[n]) {
		n++
	}
	return value[:n], value[n:]
}

func unitOf(name []byte) time.Duration {
	switch string(name) {
	case "h":
		return time.Hour
	case "m":
		return time.Minute
	case "s", "":
		return time.Second
	case "ms":
		return time.Millisecond
	case "us", "µs":
		return time.Microsecond
	case "ns":
		return time.Nanosecond
	}
	return 0
}
