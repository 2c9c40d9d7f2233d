// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/keys"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/controllers/compiler"
)

func fakeCluster(objects ...client.Object) client.Client {
	return fake.NewClientBuilder().WithScheme(live.Scheme).WithStatusSubresource(&v1alpha1.APIKey{}, &v1alpha1.SparkGateway{}).
		WithObjects(objects...).Build()
}

func apiKey(namespace, name string, edit func(*v1alpha1.APIKey)) *v1alpha1.APIKey {
	key := &v1alpha1.APIKey{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.APIKeySpec{
		GatewayRefs: []v1alpha1.GatewayReference{{Name: "main"}}, User: name}}
	if edit != nil {
		edit(key)
	}
	return key
}

func ringOf(objects ...client.Object) (keyring, *bytes.Buffer, *bytes.Buffer) {
	var out, told bytes.Buffer
	return keyring{objects: fakeCluster(objects...), namespace: "team", to: screen.Screen{Writer: &out, Width: screen.Width}, told: &told}, &out, &told
}

const generatedKey = "spark-generated-canary"

func secretOf(name string, data map[string]string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name}, Data: map[string][]byte{}}
	for k, v := range data {
		s.Data[k] = []byte(v)
	}
	return s
}

func TestKeysAreListedWithoutTheKeys(t *testing.T) {
	all := []client.Object{
		apiKey("team", "alice", func(k *v1alpha1.APIKey) {
			k.Labels = map[string]string{"team": "search"}
			k.Status.Prefix, k.Status.Expires = "spark-a1b2…", "2026-12-31"
			k.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "True", Reason: "Ready"}}
			k.Status.Usage = v1alpha1.UsageStatus{Tokens: 120431, Spent: "$1.92", Budget: "$50.00", LastUsed: &metav1.Time{Time: noon.Add(-3 * time.Second)}}
		}),
		apiKey("team", "bob", func(k *v1alpha1.APIKey) {
			k.Spec.Role, k.Spec.Disabled = v1alpha1.RoleMaster, ptr.To(true)
			k.Spec.GatewayRefs[0].Name = "second"
			k.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "False", Reason: "Disabled"}}
		}),
		apiKey("other", "carol", func(k *v1alpha1.APIKey) { k.Spec.User = strings.Repeat("very-long-user", 4) }),
		secretOf("alice-key", map[string]string{compiler.CredentialsKey: generatedKey}),
	}
	for name, l := range map[string]listing{
		"keys_all.txt":      {all: true},
		"keys_here.txt":     {},
		"keys_gateway.txt":  {gateway: "second"},
		"keys_selector.txt": {selector: "team=search", output: "name"},
		"keys_none.txt":     {selector: "team=none"},
		"keys.yaml":         {selector: "team=search", output: "yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			ring, out, _ := ringOf(all...)
			l.keyring = ring
			if err := l.run(t.Context(), noon); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
			if strings.Contains(out.String(), generatedKey) {
				t.Error("a key was listed")
			}
		})
	}
	l := listing{selector: "a in"}
	if err := l.run(t.Context(), noon); err == nil || !strings.HasPrefix(err.Error(), "--selector: ") {
		t.Error(err)
	}
}

func TestAKeyIsRevealedAlone(t *testing.T) {
	own := apiKey("team", "own", func(k *v1alpha1.APIKey) {
		k.Spec.SecretRef = &v1alpha1.SecretKeyReference{Name: "brought", Key: "token"}
	})
	both := map[string]string{compiler.CredentialsKey: generatedKey, compiler.PreviousCredentialsKey: "the-one-before"}
	for name, tt := range map[string]struct {
		key      *v1alpha1.APIKey
		secret   *corev1.Secret
		previous bool
		want     string
		wrong    string
	}{
		"a generated one":         {apiKey("team", "alice", nil), secretOf("alice-key", both), false, generatedKey + "\n", ""},
		"the one before":          {apiKey("team", "alice", nil), secretOf("alice-key", both), true, "the-one-before\n", ""},
		"one that was brought":    {own, secretOf("brought", map[string]string{"token": "mine\n"}), false, "mine\n", ""},
		"no longer the before":    {apiKey("team", "alice", nil), secretOf("alice-key", map[string]string{"apiKey": "x"}), true, "", "no key before the present one"},
		"the before of a brought": {own, secretOf("brought", both), true, "", "--previous is of generated keys"},
		"none yet":                {apiKey("team", "alice", nil), secretOf("x", nil), false, "", "no key has been generated yet"},
		"a Secret without":        {own, secretOf("brought", both), false, "", "the Secret brought has nothing under token"},
		"no Secret":               {own, secretOf("x", nil), false, "", `"brought" not found`},
	} {
		ring, out, _ := ringOf(tt.key, tt.secret)
		err := (&revealing{keyring: ring, previous: tt.previous}).run(t.Context(), tt.key)
		if (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) || out.String() != tt.want {
			t.Errorf("%s: %q, %v", name, out.String(), err)
		}
	}
}

