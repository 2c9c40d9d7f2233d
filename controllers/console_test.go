// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/console"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/controllers/render"
)

func TestTheConsoleReadsWhatBelongsToAGateway(t *testing.T) {
	elsewhere := apiKey("elsewhere")
	elsewhere.Spec.GatewayRefs[0].Name = "other"
	b := newBed(t, sparkGateway(), apiKey("alice"), elsewhere,
		runningPod("main-a", "10.0.0.1"),
		runningPod("main-b", "10.0.0.2", func(p *corev1.Pod) { p.Status.Conditions = nil }),
		runningPod("main-c", "", func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending }),
		runningPod("stranger", "10.0.0.9", func(p *corev1.Pod) { p.Labels = map[string]string{render.GatewayLabel: "other"} }),
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: render.AdminSecretName(main.Name)}, Data: map[string][]byte{"ca.crt": []byte("ca")}},
	)
	e := exhibits{b.client}
	tls := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: "cert"}, Data: map[string][]byte{"tls.crt": []byte("crt"), "tls.key": []byte("key")}}
	if err := b.client.Create(t.Context(), tls); err != nil {
		t.Fatal(err)
	}
	gateways, err := e.Gateways(t.Context())
	if err != nil || len(gateways) != 1 || gateways[0].Name != main.Name {
		t.Fatalf("%v, %v", gateways, err)
	}
	got, err := e.Resources(t.Context(), &gateways[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Keys) != 1 || got.Keys[0].Name != "alice" || string(got.Admin["ca.crt"]) != "ca" {
		t.Errorf("keys %v, credentials %d", got.Keys, len(got.Admin))
	}
	if got.Certificate != nil {
		t.Error("a gateway without TLS has a certificate")
	}
	secure := gateways[0].DeepCopy()
	for name, want := range map[string]string{"cert": "crt", "gone": ""} {
		secure.Spec.Listener = &v1alpha1.Listener{TLS: &v1alpha1.ListenerTLS{SecretRef: v1alpha1.SecretReference{Name: name}}}
		if served, err := e.Resources(t.Context(), secure); string(served.Certificate) != want || err != nil {
			t.Errorf("the certificate of Secret %s is %q, %v", name, served.Certificate, err)
		}
	}
	want := []console.Member{
		{Name: "main-a", Ready: true, Running: true, Pod: fleet.Pod{UID: "main-a", Name: "main-a", Address: "10.0.0.1:9443"}},
		{Name: "main-b", Running: true, Pod: fleet.Pod{UID: "main-b", Name: "main-b", Address: "10.0.0.2:9443"}},
		{Name: "main-c", Ready: true},
	}
	for i := range got.Members {
		got.Members[i].Pod.Instance = ""
	}
	if diff := cmp.Diff(want, got.Members); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTheKeyOfThePlayground(t *testing.T) {
	own, generated, without := apiKey("own"), apiKey("generated"), apiKey("without")
	own.Spec.SecretRef = &v1alpha1.SecretKeyReference{Name: "vault", Key: "spark"}
	generated.Spec.SecretRef = nil
	secret := func(name, field, value string) client.Object {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: main.Namespace, Name: name}, Data: map[string][]byte{field: []byte(value)}}
	}
	b := newBed(t, own, generated, without, secret("vault", "spark", "the-own-key\n"), secret("generated-key", "apiKey", "spark-0001"), secret("without", "else", "x"))
	for name, test := range map[string]struct{ key, want, wantErr string }{
		"one's own":               {"own", "the-own-key", ""},
		"a generated one":         {"generated", "spark-0001", ""},
		"a Secret without it":     {"without", "", "the key of APIKey team/without is in no Secret"},
		"an APIKey that is not":   {"gone", "", "there is no APIKey team/gone"},
		"a Secret that is no key": {"alice", "", "there is no APIKey team/alice"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := keyReader(b.client, types.NamespacedName{Namespace: main.Namespace, Name: test.key})(t.Context())
			if got != test.want || (err != nil) != (test.wantErr != "") || err != nil && err.Error() != test.wantErr {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// halfManager is as much of a manager as a console without TLS needs.
type halfManager struct {
	manager.Manager
	client client.Client
	added  []manager.Runnable
}

func (m *halfManager) GetClient() client.Client { return m.client }

func (m *halfManager) GetLogger() logr.Logger { return logr.Discard() }

func (m *halfManager) Add(r manager.Runnable) error {
	m.added = append(m.added, r)
	return nil
}

func TestAConsoleIsNotOpenToEverybodyByMistake(t *testing.T) {
	for name, test := range map[string]struct {
		options ConsoleOptions
		want    int
		wantErr string
	}{
		"none by default":                {ConsoleOptions{}, 0, ""},
		"none where told so":             {ConsoleOptions{Address: "0", Secure: true}, 0, ""},
		"open on this machine":           {ConsoleOptions{Address: "127.0.0.1:0"}, 1, ""},
		"not on every address":           {ConsoleOptions{Address: ":0"}, 0, "would be open to everybody"},
		"not on another address":         {ConsoleOptions{Address: "10.0.0.1:8082"}, 0, "would be open to everybody"},
		"an address that nobody can use": {ConsoleOptions{Address: "127.0.0.1:notaport"}, 0, "serve the console"},
	} {
		t.Run(name, func(t *testing.T) {
			m := &halfManager{client: newBed(t).client}
			err := SetupConsole(t.Context(), m, test.options)
			if len(m.added) != test.want || (err != nil) != (test.wantErr != "") || err != nil && !strings.Contains(err.Error(), test.wantErr) {
				t.Fatalf("%d added, %v", len(m.added), err)
			}
			for _, r := range m.added {
				server, ok := r.(*console.Server)
				if !ok || server.TLS != nil || server.NeedLeaderElection() {
					t.Errorf("%+v", r)
				}
				if err := server.Listener.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
