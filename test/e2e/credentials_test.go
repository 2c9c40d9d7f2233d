// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sparkgateway/spark/test/e2e/load"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// takenUpWithin is how long after its Secret was edited a pod may go on with an old credential.
const takenUpWithin = 10 * time.Second

// rotation exchanges the credentials of a front's Secret.
type rotation struct {
	front, secret string
	// first and next are merge patches of right credentials, which the provider knows as firstKey and nextKey.
	first, next       string
	firstKey, nextKey string
	// wrong is one of a credential that the provider refuses, and wrongSecret what is secret of it.
	wrong, wrongSecret string
}

var rotations = map[string]rotation{
	"an API key": {
		front: "openai", secret: "provider", firstKey: providerKey, nextKey: nextProviderKey,
		first: `{"stringData":{"apiKey":"` + providerKey + `"}}`,
		next:  `{"stringData":{"apiKey":"` + nextProviderKey + `"}}`,
		wrong: `{"stringData":{"apiKey":"sk-e2e-unknown-0123456789"}}`, wrongSecret: "sk-e2e-unknown-0123456789",
	},
	"keys of AWS, the next of them temporary": {
		front: "bedrock-aws", secret: "provider-aws", firstKey: awsID, nextKey: nextAWSID,
		first: `{"data":{"sessionToken":null},"stringData":{"accessKeyID":"` + awsID + `","secretAccessKey":"` + awsSecret + `"}}`,
		next: `{"stringData":{"accessKeyID":"` + nextAWSID + `","secretAccessKey":"` + nextAWSSecret +
			`","sessionToken":"` + nextAWSSession + `"}}`,
		wrong: `{"stringData":{"secretAccessKey":"aws-e2e-unknown-0123456789"}}`, wrongSecret: "aws-e2e-unknown-0123456789",
	},
}

// A credential that is edited in its Secret is used by every pod soon, without a restart and without a failed request; a
// wrong one is told as such, and mended by the right one.
func TestCredentialsAreTakenUpWithoutRestart(t *testing.T) {
	s := newSpace(t)
	manifests := two
	for _, r := range rotations {
		manifests += fronts[r.front].policy(r.front)
	}
	l := s.start(manifests)
	s.kubectl("wait", "--for=condition=Ready", "--timeout=90s", "providerpolicies", "--all")
	pods := s.pods("main")
	_, template := s.template("main")
	for name, r := range rotations {
		t.Run(name, func(t *testing.T) { l.as(t).rotates(r) })
	}
	s.untouched("main", pods)
	if _, after := s.template("main"); after != template {
		t.Error("what pods are made from has changed")
	}
}

// exchanges is how often credentials are exchanged to and fro under load.
const exchanges = 5

func (l *loader) rotates(r rotation) {
	l.s.Helper()
	l.uses(r, r.firstKey)
	under := l.begin(load.Spec{
		Targets: []string{l.service("main")}, Rate: 50, StreamEvery: 5, Key: l.s.apiKey("alice"), Model: "via-" + r.front,
		Steer: "tokens=5", SteerStream: "tokens=20 delay=20ms",
	})
	var slowest time.Duration
	for range exchanges {
		l.s.patch(&corev1.Secret{}, r.secret, r.next)
		slowest = max(slowest, l.uses(r, r.nextKey))
		l.s.patch(&corev1.Secret{}, r.secret, r.first)
		slowest = max(slowest, l.uses(r, r.firstKey))
	}
	total := under.stop().Total()
	if wrong := faultless(total); wrong != "" || total.Streams == 0 {
		l.s.Errorf("%d streams; %s", total.Streams, wrong)
	}
	l.s.patch(&corev1.Secret{}, r.secret, r.wrong)
	wrong := l.refused(r)
	l.s.patch(&corev1.Secret{}, r.secret, r.first)
	mended := l.uses(r, r.firstKey)
	l.s.Logf("%d edits, after at most %s every pod uses the other credential; the wrong one after %s, the right one after %s; "+
		"under load: %s", 2*exchanges, millis(slowest), millis(wrong), millis(mended), figures(total))
}

// asks asks each pod a question of its own.
func (l *loader) asks(r rotation) (texts []string, answers []load.Answer) {
	l.s.Helper()
	var questions []load.Question
	for i, pod := range l.s.addresses("main") {
		texts = append(texts, fmt.Sprintf("pod %d, %s", i, time.Now().Format(time.RFC3339Nano)))
		questions = append(questions, applications["OpenAI"].question(pod, l.s.apiKey("alice"), "via-"+r.front, texts[i], false))
	}
	return texts, l.ask(questions...)
}

// uses waits until the provider is asked by every pod with a key.
func (l *loader) uses(r rotation, key string) time.Duration {
	l.s.Helper()
	start := time.Now()
	eventually(l.s, takenUpWithin, func() string {
		texts, answers := l.asks(r)
		for i, answer := range answers {
			if answer.Status != 200 {
				return fmt.Sprintf("pod %d answers %d %s %s", i, answer.Status, answer.Body, answer.Error)
			}
			if record := l.s.recordOf(texts[i]); record.KeySHA256 != fakeprovider.SHA256Of(key) {
				return fmt.Sprintf("pod %d uses another key", i)
			}
		}
		return ""
	})
	return time.Since(start)
}

// refused waits until every pod says that the provider refuses its credential, without telling it.
func (l *loader) refused(r rotation) time.Duration {
	l.s.Helper()
	start := time.Now()
	var answers []load.Answer
	eventually(l.s, takenUpWithin, func() string {
		_, answers = l.asks(r)
		for i, answer := range answers {
			if answer.Status != 502 || answer.Headers.Get("X-Spark-Reason") != "upstream_auth_failed" ||
				message(answer.Body) != "The provider did not accept the gateway's credential." {
				return fmt.Sprintf("pod %d answers %d %s %s", i, answer.Status, answer.Body, answer.Error)
			}
		}
		return ""
	})
	took := time.Since(start)
	told := fmt.Sprint(answers)
	for _, pod := range l.s.pods("main") {
		told += must[string](l.s)(on.logs(l.s.Context(), l.s.name, pod.Name))
	}
	if strings.Contains(told, r.wrongSecret) {
		l.s.Error("an answer or a log tells the credential")
	}
	return took
}
