// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// Once kubectl wait returns, the very next request on every pod, asked one by one, obeys what was applied.
func TestProgrammedMeansThatEveryPodObeys(t *testing.T) {
	s := newSpace(t)
	l := s.start(minimal)
	pods := s.addresses("main")
	if len(pods) != 3 {
		t.Fatalf("%d pods, want 3", len(pods))
	}
	alice := s.apiKey("alice")
	obeyed := 0
	every := func(what string, want func(status int, header http.Header) bool, key string) {
		t.Helper()
		for i, a := range l.chat(key, pods...) {
			if a.Error != "" || !want(a.Status, a.Headers) {
				t.Errorf("%s: pod %s answers %d %v %s %s", what, pods[i], a.Status, a.Headers, a.Body, a.Error)
				continue
			}
			obeyed++
		}
	}
	status := func(want int) func(int, http.Header) bool {
		return func(got int, _ http.Header) bool { return got == want }
	}
	every("the first request", status(200), alice)

	const rounds = 10
	for round := range rounds {
		value := fmt.Sprintf("round-%d", round)
		s.patch(&v1alpha1.SparkGateway{}, "main", fmt.Sprintf(`{"spec":{"securityHeaders":{"extra":{"X-Round":%q}}}}`, value))
		s.waitFor("Programmed", "sparkgateway/main")
		every("a header "+value, func(status int, h http.Header) bool { return status == 200 && h.Get("X-Round") == value }, alice)
	}

	for round := range rounds {
		name := fmt.Sprintf("bob-%d", round)
		s.apply("apiVersion: sparkgateway.dev/v1alpha1\nkind: APIKey\nmetadata: {name: " + name + "}\n" +
			"spec: {user: bob, gatewayRefs: [{name: main}]}\n")
		s.waitFor("Programmed", "apikey/"+name)
		every("a new key", status(200), s.apiKey(name))
	}

	s.patch(&v1alpha1.APIKey{}, "alice", `{"spec":{"limits":{"requests":[{"count":1,"per":"1h"}]}}}`)
	s.waitFor("Programmed", "apikey/alice")
	every("the one request that the new limit lets through", func(status int, h http.Header) bool {
		return status == 200 && h.Get("X-Ratelimit-Limit-Requests") == "1"
	}, alice)
	every("the request beyond the new limit", status(429), alice)

	s.patch(&v1alpha1.ProviderPolicy{}, "openai", `{"spec":{"models":[{"name":"other"}]}}`)
	s.waitFor("Programmed", "providerpolicy/openai")
	every("a model that is no longer offered", status(404), s.apiKey("bob-0"))
	t.Logf("%d first requests after kubectl wait, over %d pods: all obeyed what had just been applied", obeyed, len(pods))
}
