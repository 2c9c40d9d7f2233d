// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTheNearestDirectiveWinsFieldByField(t *testing.T) {
	header := http.Header{"X-Fake-Tokens": {"1"}}
	got, err := said(header, "please [[fake tokens=2 delay=2ms]] and more", "m+tokens=3+delay=3ms+fault=crlf")
	if err != nil {
		t.Fatal(err)
	}
	if got.tokens != 1 || got.delay != 2*time.Millisecond || got.faults.String() != "crlf" {
		t.Errorf("tokens %d, delay %s, fault %q; want 1 (header), 2ms (message), crlf (model)",
			got.tokens, got.delay, got.faults)
	}
}

func TestNoneAndZeroDelayOverrideWeakerDirectives(t *testing.T) {
	strong, err := listedDirectives([]string{"fault=none", "delay=0s"})
	if err != nil {
		t.Fatal(err)
	}
	weak, err := listedDirectives([]string{"fault=hang", "delay=1s"})
	if err != nil {
		t.Fatal(err)
	}
	if got := strong.over(weak); got.faults.Ending != "" || got.delay != 0 {
		t.Errorf("got %q after %s, want none after 0s", got.faults.Ending, got.delay)
	}
}

func TestRepeatedFaultHeadersAreOneSpecification(t *testing.T) {
	got, err := said(http.Header{"X-Fake-Fault": {"crlf", "comments"}}, "", "m")
	if err != nil || !got.faults.CRLF || !got.faults.Comments {
		t.Errorf("got %+v, %v", got.faults, err)
	}
}

func TestBadDirectivesAreRefusedWithTheirPlace(t *testing.T) {
	for name, c := range map[string]struct {
		header        http.Header
		prompt, model string
		reason        string
	}{
		"a count that is none": {http.Header{"X-Fake-Tokens": {"many"}}, "", "m",
			`header x-fake-tokens: "many" is not a number`},
		"an empty header":       {http.Header{"X-Fake-Fault": {""}}, "", "m", `header x-fake-fault: unknown fault ""`},
		"zero tokens":           {nil, "[[fake tokens=0]]", "m", "last user message: \"0\" is not a number from 1"},
		"an open marker":        {nil, "[[fake tokens=5", "m", "no ]] closes it"},
		"a directive by itself": {nil, "[[fake stall]]", "m", `unknown directive "stall"`},
		"a model with a plus":   {nil, "", "m+x", `model's name: unknown directive "x"`},
		"a pace below zero":     {nil, "", "m+delay=-1s", "not a duration"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := said(c.header, c.prompt, c.model)
			if err == nil || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("error = %v, want one about %q", err, c.reason)
			}
		})
	}
}

func TestBaseModelLeavesTheMarkerOut(t *testing.T) {
	for model, want := range map[string]string{"gpt-4o": "gpt-4o", "gpt-4o+fault=hang+tokens=2": "gpt-4o", "": ""} {
		if got := BaseModel(model); got != want {
			t.Errorf("BaseModel(%q) = %q, want %q", model, got, want)
		}
	}
}
