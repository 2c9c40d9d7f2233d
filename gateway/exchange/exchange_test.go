// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"testing"
)

func TestEveryOutcomeHasItsOwnWord(t *testing.T) {
	seen := map[string]Outcome{}
	for o := range Outcomes {
		word := o.String()
		if other, ok := seen[word]; ok || word == "" || word == "unknown" {
			t.Errorf("outcome %d is %q, as is %d", o, word, other)
		}
		seen[word] = o
	}
	if Outcomes.String() != "unknown" {
		t.Errorf("what is no outcome is %q", Outcomes)
	}
}

func TestOnlyFailuresOfTheProviderSpeakAgainstIt(t *testing.T) {
	want := map[Outcome]bool{ProviderFailed: true, ProviderUnreachable: true, ProviderTimeout: true, ProviderBroken: true}
	for o := range Outcomes {
		if o.ProviderFault() != want[o] {
			t.Errorf("%s: %t", o, o.ProviderFault())
		}
	}
}

func TestUsageSources(t *testing.T) {
	for source, want := range map[UsageSource]string{
		UsageNone: "", UsageEstimated: "estimated", UsageCounted: "counted", UsageReported: "reported",
	} {
		if source.String() != want {
			t.Errorf("%d is %q, want %q", source, source, want)
		}
	}
}

func TestErrorTellsTheLogTheCause(t *testing.T) {
	cause := errors.New("connection refused")
	err := &Error{Status: 502, Reason: ReasonConnect, Message: "public", Cause: cause}
	if got := err.Error(); got != "upstream_connect_failed (502): connection refused" {
		t.Errorf("got %q", got)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is not wrapped")
	}
	err.Cause = nil
	if got := err.Error(); got != "upstream_connect_failed (502)" {
		t.Errorf("without a cause: %q", got)
	}
}

func TestInvalidNamesTheField(t *testing.T) {
	err := Invalid("model", "no")
	if err.Status != 400 || err.Param != "model" || err.Message != "no" || err.Outcome != Refused || err.Type != TypeInvalidRequest {
		t.Errorf("got %+v", err)
	}
}
