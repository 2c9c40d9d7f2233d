// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseFaults(t *testing.T) {
	for spec, want := range map[string]Faults{
		"none":                   {},
		"latency:1s":             {Latency: time.Second},
		"first-token-latency:5s": {FirstTokenLatency: 5 * time.Second},
		"keep-alive":             {KeepAlive: 50 * time.Millisecond},
		"keep-alive:1ms,crlf":    {KeepAlive: time.Millisecond, CRLF: true},
		"multiline-data,comments,split-utf8": {
			MultilineData: true, Comments: true, SplitUTF8: true,
		},
		"gzip,no-usage":     {Gzip: true, Usage: UsageMissing},
		"bad-usage":         {Usage: UsageMalformed},
		"big-line":          {BigLine: 1 << 20},
		"big-line:100":      {BigLine: 100},
		"status:503":        {Ending: EndStatus, Status: 503},
		"status:503:1500ms": {Ending: EndStatus, Status: 503, RetryAfter: 1500 * time.Millisecond},
		"rate-limit":        {Ending: EndStatus, Status: 429, RetryAfter: time.Second},
		"latency:1ms,rate-limit:3s": {
			Latency: time.Millisecond, Ending: EndStatus, Status: 429, RetryAfter: 3 * time.Second,
		},
		"hang":               {Ending: EndHang},
		"stall":              {Ending: EndStall, After: 3},
		"stall:0":            {Ending: EndStall},
		"reset-mid-stream:9": {Ending: EndResetMidStream, After: 9},
		"no-done":            {Ending: EndNoDone, After: toTheEnd},
		"error-event":        {Ending: EndErrorEvent, After: 3, Status: 500},
		"error-event:1":      {Ending: EndErrorEvent, After: 1, Status: 500},
		"error-event:0:529":  {Ending: EndErrorEvent, Status: 529},
		"bad-checksum:1":     {Ending: EndBadChecksum, After: 1},
		"truncate-body":      {Ending: EndTruncateBody, After: halfWay},
		"truncate-body:10":   {Ending: EndTruncateBody, After: 10},
	} {
		t.Run(spec, func(t *testing.T) {
			got, err := ParseFaults(spec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Faults{})); diff != "" {
				t.Error(diff)
			}
			if got.String() != spec {
				t.Errorf("String = %q", got.String())
			}
		})
	}
}

func TestParseFaultsRefuses(t *testing.T) {
	for spec, reason := range map[string]string{
		"":                             `unknown fault ""; known are none, bad-checksum, bad-usage`,
		"Latency:1s":                   `unknown fault "Latency"`,
		"latency":                      "needs a duration",
		"latency:":                     `"" is not a duration`,
		"latency:0s":                   "needs a duration above zero",
		"latency:11m":                  "not a duration from 0s to 10m",
		"latency:-1s":                  "not a duration",
		"latency:1s:2s":                "takes one argument",
		"crlf:1":                       "takes no argument",
		"crlf,crlf":                    "given twice",
		"crlf,":                        `unknown fault ""`,
		"crlf, gzip":                   `unknown fault " gzip"`,
		"none,crlf":                    `unknown fault "none"`,
		"no-usage,bad-usage":           `excludes "no-usage"`,
		"no-usage:1":                   "takes no argument",
		"big-line:0":                   "not a number from 1",
		"status":                       "wants a code",
		"status:200":                   "not a number from 400 to 599",
		"status:abc":                   "not a number",
		"status:503:soon":              "not a duration",
		"status:503:1s:2":              "wants a code",
		"status:500,hang":              "ends in one way only",
		"hang:1":                       "takes no argument",
		"stall:-1":                     "not a number from 0",
		"stall:1:2":                    "takes one argument",
		"reset-mid-body,split-utf8":    "never fit the same answer",
		"gzip,split-utf8":              "exclude each other",
		"rate-limit:x":                 "not a duration",
		"reset-mid-stream:99999999999": "not a number",
	} {
		t.Run(spec, func(t *testing.T) {
			_, err := ParseFaults(spec)
			if err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("error = %v, want one about %q", err, reason)
			}
		})
	}
}

func TestEveryFaultIsInTheDocumentation(t *testing.T) {
	source, err := os.ReadFile("faultspec.go")
	if err != nil {
		t.Fatal(err)
	}
	_, comment, _ := strings.Cut(string(source), "// ParseFaults reads")
	comment, _, _ = strings.Cut(comment, "func ParseFaults")
	words := strings.FieldsFunc(comment, func(r rune) bool { return strings.ContainsRune(" \n\t[]:", r) })
	for name := range faultKinds {
		found := false
		for _, word := range words {
			found = found || word == name
		}
		if !found {
			t.Errorf("fault %q is missing from the comment of ParseFaults", name)
		}
	}
}

func FuzzParseFaultsNeverPanicsAndIsStable(f *testing.F) {
	for _, seed := range []string{"none", "latency:1s,status:503:2s", "stall:3", ",", ":", "big-line:1,gzip"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		first, err := ParseFaults(spec)
		if err != nil {
			return
		}
		second, err := ParseFaults(first.String())
		if err != nil || first != second {
			t.Fatalf("%q parses to %+v, then to %+v (%v)", spec, first, second, err)
		}
	})
}
