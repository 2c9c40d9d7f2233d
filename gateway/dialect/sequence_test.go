// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"testing"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestTheNumberOfTheNextEventIsRead(t *testing.T) {
	for name, tc := range map[string]struct {
		event string
		want  int64
	}{
		"a number":                     {`{"type":"response.created","sequence_number":0}`, 1},
		"a larger one":                 {`{"sequence_number": 41,"type":"x"}`, 42},
		"none":                         {`{"type":"response.created"}`, 0},
		"a word":                       {`{"sequence_number":"3"}`, 0},
		"a negative one":               {`{"sequence_number":-3}`, 0},
		"one of an object within":      {`{"response":{"sequence_number":3}}`, 0},
		"one that nobody can count to": {`{"sequence_number":99999999999999999999}`, 0},
	} {
		a, ok := ReadAnswer(exchange.Responses, []byte(tc.event))
		if !ok || a.Next != tc.want {
			t.Errorf("%s: %d, %t, want %d", name, a.Next, ok, tc.want)
		}
	}
}
