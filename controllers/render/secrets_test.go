// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

func names(secrets []*corev1.Secret) []string {
	var out []string
	for _, s := range secrets {
		out = append(out, s.Name)
	}
	return out
}

func TestAWrittenBundleIsReadAsItWas(t *testing.T) {
	gw := minimal()
	for name, want := range map[string]config.Bundle{
		"without keys":   withSequence(keys(t, 0, ""), 3),
		"with some keys": withSequence(keys(t, 5, "v1"), 4),
		"in all shards":  withSequence(keys(t, 1000, "v1"), 5),
	} {
		t.Run(name, func(t *testing.T) {
			written, err := render.ConfigSecret(gw, want)
			if err != nil {
				t.Fatal(err)
			}
			shards := byPart(render.ShardSecrets(gw, want, config.Manifest{}, nil)...)
			if diff := cmp.Diff(want, render.WrittenBundle(written, shards)); diff != "" {
				t.Errorf("bundle (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsNotWrittenIsNotRead(t *testing.T) {
	gw, b := minimal(), withSequence(keys(t, 5, "v1"), 4)
	written, err := render.ConfigSecret(gw, b)
	if err != nil {
		t.Fatal(err)
	}
	if got := render.WrittenBundle(nil, nil); got.Manifest.Sequence != 0 || got.Parts != nil {
		t.Errorf("of nothing: %+v", got.Manifest)
	}
	broken := written.DeepCopy()
	broken.Data[config.ManifestFile] = []byte("{")
	if got := render.WrittenBundle(broken, nil); got.Manifest.Sequence != 0 {
		t.Errorf("of a broken manifest: %+v", got.Manifest)
	}
	odd := written.DeepCopy()
	manifest := b.Manifest
	manifest.Parts = map[string]string{"keys-00": "x"}
	odd.Data[config.ManifestFile], _ = json.Marshal(manifest)
	if got := render.WrittenBundle(odd, map[string]*corev1.Secret{"keys-00": {}}); len(got.Parts["keys-00"]) != 0 {
		t.Error("of an odd digest: a shard")
	}
	if got := render.WrittenBundle(written, nil); len(got.Parts) != 2 {
		t.Errorf("without the shards: %d parts", len(got.Parts))
	}
}

func TestOnlyShardsThatChangedAreWritten(t *testing.T) {
	gw := minimal()
	first, second := withSequence(keys(t, 600, "v1"), 1), withSequence(keys(t, 600, "v2"), 2)
	live := byPart(render.ShardSecrets(gw, first, config.Manifest{}, nil)...)
	if len(live) != config.KeyShards {
		t.Fatalf("%d shards", len(live))
	}
	part := config.ShardPart(config.ShardOf("team/key-599"))
	got := render.ShardSecrets(gw, second, first.Manifest, live)
	if diff := cmp.Diff([]string{render.ShardSecretName("main", part)}, names(got)); diff != "" {
		t.Fatalf("written (-want +got):\n%s", diff)
	}
	if again := render.ShardSecrets(gw, first, first.Manifest, live); len(again) != 0 {
		t.Errorf("what is written is written again: %v", names(again))
	}
}

// There is no moment at which a pod that starts finds a manifest without its shards: the version that the old manifest
// names stays until the new manifest is written, and the one before goes.
func TestThePreviousVersionOfAShardStaysBesideTheNewOne(t *testing.T) {
	gw := minimal()
	part := config.ShardPart(config.ShardOf("team/key-4"))
	versions := []config.Bundle{}
	for i, v := range []string{"v1", "v2", "v3"} {
		versions = append(versions, withSequence(keys(t, 5, v), int64(i+1)))
	}
	file := func(b config.Bundle) string { return config.ShardFile(part, b.Manifest.Parts[part]) }
	live := byPart(render.ShardSecrets(gw, versions[0], config.Manifest{}, nil)...)
	var want []string
	for i := 1; i < len(versions); i++ {
		written := render.ShardSecrets(gw, versions[i], versions[i-1].Manifest, live)
		if len(written) != 1 {
			t.Fatalf("version %d writes %v", i+1, names(written))
		}
		live[part] = written[0]
		want = []string{file(versions[i-1]), file(versions[i])}
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(written[0].Data))); diff != "" {
			t.Errorf("version %d holds (-want +got):\n%s", i+1, diff)
		}
		for _, b := range versions[i-1 : i+1] {
			if diff := cmp.Diff(b.Parts[part], live[part].Data[file(b)]); diff != "" {
				t.Errorf("version %d, file %s (-want +got):\n%s", i+1, file(b), diff)
			}
			// Either manifest can be started from.
			written, err := render.ConfigSecret(gw, b)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := config.Decode(render.WrittenBundle(written, live)); err != nil {
				t.Errorf("a pod cannot start from manifest %d: %v", b.Manifest.Sequence, err)
			}
		}
	}
	// A version that comes back is there already.
	if again := render.ShardSecrets(gw, versions[1], versions[2].Manifest, live); len(again) != 0 {
		t.Errorf("going back writes %v", names(again))
	}
}

func TestAShardThatSomebodyChangedIsWrittenAgain(t *testing.T) {
	gw, b := minimal(), withSequence(keys(t, 5, "v1"), 1)
	live := byPart(render.ShardSecrets(gw, b, config.Manifest{}, nil)...)
	part := config.ShardPart(config.ShardOf("team/key-4"))
	file := config.ShardFile(part, b.Manifest.Parts[part])
	live[part].Data[file] = []byte("[]")
	got := render.ShardSecrets(gw, b, b.Manifest, live)
	if len(got) != 1 {
		t.Fatalf("written: %v", names(got))
	}
	if diff := cmp.Diff(map[string][]byte{file: b.Parts[part]}, got[0].Data); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
}

func TestShardsThatAreEmptyGo(t *testing.T) {
	gw := minimal()
	many, few := keys(t, 600, "v1"), keys(t, 1, "v1")
	live := byPart(render.ShardSecrets(gw, many, config.Manifest{}, nil)...)
	empty := render.EmptyShards(few.Manifest, live)
	if len(empty) != config.KeyShards-1 || !slices.IsSorted(names(empty)) {
		t.Errorf("empty: %v", names(empty))
	}
	if got := render.EmptyShards(many.Manifest, live); len(got) != 0 {
		t.Errorf("in use and called empty: %v", names(got))
	}
	if got := render.EmptyShards(few.Manifest, nil); len(got) != 0 {
		t.Errorf("absent and called empty: %v", names(got))
	}
}

// Every Secret that may be written is mounted, and under the name it is written by.
func TestPodsMountTheSecretsThatAreWritten(t *testing.T) {
	gw := minimal()
	mounted := map[string]bool{}
	for _, v := range render.Deployment(gw, options, nil).Spec.Template.Spec.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			mounted[source.Secret.Name] = source.Secret.Optional != nil && *source.Secret.Optional
		}
	}
	written, err := render.ConfigSecret(gw, keys(t, 0, ""))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{written.Name: false, render.AdminSecret(gw, nil).Name: false}
	for _, s := range render.ShardSecrets(gw, keys(t, 1000, "v1"), config.Manifest{}, nil) {
		want[s.Name] = true // optional: it exists only while it holds keys
	}
	if diff := cmp.Diff(want, mounted); diff != "" {
		t.Errorf("mounted, and whether optional (-want +got):\n%s", diff)
	}
}

func TestAGeneratedKeyGoesWithItsAPIKey(t *testing.T) {
	key := &v1alpha1.APIKey{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "alice", UID: "alice-uid"}}
	s := render.KeySecret(key, func() string { return "spark-generated" }, noon)
	if s.Namespace != "team" || s.Name != "alice-key" || string(s.Data["apiKey"]) != "spark-generated" || !metav1.IsControlledBy(s, key) {
		t.Errorf("Secret %s/%s, owners %v", s.Namespace, s.Name, s.OwnerReferences)
	}
	if _, ofGateway := s.Labels[render.GatewayLabel]; ofGateway {
		t.Error("it is labelled as a gateway's")
	}
}