func TestAKeyIsMade(t *testing.T) {
	wanted := keys.Wanted{Namespace: "team", Name: "alice", Gateways: []string{"main"}, User: "alice", Budgets: []string{"50/Month"}}
	for name, tt := range map[string]struct {
		m    making
		want string
		made bool
	}{
		"in words":   {making{output: "text"}, "apikey.sparkgateway.dev/alice created\nkubectl spark keys reveal alice -n team shows the key.\n", true},
		"by name":    {making{output: "name"}, "apikey.sparkgateway.dev/alice\n", true},
		"not at all": {making{output: "text", dryRun: true}, "apikey.sparkgateway.dev/alice would be created\n", false},
		"for Git": {making{output: "yaml", dryRun: true}, `apiVersion: sparkgateway.dev/v1alpha1
kind: APIKey
metadata:
  name: alice
  namespace: team
spec:
  budgets:
  - amount: "50"
    per: Month
  gatewayRefs:
  - name: main
  user: alice
`, false},
	} {
		t.Run(name, func(t *testing.T) {
			ring, out, _ := ringOf()
			tt.m.keyring, tt.m.Wanted = ring, wanted
			if err := tt.m.run(t.Context(), noon); err != nil || out.String() != tt.want {
				t.Errorf("%q, %v", out.String(), err)
			}
			if _, err := ring.get(t.Context(), "alice"); (err == nil) != tt.made {
				t.Errorf("made %v: %v", !tt.made, err)
			}
		})
	}
}

// later changes a key as the operator would, two seconds from now.
func later(t *testing.T, ring keyring, name string, change func(*v1alpha1.APIKey)) {
	t.Helper()
	go func() {
		time.Sleep(2 * time.Second)
		key, err := ring.get(t.Context(), name)
		if err != nil {
			t.Error(err)
			return
		}
		if secret := (&corev1.Secret{}); ring.objects.Get(t.Context(), client.ObjectKey{Namespace: key.Namespace, Name: name + "-key"}, secret) == nil {
			// As the operator does.
			change(key)
			secret.Annotations = map[string]string{
				compiler.RotateAnnotation: key.Annotations[compiler.RotateAnnotation], compiler.RotatedAtAnnotation: key.Status.RotatedAt.UTC().Format(time.RFC3339),
			}
			if err := ring.objects.Update(t.Context(), secret); err != nil {
				t.Error(err)
			}
		} else {
			change(key)
		}
		if err := ring.objects.Status().Update(t.Context(), key); err != nil {
			t.Error(err)
		}
	}()
}

func TestANewKeyIsWaitedForAndPrinted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, out, _ := ringOf()
		go func() {
			time.Sleep(3 * time.Second)
			if err := ring.objects.Create(t.Context(), secretOf("alice-key", map[string]string{compiler.CredentialsKey: generatedKey})); err != nil {
				t.Error(err)
			}
		}()
		m := making{keyring: ring, reveal: true, output: "text", timeout: time.Minute}
		m.Wanted = keys.Wanted{Namespace: "team", Name: "alice", Gateways: []string{"main"}, User: "alice"}
		if err := m.run(t.Context(), noon); err != nil || out.String() != generatedKey+"\n" {
			t.Errorf("%q, %v", out.String(), err)
		}
		m.Name, m.timeout = "bob", 5*time.Second
		if err := m.run(t.Context(), noon); err == nil || !strings.Contains(err.Error(), "APIKey team/bob: not within 5s: does the operator run?") {
			t.Error(err)
		}
	})
}

func TestARotationIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := apiKey("team", "alice", func(k *v1alpha1.APIKey) { k.Status.RotatedAt = &metav1.Time{Time: noon} })
		ring, out, told := ringOf(key, secretOf("alice-key", map[string]string{compiler.CredentialsKey: generatedKey}))
		later(t, ring, "alice", func(k *v1alpha1.APIKey) {
			k.Status.RotatedAt = &metav1.Time{Time: noon.Add(time.Hour)}
			k.Status.Previous = &v1alpha1.PreviousKey{Prefix: "spark-old…", AcceptedUntil: metav1.Time{Time: noon.Add(2 * time.Hour)}}
		})
		r := rotating{keyring: ring, overlap: "1h", wait: true, reveal: true, timeout: time.Minute}
		if err := r.run(t.Context(), "alice", noon.Add(time.Hour)); err != nil || out.String() != generatedKey+"\n" {
			t.Errorf("%q, %v", out.String(), err)
		}
		if want := "apikey.sparkgateway.dev/alice rotated; the key before, spark-old…, is accepted until 2026-03-04T14:00:00Z\n"; told.String() != want {
			t.Errorf("told %q", told.String())
		}
		got, err := ring.get(t.Context(), "alice")
		if err != nil || got.Annotations[compiler.RotateAnnotation] != "2026-03-04T13:00:00Z" || got.Spec.Rotation == nil || got.Spec.Rotation.Overlap != "1h" {
			t.Errorf("%+v, %v", got, err)
		}
		r.wait, r.reveal = false, false
		out.Reset()
		if err := r.run(t.Context(), "alice", noon); err != nil || out.String() != "apikey.sparkgateway.dev/alice asked to rotate\n" {
			t.Errorf("%q, %v", out.String(), err)
		}
	})
}

