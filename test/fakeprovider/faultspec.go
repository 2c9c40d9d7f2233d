// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// maxWait bounds every duration of a specification; hang and stall are there for waiting longer.
const maxWait = 10 * time.Minute

// maxAfter and maxBigLine bound positions (events or bytes) and the big line (bytes).
const (
	maxAfter   = 1 << 24
	maxBigLine = 64 << 20
)

type scope int

const (
	anyAnswer scope = iota
	streamOnly
	wholeOnly
)

// faultKind is one word of the grammar.
type faultKind struct {
	scope scope
	set   func(f *Faults, args []string) error
}

var faultKinds = map[string]faultKind{
	"latency":             {anyAnswer, duration(func(f *Faults) *time.Duration { return &f.Latency }, 0)},
	"first-token-latency": {streamOnly, duration(func(f *Faults) *time.Duration { return &f.FirstTokenLatency }, 0)},
	"keep-alive": {streamOnly, duration(
		func(f *Faults) *time.Duration { return &f.KeepAlive }, 50*time.Millisecond)},

	"crlf":           {streamOnly, flag(func(f *Faults) *bool { return &f.CRLF })},
	"multiline-data": {streamOnly, flag(func(f *Faults) *bool { return &f.MultilineData })},
	"comments":       {streamOnly, flag(func(f *Faults) *bool { return &f.Comments })},
	"split-utf8":     {streamOnly, flag(func(f *Faults) *bool { return &f.SplitUTF8 })},
	"gzip":           {anyAnswer, flag(func(f *Faults) *bool { return &f.Gzip })},
	"big-line":       {streamOnly, bigLine},
	"no-usage":       {anyAnswer, usage(UsageMissing)},
	"bad-usage":      {anyAnswer, usage(UsageMalformed)},

	"status":               {anyAnswer, status},
	"rate-limit":           {anyAnswer, rateLimit},
	"hang":                 {anyAnswer, ending(EndHang)},
	"reset-before-headers": {anyAnswer, ending(EndResetBeforeHeaders)},
	"close-before-headers": {anyAnswer, ending(EndCloseBeforeHeaders)},
	"reset-after-headers":  {anyAnswer, ending(EndResetAfterHeaders)},
	"garbage":              {anyAnswer, ending(EndGarbage)},
	"html":                 {anyAnswer, ending(EndHTML)},

	"reset-mid-stream": {streamOnly, endingAfter(EndResetMidStream, defaultEvents)},
	"stall":            {streamOnly, endingAfter(EndStall, defaultEvents)},
	"truncate-stream":  {streamOnly, endingAfter(EndTruncateStream, defaultEvents)},
	"no-done":          {streamOnly, endingAfter(EndNoDone, toTheEnd)},
	"error-event":      {streamOnly, errorEvent},
	"garbage-event":    {streamOnly, endingAfter(EndGarbageEvent, defaultEvents)},
	"bad-checksum":     {streamOnly, endingAfter(EndBadChecksum, defaultEvents)},

	"reset-mid-body": {wholeOnly, endingAfter(EndResetMidBody, halfWay)},
	"truncate-body":  {wholeOnly, endingAfter(EndTruncateBody, halfWay)},
	"stall-body":     {wholeOnly, endingAfter(EndStallBody, halfWay)},
}

// ParseFaults reads a fault specification: "none", or faults separated by commas, each a name and its arguments after
// colons. D is a Go duration up to 10m; N counts events (of streams) or bytes (of bodies); brackets mark what may be
// left out. Names, arguments and combinations are strict: an error names what is wrong.
//
//	latency:D                     silence before the response headers
//	first-token-latency:D         silence after a stream's headers
//	keep-alive[:D]                comment lines, or the dialect's own pings, while a stream waits, every 50ms
//	crlf multiline-data comments split-utf8    odd but valid framing of a stream
//	gzip                          a compressed body that nobody asked for
//	big-line[:BYTES]              one more event, with 1 MiB of content
//	no-usage bad-usage            usage left out; usage of the wrong shape
//
// and at most one of:
//
//	status:CODE[:D]               an error status 400–599, with retry-after: D
//	rate-limit[:D]                status:429 with retry-after: 1s
//	hang                          no byte at all until the client leaves
//	reset-before-headers close-before-headers reset-after-headers    RST or FIN
//	garbage html                  a 200 whose body is noise; a 200 that is a web page
//	reset-mid-stream[:N] stall[:N] truncate-stream[:N] garbage-event[:N]    after 3 events
//	error-event[:N[:CODE]]        the dialect's own error for a status 400–599 (500), after 3 events
//	bad-checksum[:N]              an event that fails its checksum, after 3 events
//	no-done[:N]                   the stream ends cleanly, without its terminator
//	reset-mid-body[:N] truncate-body[:N] stall-body[:N]    half-way through a body that is not streamed
//
// A stream shorter than N events suffers its fault just before its terminator: the event that makes it whole, which in
// some dialects is the one that says why the answer ended.
//
// Faults that have no meaning in a stream's framing are refused: AWS event streams have no lines and no comments (crlf,
// multiline-data, comments, keep-alive) and carry at most 8 MiB in an event; JSON arrays have no comments, but white
// space for keep-alive; only AWS event streams have checksums.
func ParseFaults(spec string) (Faults, error) {
	f := Faults{spec: spec}
	if spec == "none" {
		return f, nil
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(spec, ",") {
		name, arguments, _ := strings.Cut(part, ":")
		kind, known := faultKinds[name]
		if !known {
			return Faults{}, fmt.Errorf("unknown fault %q; known are %s", name, strings.Join(faultNames(), ", "))
		}
		if seen[name] {
			return Faults{}, fmt.Errorf("fault %q is given twice", name)
		}
		seen[name] = true
		if err := kind.set(&f, splitArguments(part, arguments)); err != nil {
			return Faults{}, fmt.Errorf("fault %q: %w", part, err)
		}
		f.narrow(name, kind.scope)
	}
	return f, f.check()
}

func (f *Faults) narrow(name string, s scope) {
	switch s {
	case streamOnly:
		f.needsStream = name
	case wholeOnly:
		f.needsWhole = name
	}
}

func (f *Faults) check() error {
	if f.needsStream != "" && f.needsWhole != "" {
		return fmt.Errorf("faults %q and %q never fit the same answer", f.needsStream, f.needsWhole)
	}
	if f.Gzip && f.SplitUTF8 {
		return fmt.Errorf("faults %q and %q exclude each other: compression hides the characters", "gzip", "split-utf8")
	}
	return nil
}

func splitArguments(part, arguments string) []string {
	if !strings.Contains(part, ":") {
		return nil
	}
	return strings.Split(arguments, ":")
}

func faultNames() []string {
	names := []string{"none"}
	for name := range faultKinds {
		names = append(names, name)
	}
	sort.Strings(names[1:])
	return names
}

func parseCount(text string, least, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q is not a number from %d to %d", text, least, most)
	}
	return n, nil
}

func parseWait(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxWait {
		return 0, fmt.Errorf("%q is not a duration from 0s to %s", text, maxWait)
	}
	return d, nil
}
