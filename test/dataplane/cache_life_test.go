// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
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

func TestWhatAProviderKeepsForOneIsNotGivenToStrangers(t *testing.T) {
	const stored, unstored = `{"model":"gpt-4o","input":"hello [[fake tokens=5]]"}`, `{"model":"gpt-4o","store":false,"input":"hello [[fake tokens=5]]"}`
	for name, test := range map[string]struct {
		scope config.CacheScope
		body  string
		key   string // who asks again
		want  [2]string
	}{
		"everybody's":                    {config.CacheGateway, stored, bobKey, [2]string{"bypass", "bypass"}},
		"a policy's":                     {config.CachePolicy, stored, bobKey, [2]string{"bypass", "bypass"}},
		"everybody's that is not stored": {config.CacheGateway, unstored, bobKey, [2]string{"miss", "hit"}},
		"a key's":                        {config.CacheKey, stored, aliceKey, [2]string{"miss", "hit"}},
		"a user's":                       {config.CacheUser, stored, aliceKey, [2]string{"miss", "hit"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, withDocument(caching(func(e *config.ExactCache) { e.Scope = test.scope })))
			for i, key := range []string{aliceKey, test.key} {
				req := s.request("POST", "/v1/responses", test.body)
				req.Header.Set("Authorization", "Bearer "+key)
				got := s.do(req)
				if word := got.Header.Get("X-Spark-Cache"); got.StatusCode != 200 || word != test.want[i] {
					t.Errorf("request %d: %d, a %s, want a %s: %s", i, got.StatusCode, word, test.want[i], got.body)
				}
				s.settled()
			}
		})
	}
}
