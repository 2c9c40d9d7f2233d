// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package apply writes child objects by server-side apply, and nothing else writes them. It writes only what differs,
// and never touches what belongs to someone else.
package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// FieldOwner is the name under which the operator owns fields.
const FieldOwner client.FieldOwner = "spark-operator"

// DigestAnnotation holds a digest of the object as it was last applied, by which a field that is no longer wanted is
// noticed.
const DigestAnnotation = "sparkgateway.dev/applied"

// ConflictError says that an object exists and belongs to someone else.
type ConflictError struct {
	Kind string
	Name types.NamespacedName
}

// Error names the object.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s %s exists and is not this resource's; rename one of them, or delete it", e.Kind, e.Name)
}

// Applier writes objects. Those of kinds that the program has no type for are Unstructured; they are read from the API server each
// time, as no cache is kept of kinds that a cluster may not have. It is safe for concurrent use.
type Applier struct{ Client client.Client }

// Apply makes a child object as desired, which must bear its TypeMeta and its controller's owner reference. Fields
// that desired does not set stay whoever's they are. It writes nothing when the object is so already, says whether it
// wrote, and fails with a *ConflictError when the object belongs to someone else.
func (a *Applier) Apply(ctx context.Context, desired client.Object) (changed bool, err error) {
	live, err := a.get(ctx, desired)
	if err != nil {
		return false, err
	}
	kind := desired.GetObjectKind().GroupVersionKind().Kind
	if live != nil && !sameController(live, desired) {
		return false, &ConflictError{Kind: kind, Name: client.ObjectKeyFromObject(desired)}
	}
	want, ok := desired.DeepCopyObject().(client.Object)
	if !ok {
		return false, fmt.Errorf("%s is not a client.Object", kind)
	}
	if err := annotate(want); err != nil {
		return false, err
	}
	if live != nil {
		if same, err := upToDate(want, live); err != nil || same {
			return false, err
		}
	}
	fields, err := content(want)
	if err != nil {
		return false, err
	}
	u := &unstructured.Unstructured{Object: fields}
	u.SetGroupVersionKind(desired.GetObjectKind().GroupVersionKind())
	patch := client.ApplyConfigurationFromUnstructured(u)
	options := []client.ApplyOption{FieldOwner, client.ForceOwnership}
	if _, unknown := desired.(*unstructured.Unstructured); unknown {
		options = append(options, client.DisableReadYourWritesConsistency)
	}
	if err := a.Client.Apply(ctx, patch, options...); err != nil {
		return false, fmt.Errorf("apply %s %s: %w", kind, client.ObjectKeyFromObject(desired), err)
	}
	return true, nil
}

// CreateOnce makes a child object whose content is decided only once, such as a generated key. An object of that name
// is left as it is, whoever made it.
func (a *Applier) CreateOnce(ctx context.Context, desired client.Object) error {
	live, err := a.get(ctx, desired)
	if err != nil || live != nil {
		return err
	}
	err = a.Client.Create(ctx, desired, FieldOwner)
	if err == nil || apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		// What is made in a namespace that goes would go with it.
		return nil
	}
	return fmt.Errorf("create %T %s: %w", desired, client.ObjectKeyFromObject(desired), err)
}

// Amend makes an object that was read as desired, which must be a changed copy of it, and fails where somebody changed it
// since: then nothing is written, and what was decided has to be decided again.
func (a *Applier) Amend(ctx context.Context, read, desired client.Object) error {
	patch := client.MergeFromWithOptions(read, client.MergeFromWithOptimisticLock{})
	if err := a.Client.Patch(ctx, desired, patch, FieldOwner); err != nil {
		return fmt.Errorf("change %T %s: %w", desired, client.ObjectKeyFromObject(desired), err)
	}
	return nil
}

// Replace makes an object that nobody else writes as desired. Its resource version, of the one that was written last, keeps
// two writers apart: the later one fails; empty says that there was none yet. The object bears the new one after. Objects of its
// kind are not cached for it.
func (a *Applier) Replace(ctx context.Context, desired client.Object) error {
	const unread = client.DisableReadYourWritesConsistency
	write := func() error { return a.Client.Update(ctx, desired, FieldOwner, unread) }
	if desired.GetResourceVersion() == "" {
		write = func() error { return a.Client.Create(ctx, desired, FieldOwner, unread) }
	}
	if err := write(); err != nil {
		return fmt.Errorf("write %T %s: %w", desired, client.ObjectKeyFromObject(desired), err)
	}
	return nil
}

