// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/status"
	"github.com/sparkgateway/spark/gateway/config"
)

// wantAnswers checks whom a pod serves.
func wantAnswers(t *testing.T, p *pod, want map[string]int) {
	t.Helper()
	for user, status := range want {
		if got := p.answers(t, user); got != status {
			t.Errorf("pod %s answers %s with %d, want %d", p.uid, user, got, status)
		}
	}
}

func TestWhatIsMountedIsServedAndProgrammed(t *testing.T) {
	c := newCluster(t)
	bundle, _ := compiled(t, 1, "alice", "bob")
	c.write(bundle)
	p := c.start("a", nil)
	// The durable road alone: nobody pushes.
	poll(t, func() bool { return p.reloader.Ack().Sequence == 1 }, func() string { return fmt.Sprintf("ack %+v", p.reloader.Ack()) })
	wantAnswers(t, p, map[string]int{"alice": http.StatusOK, "bob": http.StatusOK, "mallory": http.StatusUnauthorized})
	o := c.operator()
	o.want(bundle, p)
	got := o.eventually(v1alpha1.ReasonProgrammed, bundle, p)
	want := status.Condition{Type: v1alpha1.Programmed, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonProgrammed,
		Message: "all 1 pods run revision " + status.Short(bundle.Manifest.Revision)}
	if got != want {
		t.Errorf("condition %+v, want %+v", got, want)
	}
}

// When Programmed is True, the next request on every pod obeys.
func TestAPushIsServedByEveryPodOnceItIsProgrammed(t *testing.T) {
	c := newCluster(t)
	first, _ := compiled(t, 1, "alice", "bob")
	c.write(first)
	pods := []*pod{c.start("a", nil), c.start("b", nil), c.start("c", nil)}
	o := c.operator()
	o.want(first, pods...)
	o.eventually(v1alpha1.ReasonProgrammed, first, pods...)

	// Bob's key goes and Carol's comes; the mounted Secrets stay behind, as the kubelet is slow.
	second, _ := compiled(t, 2, "alice", "carol")
	o.want(second, pods...)
	o.eventually(v1alpha1.ReasonProgrammed, second, pods...)
	for _, p := range pods {
		wantAnswers(t, p, map[string]int{"alice": http.StatusOK, "carol": http.StatusOK, "bob": http.StatusUnauthorized})
	}
	// What is mounted catches up, and is no news; a pod that starts now serves it too.
	c.write(second)
	for _, p := range pods {
		c.mount("config", p.config)
	}
	late := c.start("d", nil)
	poll(t, func() bool { return late.reloader.Ack().Sequence == 2 }, func() string { return fmt.Sprintf("ack %+v", late.reloader.Ack()) })
	wantAnswers(t, late, map[string]int{"carol": http.StatusOK, "bob": http.StatusUnauthorized})
	all := slices.Concat(pods, []*pod{late})
	o.want(second, all...)
	o.eventually(v1alpha1.ReasonProgrammed, second, all...)
}

func TestAPodWithoutASecretYetIsPushedTo(t *testing.T) {
	c := newCluster(t)
	p := c.start("a", nil)
	wantAnswers(t, p, map[string]int{"alice": http.StatusServiceUnavailable})
	bundle, _ := compiled(t, 1, "alice")
	o := c.operator()
	o.want(bundle, p)
	o.eventually(v1alpha1.ReasonProgrammed, bundle, p)
	wantAnswers(t, p, map[string]int{"alice": http.StatusOK})
}

