// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/e2e/load"
)

// cached asks every pod the same, and checks where its answers come from.
type cached struct {
	*loader
	pods  []string
	asked int64
}

// ask gives the answers of the pods, which come from their caches or do not.
func (c *cached) ask(stream bool, want string) (bodies []string) {
	c.s.Helper()
	var questions []load.Question
	for _, pod := range c.pods {
		questions = append(questions, c.saying(pod, stream, turn{"user", "What is a cache? [[fake tokens=20]]"}))
	}
	for i, a := range c.loader.ask(questions...) {
		c.asked++
		if got := a.Headers.Get("X-Spark-Cache"); a.Error != "" || a.Status != http.StatusOK || got != want {
			c.s.Errorf("stream %t: %s answers %d, %q, want a %s: %.300s %s", stream, c.pods[i], a.Status, got, want, a.Body, a.Error)
		}
		if (a.Headers.Get("Age") != "") != (want == "hit") {
			c.s.Errorf("stream %t: a %s has the age %q", stream, want, a.Headers.Get("Age"))
		}
		bodies = append(bodies, a.Body)
	}
	return bodies
}

// isFilled asks for an answer that no pod has, and for the same again.
func (c *cached) isFilled(stream bool) {
	c.s.Helper()
	first := c.ask(stream, "miss")
	for i, again := range c.ask(stream, "hit") {
		if again != first[i] {
			c.s.Errorf("stream %t: the answer was %s and then %s", stream, first[i], again)
		}
	}
}

// Each of two pods without a store gives its own answers again, to the byte and for no tokens; a change of what guards requests makes
// them anew without touching a pod; and a purge reaches both pods.
func TestProtectionCaches(t *testing.T) {
	s := newSpace(t)
	c := &cached{loader: s.protects("  cache: {exact: {ttl: 10m}}"), pods: s.addresses("main")}
	before := s.pods("main")
	purge := s.plugin()

	c.isFilled(false)
	c.isFilled(true)
	c.isFree()
	s.patch(&v1alpha1.SparkGateway{}, "main", `{"spec":{"sanitizer":{"pii":{"mode":"Redact"}}}}`)
	s.waitFor("Programmed", "sparkgateway/main")
	c.isFilled(false)

	out := must[string](t)(purge("cache", "purge", "--gateway", "main", "--model", "another"))
	c.purged(out, "0 answers removed")
	c.ask(false, "hit")
	out = must[string](t)(purge("cache", "purge", "--gateway", "main", "--model", "fake-model"))
	// The answer of before the change and the stream lie there, too.
	c.purged(out, "3 answers removed")
	c.isFilled(false)
	s.untouched("main", before)
	if n := len(s.records()); n != 4*len(before) {
		t.Errorf("the provider was asked %d times, want 4 by each of %d pods", n, len(before))
	}
	t.Logf("%d requests, %d of them asked the provider; kubectl spark cache purge --gateway main --model fake-model\n%s", c.asked, len(s.records()), out)
}

// isFree hits some more, and checks that the status of the key tells of requests, and of no tokens but the provider's.
func (c *cached) isFree() {
	c.s.Helper()
	for range 5 {
		c.ask(false, "hit")
	}
	var tokens int64
	for _, r := range c.s.records() {
		tokens += int64(r.PromptTokens + r.CompletionTokens)
	}
	var u v1alpha1.UsageStatus
	eventually(c.s, usageWithin, func() string {
		if u, _ = c.s.keyUsage("alice"); u.Requests != c.asked {
			return fmt.Sprintf("the status tells %d requests of %d", u.Requests, c.asked)
		}
		return ""
	})
	if u.Tokens != tokens || tokens == 0 {
		c.s.Errorf("after %d requests the status tells %d tokens, the provider's books %d", u.Requests, u.Tokens, tokens)
	}
	c.s.Logf("the status of the key: %d requests, %d tokens; of the provider: %d requests, %d tokens", u.Requests, u.Tokens, len(c.s.records()), tokens)
}

// purged checks that each pod says what it removed.
func (c *cached) purged(out, want string) {
	c.s.Helper()
	for _, pod := range c.s.pods("main") {
		if !regexp.MustCompile("(?m)^pod " + pod.Name + ": " + want + "$").MatchString(out) {
			c.s.Errorf("of pod %s, want %q:\n%s", pod.Name, want, out)
		}
	}
}
