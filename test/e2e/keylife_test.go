// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/e2e/load"
)

const (
	// shownWithin is how long after the edit that refuses a key its status may take to say that every pod does.
	shownWithin = 5 * time.Second
	// punctual is how far from the second at which a key ends its last and first answers may be: pods have clocks of their own.
	punctual = 500 * time.Millisecond
)

// aging are keys that each go through one part of a life.
const aging = minimal + `
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: rotated}
spec: {user: rita, gatewayRefs: [{name: main}], rotation: {overlap: 10s}}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: disabled}
spec: {user: dan, gatewayRefs: [{name: main}]}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: expiring}
spec: {user: eve, gatewayRefs: [{name: main}]}
---
apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata: {name: bounded}
spec: {user: bea, gatewayRefs: [{name: main}], allow: {models: ["fake-model"], endpoints: [Chat]}}
`

// A key is generated, rotated, disabled, expires and is bounded, and every pod and the status agree with it at each step.
func TestAKeyHasALife(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	l := s.start(aging)
	s.kubectl("wait", "--for=condition=Ready", "--timeout=30s", "apikeys", "--all")
	for name, lives := range map[string]func(*loader){
		"its Secret holds a key that scanners know, and the table its beginning": (*loader).isGenerated,
		"during the overlap of a rotation old and new are accepted":              (*loader).isRotated,
		"once it is disabled all pods refuse it, and the status says so":         (*loader).isDisabled,
		"it expires at its second":                                               (*loader).expires,
		"it may do what it is allowed and nothing else":                          (*loader).isBounded,
	} {
		t.Run(name, func(t *testing.T) { lives(l.as(t)) })
	}
	s.shown("apikeys")
}

func (l *loader) isGenerated() {
	l.s.Helper()
	secret := l.s.apiKey("alice")
	if !regexp.MustCompile("^" + strings.Trim(config.APIKeyPattern, `\b`) + "$").MatchString(secret) {
		l.s.Error("the generated key is not one that config.APIKeyPattern finds")
	}
	if generated, whole := config.CheckAPIKey(secret); !generated || !whole {
		l.s.Errorf("the key's checksum: generated %t, whole %t", generated, whole)
	}
	status := get(l.s, "alice", &v1alpha1.APIKey{}).Status
	out := l.s.shown("apikeys")
	if prefix := strings.TrimSuffix(status.Prefix, "…"); len(prefix) < 6 || !strings.HasPrefix(secret, prefix) || !strings.Contains(out, status.Prefix) {
		l.s.Errorf("the status tells the beginning %q, and the table is\n%s", status.Prefix, out)
	}
	if strings.Contains(out, secret) {
		l.s.Error("the table tells the key")
	}
}

