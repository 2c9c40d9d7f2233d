// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	shows "github.com/sparkgateway/spark/controllers/console"
)

// overview gives what the console shows of the namespace's gateway, and as it is written.
func (b *bed) overview() (shows.Gateway, string) {
	b.Helper()
	response, err := http.Get("http://" + console + "/console/api/overview?gateway=" + b.namespace + "/main")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	var all shows.Overview
	if err := json.Unmarshal(text, &all); err != nil || len(all.Gateways) != 1 {
		b.Fatalf("%s, %v: %s", response.Status, err, text)
	}
	return all.Gateways[0], string(text)
}

// play sends a prompt by the console's playground.
func (b *bed) play(stream bool) shows.Played {
	b.Helper()
	body := fmt.Sprintf(`{"gateway":"%s/main","model":"fake-model","prompt":"hello","stream":%v}`, b.namespace, stream)
	response, err := http.Post("http://"+console+"/console/api/play", "application/json", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var played shows.Played
	if err := json.NewDecoder(response.Body).Decode(&played); err != nil || response.StatusCode != http.StatusOK {
		b.Fatalf("%s, %v", response.Status, err)
	}
	return played
}

func TestTheConsoleShowsWhatPodsSay(t *testing.T) {
	b := &bed{t, "console"}
	if err := cluster.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.namespace}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.leave)
	gw, p, k := gateway(2), policy("fake", "fake-model"), apiKey("alice")
	b.create(providerSecret(), gw, p, k)
	// The key is generated after the gateway's first configuration, and reaches the pods by a second.
	b.becomes(k, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(p, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)

	// One pod is asked by the playground, and both together say so.
	for _, stream := range []bool{false, true} {
		played := b.play(stream)
		if played.Status != 200 || played.Error != "" || played.Text == "" || played.Usage.OutputTokens == 0 || played.Headers["x-request-id"] == "" {
			t.Errorf("stream %v: %+v", stream, played)
		}
		if played.Explain == nil || len(played.Explain.Targets) != 1 || played.Explain.Key == nil || played.Explain.Key.ID != "console/alice" {
			t.Errorf("stream %v: the path is %+v", stream, played.Explain)
		}
	}
	var shown shows.Gateway
	var text string
	b.eventually("the console shows both requests", func() bool {
		shown, text = b.overview()
		var requests int64
		for _, m := range shown.Traffic {
			requests += m.Requests
		}
		return requests == 2 && len(shown.Spend) == 1
	})
	if len(shown.Pods) != 2 || shown.Ready.Status != "True" || len(shown.Providers) != 1 || shown.Providers[0].Attempts != 2 || shown.Keys.Count != 1 {
		t.Errorf("it shows %s", text)
	}
	for _, p := range shown.Pods {
		if p.Silent || !p.Ready || !p.Programmed || p.Revision == "" || p.Revision != shown.Revision {
			t.Errorf("pod %+v", p)
		}
	}
	for _, secret := range []string{b.secretOf("alice"), "sk-of-the-provider", "PRIVATE KEY"} {
		if strings.Contains(text, secret) {
			t.Errorf("it shows a secret, %.6s…", secret)
		}
	}
	b.silenced(shown.Pods[0].Name)
}

// silenced stops a pod: the console says so, and what the others say stays.
func (b *bed) silenced(pod string) {
	b.Helper()
	pid := node.PID(b.namespace, pod)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	b.eventually("the console shows that "+pod+" is silent", func() bool {
		shown, _ := b.overview()
		for _, p := range shown.Pods {
			if p.Silent != (p.Name == pod) || p.Silent && p.Reasons[0] != "it does not answer in time" {
				return false
			}
		}
		return len(shown.Pods) == 2
	})
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		b.Fatal(err)
	}
	b.eventually("the pod speaks again", func() bool {
		shown, _ := b.overview()
		return !shown.Pods[0].Silent && !shown.Pods[1].Silent
	})
}
