// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestAnErrorEventHasTheNumberThatComesNext(t *testing.T) {
	got := AppendErrorEvent([]byte("before\n\n"), &exchange.Error{
		Type: exchange.TypeUpstream, Reason: exchange.ReasonTruncated, Message: "It broke off.",
	}, 7)
	want := "before\n\nevent: error\ndata: " +
		`{"type":"error","sequence_number":7,"code":"upstream_truncated","message":"It broke off.","param":null,` +
		`"error":{"message":"It broke off.","type":"upstream_error","param":null,"code":"upstream_truncated"}}` + "\n\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
