// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// volumes are the directories of one pod.
type volumes struct {
	reader client.Reader
	spec   *corev1.PodSpec
	dir    string
	atomic map[string]*atomicDir
}

func newVolumes(reader client.Reader, spec *corev1.PodSpec, dir string) *volumes {
	return &volumes{reader: reader, spec: spec, dir: filepath.Join(dir, "volumes"), atomic: map[string]*atomicDir{}}
}

// refresh makes the directories say what the API server says; those of unchanged content are not touched.
func (v *volumes) refresh(ctx context.Context, pod *corev1.Pod) error {
	for i := range v.spec.Volumes {
		volume := &v.spec.Volumes[i]
		if volume.EmptyDir != nil {
			if err := os.MkdirAll(v.path(volume.Name), 0o700); err != nil {
				return err
			}
			continue
		}
		files, err := v.files(ctx, pod, volume)
		if err != nil {
			return fmt.Errorf("volume %q: %w", volume.Name, err)
		}
		if v.atomic[volume.Name] == nil {
			v.atomic[volume.Name] = &atomicDir{dir: v.path(volume.Name)}
		}
		if err := v.atomic[volume.Name].write(files); err != nil {
			return fmt.Errorf("volume %q: %w", volume.Name, err)
		}
	}
	return nil
}

func (v *volumes) path(name string) string { return filepath.Join(v.dir, name) }

// file is one of a volume.
type file struct {
	content string
	mode    os.FileMode
}

func (v *volumes) files(ctx context.Context, pod *corev1.Pod, volume *corev1.Volume) (map[string]file, error) {
	var sources []corev1.VolumeProjection
	var mode *int32
	switch {
	case volume.Secret != nil:
		mode = volume.Secret.DefaultMode
		sources = []corev1.VolumeProjection{{Secret: &corev1.SecretProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: volume.Secret.SecretName},
			Items:                volume.Secret.Items, Optional: volume.Secret.Optional,
		}}}
	case volume.ConfigMap != nil:
		mode = volume.ConfigMap.DefaultMode
		sources = []corev1.VolumeProjection{{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: volume.ConfigMap.LocalObjectReference,
			Items:                volume.ConfigMap.Items, Optional: volume.ConfigMap.Optional,
		}}}
	case volume.DownwardAPI != nil:
		mode = volume.DownwardAPI.DefaultMode
		sources = []corev1.VolumeProjection{{DownwardAPI: &corev1.DownwardAPIProjection{Items: volume.DownwardAPI.Items}}}
	case volume.Projected != nil:
		mode, sources = volume.Projected.DefaultMode, volume.Projected.Sources
	default:
		return nil, fmt.Errorf("this node does not know its type")
	}
	files := map[string]file{}
	for i := range sources {
		if err := v.project(ctx, pod, &sources[i], files); err != nil {
			return nil, err
		}
	}
	return files, withMode(files, mode)
}

// withMode gives files without a mode of their own the volume's; the owner must be able to read what it may not
// write, as root can on a cluster.
func withMode(files map[string]file, mode *int32) error {
	for name, f := range files {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("path %q leaves the volume", name)
		}
		if f.mode == 0 {
			f.mode = 0o644
			if mode != nil {
				f.mode = os.FileMode(*mode).Perm()
			}
		}
		f.mode |= 0o400
		files[name] = f
	}
	return nil
}

func (v *volumes) project(ctx context.Context, pod *corev1.Pod, source *corev1.VolumeProjection, into map[string]file) error {
	switch {
	case source.Secret != nil:
		s := source.Secret
		content, err := readContent(ctx, v.reader, types.NamespacedName{Namespace: pod.Namespace, Name: s.Name}, &corev1.Secret{}, s.Optional)
		if err != nil {
			return err
		}
		return pick(content, s.Items, s.Optional, into)
	case source.ConfigMap != nil:
		s := source.ConfigMap
		content, err := readContent(ctx, v.reader, types.NamespacedName{Namespace: pod.Namespace, Name: s.Name}, &corev1.ConfigMap{}, s.Optional)
		if err != nil {
			return err
		}
		return pick(content, s.Items, s.Optional, into)
	case source.DownwardAPI != nil:
		return downward(pod, source.DownwardAPI.Items, into)
	}
	return fmt.Errorf("this node does not know the source of a projected volume")
}

func pick(content map[string]string, items []corev1.KeyToPath, optional *bool, into map[string]file) error {
	if len(items) == 0 {
		for name, value := range content {
			into[name] = file{content: value}
		}
		return nil
	}
	for _, item := range items {
		value, found := content[item.Key]
		switch {
		case found:
			into[path.Clean(item.Path)] = file{content: value, mode: fileMode(item.Mode)}
		case !is(optional):
			return fmt.Errorf("there is no key %q", item.Key)
		}
	}
	return nil
}

func downward(pod *corev1.Pod, items []corev1.DownwardAPIVolumeFile, into map[string]file) error {
	for _, item := range items {
		if item.FieldRef == nil {
			return fmt.Errorf("%s: this node projects only fields of the pod", item.Path)
		}
		value, err := podField(pod, "", item.FieldRef.FieldPath)
		if err != nil {
			return err
		}
		into[path.Clean(item.Path)] = file{content: value, mode: fileMode(item.Mode)}
	}
	return nil
}

func fileMode(mode *int32) os.FileMode {
	if mode == nil {
		return 0
	}
	return os.FileMode(*mode).Perm()
}

// quoted is the downward API's form of labels and annotations.
func quoted(values map[string]string) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		lines = append(lines, fmt.Sprintf("%s=%q", name, values[name]))
	}
	return strings.Join(lines, "\n")
}
