// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// Google tells how long to wait in the body of an error only. SDKs of other dialects look at the header.
func TestAWaitThatOnlyABodyTellsIsInTheHeaderOfATranslation(t *testing.T) {
	limited := func(details, fields string) *script {
		body := `{"error":{"code":429,"message":"Quota exceeded.","status":"RESOURCE_EXHAUSTED","details":[` + details + `]}}`
		s := whole(429, "application/json", body)
		s.pieces[0] = strings.Replace(s.pieces[0], "\r\n", "\r\n"+fields, 1)
		return s
	}
	const delay = `{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"12.2s"}`
	tests := map[string]struct {
		wired  wired
		script *script
		want   []string
	}{
		"a wait in the body":            {chatting.at(config.Gemini), limited(delay, ""), []string{"13"}},
		"to another dialect":            {messaging.at(config.Gemini), limited(delay, ""), []string{"13"}},
		"a wait in the header as well":  {chatting.at(config.Gemini), limited(delay, "Retry-After: 40\r\n"), []string{"40"}},
		"none":                          {chatting.at(config.Gemini), limited("", ""), nil},
		"Google's own SDKs read bodies": {generating.at(config.Gemini), limited(delay, ""), nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := tc.wired.askUnfinished(t, tc.script.dial, true)
			var got []string
			r.journey.Answer.Returned(false, func(name, value []byte) {
				if string(name) == "Retry-After" {
					got = append(got, string(value))
				}
			})
			if diff := cmp.Diff(tc.want, got); diff != "" || r.ex.Status != 429 {
				t.Errorf("status %d (-want +got):\n%s", r.ex.Status, diff)
			}
			if r.finish(); r.journey.attempt.retryAfter != 0 {
				t.Error("the next request would be told to wait")
			}
		})
	}
}
