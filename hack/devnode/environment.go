// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// BindAddressVariable tells a process which address is its pod's: on a cluster it has a network of its own, and the
// variable is not set.
const BindAddressVariable = "SPARK_BIND_ADDRESS"

// environment is a container's, in the order of its spec.
type environment struct {
	names  []string
	values map[string]string
}

func (e *environment) set(name, value string) {
	if _, known := e.values[name]; !known {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

func (e *environment) list(m mounts) []string {
	var out []string
	for _, name := range e.names {
		out = append(out, name+"="+m.rewrite(e.values[name]))
	}
	return out
}

func (r *runner) environment(spec *corev1.Container) (*environment, error) {
	e := &environment{values: map[string]string{}}
	e.set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	e.set("HOSTNAME", r.pod.Name)
	e.set(BindAddressVariable, r.address())
	for i := range spec.EnvFrom {
		if err := r.importAll(e, &spec.EnvFrom[i]); err != nil {
			return nil, err
		}
	}
	for i := range spec.Env {
		variable := &spec.Env[i]
		if variable.ValueFrom == nil {
			e.set(variable.Name, expand(variable.Value, e.values))
			continue
		}
		value, found, err := r.valueFrom(spec, variable.ValueFrom)
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", variable.Name, err)
		}
		if found {
			e.set(variable.Name, value)
		}
	}
	return e, nil
}

func (r *runner) importAll(e *environment, from *corev1.EnvFromSource) error {
	var content map[string]string
	var err error
	switch {
	case from.SecretRef != nil:
		content, err = readContent(r.ctx, r.node.client, r.key(from.SecretRef.Name), &corev1.Secret{}, from.SecretRef.Optional)
	case from.ConfigMapRef != nil:
		content, err = readContent(r.ctx, r.node.client, r.key(from.ConfigMapRef.Name), &corev1.ConfigMap{}, from.ConfigMapRef.Optional)
	}
	for name, value := range content {
		e.set(from.Prefix+name, value)
	}
	return err
}

func (r *runner) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: r.pod.Namespace, Name: name}
}

func (r *runner) valueFrom(spec *corev1.Container, from *corev1.EnvVarSource) (value string, found bool, err error) {
	switch {
	case from.FieldRef != nil:
		value, err = podField(r.pod, r.address(), from.FieldRef.FieldPath)
		return value, err == nil, err
	case from.ResourceFieldRef != nil:
		return resourceField(spec, from.ResourceFieldRef), true, nil
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		content, err := readContent(r.ctx, r.node.client, r.key(ref.Name), &corev1.Secret{}, ref.Optional)
		return one(content, ref.Name, ref.Key, ref.Optional, err)
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		content, err := readContent(r.ctx, r.node.client, r.key(ref.Name), &corev1.ConfigMap{}, ref.Optional)
		return one(content, ref.Name, ref.Key, ref.Optional, err)
	}
	return "", false, fmt.Errorf("this node does not know its source")
}

func one(content map[string]string, object, key string, optional *bool, err error) (string, bool, error) {
	value, found := content[key]
	if err == nil && !found && !is(optional) {
		err = fmt.Errorf("%q has no key %q", object, key)
	}
	return value, found, err
}

func is(flag *bool) bool { return flag != nil && *flag }

// readContent reads a Secret or ConfigMap; a missing one is empty if it is optional.
func readContent(ctx context.Context, reader client.Reader, key types.NamespacedName, into client.Object, optional *bool) (map[string]string, error) {
	err := reader.Get(ctx, key, into)
	if apierrors.IsNotFound(err) && is(optional) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	content := map[string]string{}
	switch object := into.(type) {
	case *corev1.Secret:
		for name, value := range object.Data {
			content[name] = string(value)
		}
	case *corev1.ConfigMap:
		for name, value := range object.BinaryData {
			content[name] = string(value)
		}
		for name, value := range object.Data {
			content[name] = value
		}
	}
	return content, nil
}

// podField resolves what the downward API offers about a pod.
func podField(pod *corev1.Pod, address, path string) (string, error) {
	fields := map[string]string{
		"metadata.name": pod.Name, "metadata.namespace": pod.Namespace, "metadata.uid": string(pod.UID),
		"spec.nodeName": pod.Spec.NodeName, "spec.serviceAccountName": pod.Spec.ServiceAccountName,
		"status.podIP": address, "status.podIPs": address, "status.hostIP": "127.0.0.1", "status.hostIPs": "127.0.0.1",
		"metadata.labels": quoted(pod.Labels), "metadata.annotations": quoted(pod.Annotations),
	}
	if value, known := fields[path]; known {
		return value, nil
	}
	if key, found := strings.CutPrefix(path, "metadata.labels['"); found {
		return pod.Labels[strings.TrimSuffix(key, "']")], nil
	}
	if key, found := strings.CutPrefix(path, "metadata.annotations['"); found {
		return pod.Annotations[strings.TrimSuffix(key, "']")], nil
	}
	return "", fmt.Errorf("this node does not know the field %q", path)
}

// resourceField counts in whole divisors, rounded up, as a kubelet does.
func resourceField(spec *corev1.Container, ref *corev1.ResourceFieldSelector) string {
	kind, name, _ := strings.Cut(ref.Resource, ".")
	list := map[string]corev1.ResourceList{"limits": spec.Resources.Limits, "requests": spec.Resources.Requests}[kind]
	quantity, found := list[corev1.ResourceName(name)]
	if !found {
		return "0" // a kubelet would say what the machine has; "no limit" is what programs make of 0
	}
	divisor := ref.Divisor.MilliValue()
	if divisor == 0 {
		divisor = 1000
	}
	return strconv.FormatInt((quantity.MilliValue()+divisor-1)/divisor, 10)
}

// expand replaces $(NAME) by known variables; $$ stands for $, and what is unknown stays.
func expand(text string, values map[string]string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		name, rest, closed := strings.Cut(strings.TrimPrefix(after, "("), ")")
		value, known := values[name]
		switch {
		case strings.HasPrefix(after, "$"):
			out.WriteByte('$')
			text = after[1:]
		case strings.HasPrefix(after, "(") && closed && known:
			out.WriteString(value)
			text = rest
		default:
			out.WriteByte('$')
			text = after
		}
	}
}