func (l *loader) isRotated() {
	l.s.Helper()
	const rate = 20
	old := l.s.apiKey("rotated")
	before := get(l.s, "rotated", &v1alpha1.APIKey{}).Status
	pods := l.s.addresses("main")
	kept := l.begin(load.Spec{Targets: pods, Rate: rate, StreamEvery: 5, Key: old, Steer: "tokens=3", SteerStream: "tokens=20 delay=10ms"})
	asked := time.Now()
	l.s.patch(&v1alpha1.APIKey{}, "rotated", `{"metadata":{"annotations":{"sparkgateway.dev/rotate":"now"}}}`)
	var after v1alpha1.APIKeyStatus
	eventually(l.s, shownWithin, func() string {
		after = get(l.s, "rotated", &v1alpha1.APIKey{}).Status
		if after.Previous == nil || after.Previous.Prefix != before.Prefix || after.Prefix == before.Prefix {
			return fmt.Sprintf("the status tells of %q and before it %+v", after.Prefix, after.Previous)
		}
		return ""
	})
	shown := time.Since(asked)
	l.s.waitFor("Programmed", "apikey/rotated")
	young := l.s.apiKey("rotated")
	if _, whole := config.CheckAPIKey(young); young == old || !whole {
		l.s.Fatal("the Secret holds no new key")
	}
	taken := l.begin(load.Spec{Targets: pods, Rate: rate, Key: young, Steer: "tokens=3", Fresh: true})
	ends := after.Previous.AcceptedUntil.Add(l.ahead())
	eventually(l.s, 30*time.Second, func() string {
		for pod, tally := range kept.report().Targets {
			if tally.Statuses["401"] < rate {
				return fmt.Sprintf("%s has refused the old key %d times", pod, tally.Statuses["401"])
			}
		}
		return ""
	})
	last, first := kept.stop().Total(), taken.stop().Total()
	for pod, tally := range kept.report().Targets {
		early, late := ends.Sub(tally.FirstRefused), tally.LastOK.Sub(ends)
		if early > punctual || late > punctual || tally.OK+tally.Statuses["401"] != tally.Sent {
			l.s.Errorf("%s refuses the old key %s before its end, accepts it for %s after: %+v", pod, early, late, tally)
		}
	}
	if wrong := faultless(first); wrong != "" {
		l.s.Errorf("the new key: %s", wrong)
	}
	eventually(l.s, shownWithin, func() string {
		if p := get(l.s, "rotated", &v1alpha1.APIKey{}).Status.Previous; p != nil {
			return fmt.Sprintf("the status still tells of %+v", p)
		}
		return ""
	})
	for _, reason := range []string{"Rotated", "PreviousKeyEnded"} {
		l.s.toldOf("APIKey", "rotated", reason)
	}
	l.s.Logf("rotated: both keys shown after %s; in the overlap 0 of %d requests with the old and 0 of %d with the new key refused; the old one's last answer %s before its end, its first refusal %s after",
		millis(shown), last.OK, first.OK, millis(ends.Sub(last.LastOK)), millis(last.FirstRefused.Sub(ends)))
}

func (l *loader) isDisabled() {
	l.s.Helper()
	secret := l.s.apiKey("disabled")
	l.answer(secret, http.StatusOK, "")
	start := time.Now()
	l.s.patch(&v1alpha1.APIKey{}, "disabled", `{"spec":{"disabled":true}}`)
	shown := l.isRevoked("disabled", v1alpha1.ReasonDisabled, start)
	l.answer(secret, http.StatusUnauthorized, "")
	// Somebody who changes their mind has the same key again.
	l.s.patch(&v1alpha1.APIKey{}, "disabled", `{"spec":{"disabled":false}}`)
	l.s.waitFor("Ready", "apikey/disabled")
	l.answer(secret, http.StatusOK, "")
	if revoked := get(l.s, "disabled", &v1alpha1.APIKey{}).Status.Revoked; revoked != "" {
		l.s.Errorf("a key that is accepted is told to be revoked: %s", revoked)
	}
	l.s.Logf("disabled: revoked 3/3 is shown %s after the edit", millis(shown))
}

func (l *loader) expires() {
	l.s.Helper()
	const rate = 20
	secret, pods := l.s.apiKey("expiring"), l.s.addresses("main")
	end := time.Now().Add(5 * time.Second).Truncate(time.Second)
	l.s.patch(&v1alpha1.APIKey{}, "expiring", fmt.Sprintf(`{"spec":{"expiresAt":%q}}`, end.UTC().Format(time.RFC3339)))
	r := l.begin(load.Spec{Targets: pods, Rate: rate, Key: secret, Steer: "tokens=3"})
	ends := end.Add(l.ahead())
	eventually(l.s, 20*time.Second, func() string {
		if n := r.report().Total().Statuses["401"]; n < rate*len(pods) {
			return fmt.Sprintf("refused %d times", n)
		}
		return ""
	})
	shown := l.isRevoked("expiring", v1alpha1.ReasonExpired, end)
	for pod, tally := range r.stop().Targets {
		early, late := ends.Sub(tally.FirstRefused), tally.LastOK.Sub(ends)
		if early > punctual || late > punctual || tally.OK+tally.Statuses["401"] != tally.Sent {
			l.s.Errorf("%s refuses the key %s before it expires, accepts it for %s after: %+v", pod, early, late, tally)
		}
	}
	l.answer(secret, http.StatusUnauthorized, "")
	l.s.toldOf("APIKey", "expiring", string(v1alpha1.ReasonExpired))
	l.s.Logf("expired: shown at most %s after the second", millis(shown))
}

