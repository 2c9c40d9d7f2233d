// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package secure

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

type recorder map[string]string

func (r recorder) SetCanonical(name, value []byte) { r[string(name)] = string(value) }

type nothing struct{}

func (nothing) SetCanonical(_, _ []byte) {}

func TestApplySetsEveryFieldOfTheDocument(t *testing.T) {
	fields := []config.Header{{Name: "X-Frame-Options", Value: "DENY"}, {Name: "Referrer-Policy", Value: ""}}
	headers := New(fields)
	fields[0].Value = "changed afterwards"
	got := recorder{"Other": "stays"}
	headers.Apply(got)
	want := recorder{"Other": "stays", "X-Frame-Options": "DENY", "Referrer-Policy": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNoFieldsSetNothing(t *testing.T) {
	got := recorder{}
	Headers{}.Apply(got)
	New(nil).Apply(got)
	if len(got) != 0 {
		t.Errorf("set %v", got)
	}
}

func TestApplyDoesNotAllocate(t *testing.T) {
	headers := New([]config.Header{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}})
	if n := testing.AllocsPerRun(100, func() { headers.Apply(nothing{}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
