// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/e2e/load"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// Whatever dialect an application speaks, it reaches every type of provider, is answered in its own dialect, and is
// accounted for by what the provider counted.
func TestEveryDialectReachesEveryProviderType(t *testing.T) {
	key, file := serviceAccount(t)
	s := newSpace(t)
	manifests := two + "---\n" + secret + "metadata: {name: provider-gcp}\nstringData: {key.json: '" + file + "'}\n" + vertex.policy("vertex") +
		// Each of the questions is to be told why, and not that the failures before them opened the breaker.
		"  circuitBreaker: {consecutiveFailures: 100, minRequests: 1000}\n"
	for name, f := range fronts {
		manifests += f.policy(name)
	}
	l := s.start(manifests)
	for _, condition := range []string{"Programmed", "Ready"} {
		s.kubectl("wait", "--for=condition="+condition, "--timeout=90s", "providerpolicies", "--all")
	}
	s.listsTypes()
	gateway := l.service("main")
	for name, f := range fronts {
		t.Run(name, func(t *testing.T) { l.as(t).converses(gateway, name, f) })
	}
	t.Run("vertex", func(t *testing.T) { l.as(t).isToldOfNoCredential(gateway) })
	s.keepsSecrets(l, key)
}

// chat is one whole or streamed chat of a dialect.
type chat struct {
	dialect string
	stream  bool
}

// tokens is how long each answer is.
const tokens = 7

// text tells chats apart, and steers the fake provider.
func (c chat) text(front string) string {
	return fmt.Sprintf("%s asks %s, stream=%t [[fake tokens=%d]]", c.dialect, front, c.stream, tokens)
}

// chats asks a front one whole and one streamed question in each dialect.
func (l *loader) chats(gateway, name string) map[chat]load.Answer {
	l.s.Helper()
	var all []chat
	var questions []load.Question
	apiKey := l.s.apiKey("alice")
	for dialect, a := range applications {
		for _, stream := range []bool{false, true} {
			c := chat{dialect, stream}
			all = append(all, c)
			questions = append(questions, a.question(gateway, apiKey, "via-"+name, c.text(name), stream))
		}
	}
	answers := map[chat]load.Answer{}
	for i, answer := range l.ask(questions...) {
		answers[all[i]] = answer
	}
	return answers
}

// converses checks what applications, the provider and the access log say of the same chats.
func (l *loader) converses(gateway, name string, f front) {
	l.s.Helper()
	answers := l.chats(gateway, name)
	lines := l.s.linesOf(answers)
	for c, answer := range answers {
		if answer.Status != 200 || answer.Error != "" {
			l.s.Errorf("%+v: status %d, %s\n%s", c, answer.Status, answer.Error, answer.Body)
			continue
		}
		got, err := applications[c.dialect].read(answer.Body, c.stream)
		if err != nil {
			l.s.Errorf("%+v: %v in\n%s", c, err, answer.Body)
			continue
		}
		record := l.s.recordOf(c.text(name))
		prompt := int64(record.PromptTokens - f.unbilled)
		if n := fakeprovider.CountTokens(got.text); n != tokens || got.completion != tokens || got.prompt != prompt {
			l.s.Errorf("%+v: a text of %d tokens with usage %d+%d, want %d+%d: %q",
				c, n, got.prompt, got.completion, prompt, tokens, got.text)
		}
		if record.Model != "fake-model" || record.Stream != c.stream || !strings.HasPrefix(record.Path, f.path) ||
			!belongs(record, f.key) {
			l.s.Errorf("%+v: the provider got %s of %s, stream %t, key %s", c, record.Path, record.Model, record.Stream, record.KeySHA256)
		}
		said := lines[answer.Headers.Get("X-Request-Id")]
		if len(said) != 1 {
			l.s.Errorf("%+v has %d lines in the access log", c, len(said))
			continue
		}
		want := line{
			ID: said[0].ID, Pod: said[0].Pod, Key: l.s.name + "/alice", Provider: l.s.name + "/" + name, Outcome: "ok", Status: 200,
			Stream: c.stream, Usage: &lineUsage{"reported", got.prompt, got.completion, got.prompt + got.completion},
		}
		if diff := cmp.Diff(want, said[0]); diff != "" {
			l.s.Errorf("%+v: the line in the access log (-want +got):\n%s", c, diff)
		}
	}
}

// belongs says that a request to the provider carried a key, none where that is empty.
func belongs(record fakeprovider.Record, key string) bool {
	if key == "" {
		return record.KeySHA256 == ""
	}
	return record.KeySHA256 == fakeprovider.SHA256Of(key)
}

