// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/render"
)

var noon = time.Date(2026, 5, 1, 14, 0, 0, 0, time.FixedZone("", 7200))

// held gives what a Secret says of a key, by name.
func held(s *corev1.Secret) map[string]string {
	all := map[string]string{}
	for name, value := range s.Data {
		all[name] = string(value)
	}
	for name, value := range s.Annotations {
		all[name] = value
	}
	return all
}

func TestTheLifeOfAGeneratedKey(t *testing.T) {
	key := &v1alpha1.APIKey{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "alice", UID: "alice-uid"}}
	asking := key.DeepCopy()
	asking.Annotations = map[string]string{"sparkgateway.dev/rotate": "please", "mine": "x"}
	generate := func(s string) func() string { return func() string { return s } }
	first := render.KeySecret(key, generate("first"), noon)
	rotated := render.RotatedKeySecret(first, asking, generate("second"), noon.Add(time.Hour), noon.Add(2*time.Hour))
	again := render.RotatedKeySecret(rotated, key, generate("third"), noon.Add(3*time.Hour), noon.Add(4*time.Hour))
	for name, test := range map[string]struct {
		got  *corev1.Secret
		want map[string]string
	}{
		"when it is generated": {first, map[string]string{"apiKey": "first", "sparkgateway.dev/rotated-at": "2026-05-01T12:00:00Z"}},
		"when it was asked for before": {render.KeySecret(asking, generate("first"), noon), map[string]string{
			"apiKey": "first", "sparkgateway.dev/rotated-at": "2026-05-01T12:00:00Z", "sparkgateway.dev/rotate": "please"}},
		"when it is replaced": {rotated, map[string]string{"apiKey": "second", "previousApiKey": "first", "sparkgateway.dev/rotate": "please",
			"sparkgateway.dev/rotated-at": "2026-05-01T13:00:00Z", "sparkgateway.dev/previous-until": "2026-05-01T14:00:00Z"}},
		"when it is replaced again": {again, map[string]string{"apiKey": "third", "previousApiKey": "second",
			"sparkgateway.dev/rotated-at": "2026-05-01T15:00:00Z", "sparkgateway.dev/previous-until": "2026-05-01T16:00:00Z"}},
		"when the overlap is over": {render.WithoutPreviousKey(rotated), map[string]string{
			"apiKey": "second", "sparkgateway.dev/rotate": "please", "sparkgateway.dev/rotated-at": "2026-05-01T13:00:00Z"}},
		"when somebody emptied its Secret": {render.RotatedKeySecret(&corev1.Secret{}, key, generate("new"), noon, noon), map[string]string{
			"apiKey": "new", "sparkgateway.dev/rotated-at": "2026-05-01T12:00:00Z"}},
	} {
		if diff := cmp.Diff(test.want, held(test.got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(held(render.KeySecret(key, generate("first"), noon)), held(first)); diff != "" {
		t.Errorf("a rotation changed the Secret that it was given:\n%s", diff)
	}
}

func TestSheetsOfUsage(t *testing.T) {
	gw := &v1alpha1.SparkGateway{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "main", UID: "main-uid"}}
	m := render.UsageMap(gw, 31, []byte("what was used"))
	sheet, content, ok := render.UsageSheet(m)
	if m.Name != "main-spark-usage-1f" || m.Namespace != "team" || !metav1.IsControlledBy(m, gw) || sheet != 31 || string(content) != "what was used" || !ok {
		t.Errorf("%s/%s is sheet %d, %t: %q", m.Namespace, m.Name, sheet, ok, content)
	}
	for name, value := range render.UsageSelector(gw) {
		if m.Labels[name] != value {
			t.Errorf("it is not found by %s=%s", name, value)
		}
	}
	if _, _, ok := render.UsageSheet(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Labels: render.UsageSelector(gw)}}); ok {
		t.Error("another ConfigMap is taken for a sheet")
	}
}

func TestTheRoomForRecordsFollowsTheLedger(t *testing.T) {
	for name, test := range map[string]struct {
		ledger *v1alpha1.Ledger
		want   string
	}{
		"by default":             {nil, "384Mi"},
		"without a size":         {&v1alpha1.Ledger{Retention: "1h"}, "384Mi"},
		"with a size of its own": {&v1alpha1.Ledger{MaxBytes: new(int64(4 << 30))}, "5184Mi"},
	} {
		gw := &v1alpha1.SparkGateway{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "main"}, Spec: v1alpha1.SparkGatewaySpec{Ledger: test.ledger}}
		got := ""
		for _, v := range render.Deployment(gw, render.Options{}, nil).Spec.Template.Spec.Volumes {
			if v.Name == "state" {
				got = v.EmptyDir.SizeLimit.String()
			}
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
