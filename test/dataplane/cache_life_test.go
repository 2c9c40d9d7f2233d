// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"testing"
)

func TestARefusalOfOneRequestIsNoneOfAnother(t *testing.T) {
	s := start(t, withDocument(caching()))
	for i := range 20 {
		// What served a refused request serves others after it.
		if got := s.asks("spark-nobody-0123456789abcdef0123456789abcdef", "{}"); got.StatusCode != 401 {
			t.Fatalf("a key that is not known: %d", got.StatusCode)
		}
		s.lines(3*i + 1)
		body := chatBody("gpt-4o", fmt.Sprintf("tokens=%d", 5+i), false)
		s.asks(aliceKey, body)
		s.lines(3*i + 2)
		if got := s.asks(aliceKey, body); got.StatusCode != 200 || got.Header.Get("X-Spark-Cache") != "hit" {
			t.Fatalf("request %d, asked again: %d, a %s", i, got.StatusCode, got.Header.Get("X-Spark-Cache"))
		}
		s.lines(3*i + 3)
	}
}