// A pod of an older release, which does not read a new schema, says so itself; it goes on with what it has, and a
// document that it can read mends it.
func TestADocumentThatAPodRejects(t *testing.T) {
	tests := map[string]struct {
		change    func(*testing.T, *config.Bundle)
		wantError string
	}{
		"a schema that it does not know": {
			func(_ *testing.T, b *config.Bundle) { b.Manifest.Schema = 99 },
			"schema 99 is not one this gateway reads (4)",
		},
		"a document for another gateway": {
			func(_ *testing.T, b *config.Bundle) { b.Manifest.Gateway = "team/other" },
			`the document is for gateway "team/other", this is "team/main"`,
		},
		"a document with more problems than a status holds": {
			func(t *testing.T, b *config.Bundle) {
				d, err := config.Decode(*b)
				if err != nil {
					t.Fatal(err)
				}
				for i := range 3000 {
					d.Keys = append(d.Keys, config.Key{ID: fmt.Sprintf("team/same-%04d", i), User: "same"})
				}
				bad, err := config.Encode(d)
				if err != nil {
					t.Fatal(err)
				}
				bad.Manifest.Sequence = b.Manifest.Sequence
				*b = bad
			},
			`keys: "team/same-`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			first, _ := compiled(t, 1, "alice")
			c.write(first)
			p := c.start("a", nil)
			o := c.operator()
			o.want(first, p)
			o.eventually(v1alpha1.ReasonProgrammed, first, p)

			bad, _ := compiled(t, 2, "alice", "bob")
			test.change(t, &bad)
			o.want(bad, p)
			got := o.eventually(v1alpha1.ReasonRejected, bad, p)
			wantStart := fmt.Sprintf("pod a rejects revision %s: %s", status.Short(bad.Manifest.Revision), test.wantError)
			if got.Status != metav1.ConditionFalse || !strings.HasPrefix(got.Message, wantStart) {
				t.Errorf("condition %s: %.300s, want %s", got.Status, got.Message, wantStart)
			}
			wantAnswers(t, p, map[string]int{"alice": http.StatusOK, "bob": http.StatusUnauthorized})

			good, _ := compiled(t, 3, "alice", "bob")
			o.want(good, p)
			o.eventually(v1alpha1.ReasonProgrammed, good, p)
			wantAnswers(t, p, map[string]int{"alice": http.StatusOK, "bob": http.StatusOK})
		})
	}
}

func TestADocumentThatOneOfSeveralPodsCannotApply(t *testing.T) {
	for name, fail := range map[string]func() error{
		"with an error": func() error { return errors.New("no memory left") },
		"with a panic":  func() error { panic("no memory left") },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			bundle, _ := compiled(t, 1, "alice")
			c.write(bundle)
			well, ill := c.start("a", nil), c.start("b", func(*config.Document) error { return fail() })
			o := c.operator()
			o.want(bundle, well, ill)
			got := o.eventually(v1alpha1.ReasonRejected, bundle, well, ill)
			if !strings.HasPrefix(got.Message, "pod b rejects revision ") || !strings.HasSuffix(got.Message, "no memory left") {
				t.Errorf("message %s", got.Message)
			}
			wantAnswers(t, well, map[string]int{"alice": http.StatusOK})
		})
	}
}

// A pod that is started under another's name and address does not count for it.
func TestAnotherGatewaysPodIsNotBelieved(t *testing.T) {
	ours, theirs := newCluster(t), newCluster(t)
	bundle, _ := compiled(t, 1, "alice")
	ours.write(bundle)
	theirs.write(bundle)
	stranger := theirs.start("a", nil)
	o := ours.operator()
	o.want(bundle, stranger)
	poll(t, func() bool { return o.fleet.Observe(main)["a"].Problem != "" }, func() string { return "no problem is seen" })
	if got := o.fleet.Observe(main)["a"]; got.Ack != nil || got.Problem != "its certificate is not valid" {
		t.Errorf("observation %+v", got)
	}
	if got := o.programmed(bundle, stranger); got.Reason != v1alpha1.ReasonPending {
		t.Errorf("condition %s/%s", got.Status, got.Reason)
	}
}

// While one key's change travels, what every pod serves already stays Programmed.
func TestAttachmentsTellOfThemselves(t *testing.T) {
	c := newCluster(t)
	first, out := compiled(t, 1, "alice")
	c.write(first)
	p := c.start("a", nil)
	o := c.operator()
	o.want(first, p)
	report := status.Attachments(status.Report{}, out, o.eventually(v1alpha1.ReasonProgrammed, first, p), status.Programming{})

	bad, out := compiled(t, 2, "alice", "bob")
	bad.Manifest.Schema = 99
	o.want(bad, p)
	report = status.Attachments(report, out, o.eventually(v1alpha1.ReasonRejected, bad, p), status.Programming{})
	for user, want := range map[string]v1alpha1.Reason{"alice": v1alpha1.ReasonProgrammed, "bob": v1alpha1.ReasonRejected} {
		for name, a := range report.Attachments[status.Keys] {
			if name.Name == user && a.Programmed.Reason != want {
				t.Errorf("%s is %s/%s, want %s", user, a.Programmed.Status, a.Programmed.Reason, want)
			}
		}
	}
	wantAnswers(t, p, map[string]int{"alice": http.StatusOK, "bob": http.StatusUnauthorized})
}
