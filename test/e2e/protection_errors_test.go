// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/e2e/load"
)

// A provider that is down is one group of errors over all pods, which only operators and master keys read, and which repeats nothing of
// what was asked.
func TestProtectionTellsErrors(t *testing.T) {
	const each, prompt = 3, "the wombat of the chancellor"
	s := newSpace(t)
	l := s.protects("")
	errors := s.plugin()
	// The gateway has no connection to the provider yet.
	s.kubectl("patch", "service/fake", "--type=merge", "-p", `{"spec":{"selector":{"app":"nobody"}}}`)
	l.isDown(fmt.Sprintf("http://fake.%s.svc:9000/livez", s.name))

	pods := s.addresses("main")
	for range each {
		for _, pod := range pods {
			if a := l.says(pod, prompt); a.Error != "" || a.Status != http.StatusBadGateway {
				t.Fatalf("%s answers %d %q: %s %s", pod, a.Status, a.Headers.Get("X-Spark-Reason"), a.Body, a.Error)
			}
		}
	}
	var told struct {
		Pods   []string
		Groups []config.ErrorGroup
	}
	asJSON := must[string](t)(errors("errors", "--gateway", "main", "-o", "json"))
	if err := json.Unmarshal([]byte(asJSON), &told); err != nil {
		t.Fatal(err, asJSON)
	}
	if len(told.Pods) != len(pods) || len(told.Groups) != 1 || told.Groups[0].Count != int64(each*len(pods)) ||
		told.Groups[0].Status != http.StatusBadGateway || told.Groups[0].Provider != s.name+"/openai" || told.Groups[0].Model != "fake-model" {
		t.Errorf("after %d requests to each of %d pods: %s", each, len(pods), asJSON)
	}
	table := must[string](t)(errors("errors", "--gateway", "main"))
	if !slices.Contains(strings.Fields(table), fmt.Sprint(each*len(pods))) || !strings.Contains(table, told.Groups[0].Reason) {
		t.Errorf("the table is\n%s", table)
	}
	text := asJSON + table + l.readsErrors(told.Groups[0].Fingerprint, each)
	for _, secret := range []string{"wombat", "chancellor", s.apiKey("alice"), providerKey} {
		if strings.Contains(text, secret) {
			t.Errorf("what is told of errors has %q: %s", secret, text)
		}
	}
	t.Logf("of %d requests to each of %d pods\n%s", each, len(pods), table)
}

// isDown waits until nobody is reached at a Service, several times in a row: nodes learn of that a little later than the API server.
func (l *loader) isDown(url string) {
	l.s.Helper()
	const inARow = 5
	n := 0
	eventually(l.s, 30*time.Second, func() string {
		a := l.ask(load.Question{Method: http.MethodGet, URL: url})[0]
		if n++; !strings.Contains(a.Error, "dial tcp") {
			n = 0
		}
		if n < inARow {
			return fmt.Sprintf("%s answers %d %s", url, a.Status, a.Error)
		}
		return ""
	})
}

// readsErrors asks the gateway itself, and gives what it tells a master key: a pod's own share of the only group that is an error.
func (l *loader) readsErrors(fingerprint string, want int64) string {
	l.s.Helper()
	ask := func(key string) load.Answer {
		return l.ask(load.Question{
			Method: http.MethodGet, URL: l.service("main") + "/api/spark/errors", Headers: map[string]string{"Authorization": "Bearer " + l.s.apiKey(key)},
		})[0]
	}
	l.isRefused("a user's key", ask("alice"), http.StatusForbidden, "master_key_required")
	a := ask("auditor")
	var report config.ErrorReport
	if err := json.Unmarshal([]byte(a.Body), &report); err != nil || a.Status != http.StatusOK {
		l.s.Fatalf("a master key: %v, %d %s %s", err, a.Status, a.Body, a.Error)
	}
	ours := slices.DeleteFunc(report.Groups, func(g config.ErrorGroup) bool { return g.Level != config.LevelError })
	if len(ours) != 1 || ours[0].Fingerprint != fingerprint || ours[0].Count != want {
		l.s.Errorf("a master key reads %s, want group %s with %d", a.Body, fingerprint, want)
	}
	return a.Body
}
