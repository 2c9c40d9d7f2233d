// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "default", Name: name} }

func ref(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }

func TestVolumesHoldWhatTheirSourcesSay(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: named("s"), Data: map[string][]byte{"a": []byte("1"), "b": []byte("2")}}
	configMap := &corev1.ConfigMap{ObjectMeta: named("c"), Data: map[string]string{"x": "y"}, BinaryData: map[string][]byte{"z": {0xff}}}
	yes, readable, private := true, int32(0o444), int32(0o400)
	items := func(key, path string, mode *int32) []corev1.KeyToPath {
		return []corev1.KeyToPath{{Key: key, Path: path, Mode: mode}}
	}
	cases := map[string]struct {
		source  corev1.VolumeSource
		want    map[string]string
		wantErr string
	}{
		"a Secret with all its keys": {
			corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s"}}, map[string]string{"a": "1", "b": "2"}, "",
		},
		"a Secret with one key elsewhere": {
			corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s", DefaultMode: &readable, Items: items("a", "deep/er", &private)}},
			map[string]string{"deep/er": "1"}, "",
		},
		"a ConfigMap with text and bytes": {
			corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: ref("c")}}, map[string]string{"x": "y", "z": "\xff"}, "",
		},
		"several sources in one": {
			corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{Secret: &corev1.SecretProjection{LocalObjectReference: ref("s"), Items: items("b", "secret", nil)}},
				{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: ref("c"), Items: items("x", "map", nil)}},
				{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}}}}},
			}}},
			map[string]string{"secret": "2", "map": "y", "labels": "app=\"demo\"\ntier=\"1\""}, "",
		},
		"a missing optional Secret is empty": {
			corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "none", Optional: &yes}}, map[string]string{}, "",
		},
		"a missing optional key is left out": {
			corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s", Optional: &yes, Items: items("none", "none", nil)}}, map[string]string{}, "",
		},
		"a missing required Secret is an error": {
			corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "none"}}, nil, `"none" not found`,
		},
		"a missing required key is an error": {
			corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s", Items: items("none", "none", nil)}}, nil, `no key "none"`,
		},
		"a path out of the volume is an error": {
			corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s", Items: items("a", "../../a", nil)}}, nil, "leaves the volume",
		},
		"an unknown type is an error": {
			corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}, nil, "does not know its type",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			reader := fake.NewClientBuilder().WithObjects(secret, configMap).Build()
			spec := &corev1.PodSpec{Volumes: []corev1.Volume{{Name: "v", VolumeSource: tc.source}}}
			pod := &corev1.Pod{ObjectMeta: named("p"), Spec: *spec}
			pod.Labels = map[string]string{"tier": "1", "app": "demo"}
			v := newVolumes(reader, spec, t.TempDir())
			err := v.refresh(t.Context(), pod)
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Errorf("error %v, want %q", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for file, want := range tc.want {
				if got, err := os.ReadFile(filepath.Join(v.path("v"), file)); err != nil || string(got) != want {
					t.Errorf("%s says %q, %v; want %q", file, got, err, want)
				}
			}
			if visible, _ := filepath.Glob(filepath.Join(v.path("v"), "[a-z]*")); len(visible) != len(tc.want) {
				t.Errorf("the volume shows %v", visible)
			}
		})
	}
}

func TestAVolumeKeepsItsContentWhileTheApiServerCannotSayOtherwise(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: named("s"), Data: map[string][]byte{"a": []byte("1")}}
	c := fake.NewClientBuilder().WithObjects(secret).Build()
	spec := &corev1.PodSpec{Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s"}}}}}
	v := newVolumes(c, spec, t.TempDir())
	pod := &corev1.Pod{ObjectMeta: named("p")}
	if err := v.refresh(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), secret.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	if err := v.refresh(t.Context(), pod); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("error %v, want not found", err)
	}
	if got, err := os.ReadFile(filepath.Join(v.path("v"), "a")); err != nil || string(got) != "1" {
		t.Errorf("the file says %q, %v", got, err)
	}
}