// isRevoked waits until a key's status says that all pods refuse it, and gives how long after start that is.
func (l *loader) isRevoked(name string, reason v1alpha1.Reason, start time.Time) time.Duration {
	l.s.Helper()
	eventually(l.s, max(shownWithin-time.Since(start), time.Second), func() string {
		status := get(l.s, name, &v1alpha1.APIKey{}).Status
		ready := find(status.Conditions, v1alpha1.Ready)
		if status.Revoked != "3/3" || ready.Status != metav1.ConditionFalse || ready.Reason != string(reason) {
			return fmt.Sprintf("revoked %q, Ready %s/%s: %s", status.Revoked, ready.Status, ready.Reason, ready.Message)
		}
		return ""
	})
	return time.Since(start)
}

func (l *loader) isBounded() {
	l.s.Helper()
	secret, pod := l.s.apiKey("bounded"), l.s.addresses("main")[0]
	headers := map[string]string{"Authorization": "Bearer " + secret, "Content-Type": "application/json"}
	post := func(path, body string) load.Question {
		return load.Question{Method: http.MethodPost, URL: pod + path, Headers: headers, Body: body}
	}
	answers := l.ask(
		post("/v1/chat/completions", load.Chat("fake-model", "tokens=3", false)),
		post("/v1/chat/completions", load.Chat("fake-small", "tokens=3", false)),
		post("/v1/embeddings", `{"model":"fake-model","input":"hello"}`),
		load.Question{Method: http.MethodGet, URL: pod + "/v1/models", Headers: headers},
	)
	if a := answers[0]; a.Status != http.StatusOK {
		l.s.Errorf("what is allowed: %d %s %s", a.Status, a.Body, a.Error)
	}
	for i, what := range []string{"a model that is not allowed", "an endpoint that is not allowed"} {
		if a := answers[i+1]; a.Status != http.StatusForbidden && a.Status != http.StatusNotFound {
			l.s.Errorf("%s: %d %s %s", what, a.Status, a.Body, a.Error)
		}
		l.s.Logf("%s: %d %s", what, answers[i+1].Status, message(answers[i+1].Body))
	}
	var listed struct{ Data []struct{ ID string } }
	if err := json.Unmarshal([]byte(answers[3].Body), &listed); err != nil || len(listed.Data) != 1 || listed.Data[0].ID != "fake-model" {
		l.s.Errorf("the models listed: %v %.500s", err, answers[3].Body)
	}
}

// answer asks every pod one question under a key, and checks the status and, unless it is empty, the reason of each answer.
func (l *loader) answer(apiKey string, status int, reason string) {
	l.s.Helper()
	pods := l.s.addresses("main")
	for i, a := range l.chat(apiKey, pods...) {
		if a.Status != status || reason != "" && a.Headers.Get("X-Spark-Reason") != reason {
			l.s.Errorf("%s answers %d %s %s %s; want %d %s", pods[i], a.Status, a.Headers.Get("X-Spark-Reason"), a.Body, a.Error, status, reason)
		}
	}
}

// toldOf waits for an Event.
func (s *space) toldOf(kind, name, reason string) {
	s.Helper()
	eventually(s, 10*time.Second, func() string {
		var list corev1.EventList
		if err := on.List(s.Context(), &list, inNamespace(s.name)); err != nil {
			return err.Error()
		}
		for _, e := range list.Items {
			if e.InvolvedObject.Kind == kind && e.InvolvedObject.Name == name && e.Reason == reason {
				return ""
			}
		}
		return fmt.Sprintf("no Event %s about %s %s", reason, kind, name)
	})
}