// The status has whole seconds: a second rotation within one leaves it as the first did.
func TestTwoRotationsWithinASecondAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := apiKey("team", "alice", func(k *v1alpha1.APIKey) { k.Status.RotatedAt = &metav1.Time{Time: noon} })
		secret := secretOf("alice-key", map[string]string{compiler.CredentialsKey: generatedKey})
		secret.Annotations = map[string]string{compiler.RotateAnnotation: "the first", compiler.RotatedAtAnnotation: noon.UTC().Format(time.RFC3339)}
		ring, out, _ := ringOf(key, secret)
		later(t, ring, "alice", func(k *v1alpha1.APIKey) { k.Status.Prefix = "spark-new…" })
		begun := time.Now()
		r := rotating{keyring: ring, wait: true, timeout: time.Minute}
		if err := r.run(t.Context(), "alice", noon.Add(time.Second/2)); err != nil || out.String() != "apikey.sparkgateway.dev/alice rotated\n" {
			t.Errorf("%q, %v", out.String(), err)
		}
		if took := time.Since(begun); took < 2*time.Second || took > 4*time.Second {
			t.Errorf("it was waited for %s", took)
		}
	})
}

func TestABroughtKeyIsNotRotated(t *testing.T) {
	key := apiKey("team", "own", func(k *v1alpha1.APIKey) { k.Spec.SecretRef = &v1alpha1.SecretKeyReference{Name: "brought"} })
	ring, _, _ := ringOf(key)
	err := (&rotating{keyring: ring}).run(t.Context(), "own", noon)
	if err == nil || err.Error() != "APIKey team/own brings its key in the Secret brought: change that to rotate it" {
		t.Error(err)
	}
}

func TestAKeyIsRevokedOnlyWhereThatIsMeant(t *testing.T) {
	for name, tt := range map[string]struct {
		r      revoking
		person io.Reader
		want   string
		wrong  string
		is     string
	}{
		"who says yes at once":  {revoking{yes: true}, nil, "apikey.sparkgateway.dev/alice disabled\n", "", "disabled"},
		"who answers yes":       {revoking{}, strings.NewReader("Y\n"), "apikey.sparkgateway.dev/alice disabled\n", "", "disabled"},
		"who answers no":        {revoking{}, strings.NewReader("n\n"), "", "left as it is", "accepted"},
		"who does not answer":   {revoking{}, strings.NewReader(""), "", "left as it is", "accepted"},
		"who cannot be asked":   {revoking{}, nil, "", "disable APIKey team/alice of alice? There is nobody to ask: --yes says so", "accepted"},
		"who wants it gone":     {revoking{yes: true, remove: true}, nil, "apikey.sparkgateway.dev/alice deleted\n", "", "gone"},
		"who is asked for that": {revoking{remove: true}, nil, "", "delete APIKey team/alice", "accepted"},
	} {
		ring, out, _ := ringOf(apiKey("team", "alice", nil))
		tt.r.keyring = ring
		err := tt.r.run(t.Context(), "alice", tt.person)
		if (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) || out.String() != tt.want {
			t.Errorf("%s: %q, %v", name, out.String(), err)
		}
		is := "accepted"
		if key, err := ring.get(t.Context(), "alice"); err != nil {
			is = "gone"
		} else if disabled(key) {
			is = "disabled"
		}
		if is != tt.is {
			t.Errorf("%s: the key is %s", name, is)
		}
	}
}

func TestARevocationIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, out, _ := ringOf(apiKey("team", "alice", func(k *v1alpha1.APIKey) { k.Status.Revoked = "1/3" }))
		r := revoking{keyring: ring, yes: true, wait: true, timeout: 5 * time.Second}
		if err := r.run(t.Context(), "alice", nil); err == nil || !strings.HasPrefix(err.Error(), "it is disabled, and 1/3 pods say that they refuse it: ") {
			t.Error(err)
		}
		later(t, ring, "alice", func(k *v1alpha1.APIKey) { k.Status.Revoked = "3/3" })
		if err := r.run(t.Context(), "alice", nil); err != nil || out.String() != "apikey.sparkgateway.dev/alice disabled, and refused by 3/3 pods\n" {
			t.Errorf("%q, %v", out.String(), err)
		}
	})
}