// Prune deletes an object that should not exist, if it is the owner's. Somebody else's is left alone.
func (a *Applier) Prune(ctx context.Context, owner metav1.Object, absent client.Object) error {
	live, err := a.get(ctx, absent)
	if err != nil || live == nil || !metav1.IsControlledBy(live, owner) || live.GetDeletionTimestamp() != nil {
		return err
	}
	uid := live.GetUID()
	options := []client.DeleteOption{client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground)}
	if _, unknown := live.(*unstructured.Unstructured); unknown {
		options = append(options, client.DisableReadYourWritesConsistency)
	}
	err = a.Client.Delete(ctx, live, options...)
	if err := client.IgnoreNotFound(err); err != nil {
		return fmt.Errorf("delete %s %s: %w", absent.GetObjectKind().GroupVersionKind().Kind, client.ObjectKeyFromObject(absent), err)
	}
	return nil
}

// get reads the object of the same kind and name, nil when there is none.
func (a *Applier) get(ctx context.Context, like client.Object) (client.Object, error) {
	live, ok := reflect.New(reflect.TypeOf(like).Elem()).Interface().(client.Object)
	if !ok {
		return nil, fmt.Errorf("%T is not a client.Object", like)
	}
	if u, unknown := live.(*unstructured.Unstructured); unknown {
		u.SetGroupVersionKind(like.GetObjectKind().GroupVersionKind())
	}
	err := a.Client.Get(ctx, client.ObjectKeyFromObject(like), live)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %T %s: %w", like, client.ObjectKeyFromObject(like), err)
	}
	return live, nil
}

func sameController(live, desired metav1.Object) bool {
	is, should := metav1.GetControllerOf(live), metav1.GetControllerOf(desired)
	return is != nil && should != nil && is.UID == should.UID
}

// upToDate says whether live was applied from want and still has everything that want sets.
func upToDate(want, live client.Object) (bool, error) {
	if live.GetDeletionTimestamp() != nil || live.GetAnnotations()[DigestAnnotation] != want.GetAnnotations()[DigestAnnotation] {
		return false, nil
	}
	wanted, err := content(want)
	if err != nil {
		return false, err
	}
	is, err := content(live)
	if err != nil {
		return false, err
	}
	return covers(is, wanted), nil
}

// content gives what an applied object sets, in the API's own form.
func content(o client.Object) (map[string]any, error) {
	c, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, fmt.Errorf("convert %T: %w", o, err)
	}
	for _, notOurs := range []string{"status", "apiVersion", "kind"} {
		delete(c, notOurs)
	}
	unstructured.RemoveNestedField(c, "metadata", "creationTimestamp")
	return c, nil
}

// covers says whether everything in want stands in live, which may hold more: fields that the API server defaults or
// that others own, and elements that others put into a list.
func covers(live, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		is, ok := live.(map[string]any)
		if !ok {
			return len(want) == 0 && live == nil
		}
		for k, v := range want {
			if !covers(is[k], v) {
				return false
			}
		}
		return true
	case []any:
		is, ok := live.([]any)
		if !ok {
			return len(want) == 0 && live == nil
		}
		return !slices.ContainsFunc(want, func(v any) bool {
			return !slices.ContainsFunc(is, func(l any) bool { return covers(l, v) })
		})
	}
	return reflect.DeepEqual(live, want)
}

// annotate puts the object's digest on it. Values of a Secret are compared as they are and stay out of the digest,
// which may be read where the Secret may not.
func annotate(o client.Object) error {
	var hashed any = o
	if secret, ok := o.(*corev1.Secret); ok {
		keys := secret.DeepCopy()
		for k := range keys.Data {
			keys.Data[k] = nil
		}
		hashed = keys
	}
	raw, err := json.Marshal(hashed)
	if err != nil {
		return fmt.Errorf("digest %T: %w", o, err)
	}
	sum := sha256.Sum256(raw)
	annotations := map[string]string{DigestAnnotation: hex.EncodeToString(sum[:8])}
	for k, v := range o.GetAnnotations() {
		annotations[k] = v
	}
	o.SetAnnotations(annotations)
	return nil
}