// isToldOfNoCredential checks what applications are told where Google gives no token: it is out of reach, or does not know
// the account.
func (l *loader) isToldOfNoCredential(gateway string) {
	l.s.Helper()
	answers := l.chats(gateway, "vertex")
	lines := l.s.linesOf(answers)
	for c, answer := range answers {
		if answer.Status != 502 || answer.Headers.Get("X-Spark-Reason") != "upstream_auth_failed" ||
			message(answer.Body) != "The gateway could not get a credential for the provider." {
			l.s.Errorf("%+v: status %d, %v\n%s", c, answer.Status, answer.Headers, answer.Body)
		}
		said := lines[answer.Headers.Get("X-Request-Id")]
		if len(said) != 1 || said[0].Status != 502 || said[0].Outcome != "provider_failed" || said[0].Usage != nil ||
			!strings.Contains(said[0].Error, "oauth2.googleapis.com") {
			l.s.Errorf("%+v: in the access log: %+v", c, said)
		}
	}
	for _, record := range l.s.records() {
		if strings.Contains(record.Path, "/projects/") {
			l.s.Errorf("the provider was asked without a token: %+v", record)
		}
	}
}

// keepsSecrets checks that pods have written none, and that both have served.
func (s *space) keepsSecrets(l *loader, key string) {
	s.Helper()
	secrets := []string{providerKey, awsSecret, s.apiKey("alice")}
	for text := range strings.Lines(key) {
		if text = strings.TrimSpace(text); !strings.HasPrefix(text, "-----") {
			secrets = append(secrets, text)
		}
	}
	for _, pod := range s.pods("main") {
		text := must[string](s)(on.logs(s.Context(), s.name, pod.Name))
		if !strings.Contains(text, `"outcome":"ok"`) {
			s.Errorf("pod %s has served nothing", pod.Name)
		}
		for _, answer := range l.chats("http://"+pod.Status.PodIP+":8080", "vertex") {
			text += fmt.Sprint(answer)
		}
		for i, secret := range secrets {
			if strings.Contains(text, secret) {
				s.Errorf("pod %s tells secret %d of %d", pod.Name, i+1, len(secrets))
			}
		}
	}
}

// listsTypes checks that kubectl get can be read whatever the type, also of one that waits for its user.
func (s *space) listsTypes() {
	s.Helper()
	const long = "openai-compatible-in-the-other-cluster"
	waiting := front{kind: v1alpha1.ProviderOpenAICompatible, below: "/v1", credentials: "{secretRef: {name: nowhere}}"}
	s.apply(waiting.policy(long))
	s.waitFor("Stalled", "providerpolicy/"+long)
	want := map[string][]string{"vertex": {"VertexAI", "True"}, long: {"OpenAICompatible", "False"}}
	for name, f := range fronts {
		want[name] = []string{string(f.kind), "True"}
	}
	got := map[string][]string{}
	for _, row := range s.table("providerpolicies", "NAME", "TYPE", "READY", "BREAKER", "ERRORS", "P95", "AGE") {
		got[row["NAME"]] = []string{row["TYPE"], row["READY"]}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("kubectl get providerpolicies (-want +got):\n%s", diff)
	}
	s.kubectl("delete", "providerpolicy", long)
}

// recordOf gives the one request that the provider got about a text, when that has ended.
func (s *space) recordOf(text string) fakeprovider.Record {
	s.Helper()
	var found []fakeprovider.Record
	eventually(s, 10*time.Second, func() string {
		found = nil
		for _, r := range s.records() {
			if strings.Contains(r.Body, text) {
				found = append(found, r)
			}
		}
		if len(found) != 1 || found[0].State != fakeprovider.Completed {
			return fmt.Sprintf("%d requests about %q at the provider: %+v", len(found), text, found)
		}
		return ""
	})
	return found[0]
}

// linesOf gives the lines of the access log by request id, once each answer has one.
func (s *space) linesOf(answers map[chat]load.Answer) map[string][]line {
	s.Helper()
	var byID map[string][]line
	eventually(s, 20*time.Second, func() string {
		byID = map[string][]line{}
		for _, said := range s.accessLog("main") {
			byID[said.ID] = append(byID[said.ID], said)
		}
		for c, answer := range answers {
			if len(byID[answer.Headers.Get("X-Request-Id")]) == 0 {
				return fmt.Sprintf("%+v, answered %d %s, is not in the access log", c, answer.Status, answer.Error)
			}
		}
		return ""
	})
	return byID
}
