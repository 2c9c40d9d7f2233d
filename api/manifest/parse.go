// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// Parse gives the valid objects of the files, and the problems with the others, sorted.
func Parse(files []File) (*Set, []Problem) {
	p := newParser()
	for _, f := range files {
		for _, doc := range split(f) {
			p.document(doc)
		}
	}
	p.set.sort()
	p.set.nameNamespaces()
	return p.set, Sort(p.problems)
}

type parser struct {
	set      *Set
	problems []Problem
}

func newParser() *parser {
	return &parser{set: &Set{
		secrets:    map[types.NamespacedName]*corev1.Secret{},
		namespaces: map[string]map[string]string{},
		places:     map[id]place{},
	}}
}

func (p *parser) document(doc *document) {
	encoded, line, err := doc.json()
	if err != nil {
		p.problems = append(p.problems, Problem{File: doc.file, Line: line, Reason: err.Error()})
		return
	}
	if encoded == nil {
		return
	}
	var value any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(encoded, &value); err != nil {
		p.problems = append(p.problems, Problem{File: doc.file, Line: doc.first(), Reason: "not valid JSON"})
		return
	}
	p.object(place{doc: doc}, value)
}

func (p *parser) object(at place, value any) {
	raw, ok := value.(map[string]any)
	if !ok {
		p.add(at, id{}, "", "not a resource: must be a map with apiVersion and kind")
		return
	}
	apiVersion, _ := raw["apiVersion"].(string)
	kind, _ := raw["kind"].(string)
	if apiVersion == "" || kind == "" {
		p.add(at, id{}, "", "not a resource: apiVersion and kind are required")
		return
	}
	if items, ok := raw["items"].([]any); ok && strings.HasSuffix(kind, "List") {
		for i, item := range items {
			p.object(place{doc: at.doc, prefix: fmt.Sprintf("%s.items[%d]", at.prefix, i)}, item)
		}
		return
	}
	group, _, _ := strings.Cut(apiVersion, "/")
	switch {
	case group == v1alpha1.GroupVersion.Group:
		p.custom(at, raw, apiVersion, kind)
	case apiVersion == "v1" && (kind == "Secret" || kind == "Namespace"):
		p.native(at, raw, kind)
	default:
		p.set.notes = append(p.set.notes, problemAt(at, identify(kind, raw), "", "ignored: "+apiVersion+" means nothing to a gateway"))
	}
}

func (p *parser) custom(at place, raw map[string]any, apiVersion, kind string) {
	known, err := schemas()
	if err != nil {
		p.add(at, id{}, "", "cannot be checked: "+err.Error())
		return
	}
	object := identify(kind, raw)
	if known[kind] == nil || apiVersion != v1alpha1.GroupVersion.String() {
		p.add(at, object, "", fmt.Sprintf("there is no kind %s in %s", kind, apiVersion))
		return
	}
	setNamespace(raw)
	if errs := known[kind].check(raw); len(errs) > 0 {
		p.addAll(at, object, errs)
		return
	}
	if !p.place(at, object) {
		return
	}
	if err := p.keepCustom(kind, raw); err != nil {
		p.add(at, object, "", oneLine(err.Error()))
	}
}

func (p *parser) keepCustom(kind string, raw map[string]any) error {
	switch kind {
	case v1alpha1.KindSparkGateway:
		return keep(&p.set.gateways, raw)
	case v1alpha1.KindProviderPolicy:
		return keep(&p.set.providers, raw)
	case v1alpha1.KindModelRoute:
		return keep(&p.set.routes, raw)
	case v1alpha1.KindAPIKey:
		return keep(&p.set.keys, raw)
	case v1alpha1.KindUsagePolicy:
		return keep(&p.set.policies, raw)
	}
	return errors.New("this version of standalone mode does not know the kind")
}

// keep appends the typed object, without what only a cluster gives and with the generation of a new one.
func keep[T any, P interface {
	*T
	metav1.Object
}](list *[]T, raw map[string]any,
) error {
	var typed T
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, &typed); err != nil {
		return err
	}
	settle(P(&typed))
	P(&typed).SetGeneration(1)
	*list = append(*list, typed)
	return nil
}

func settle(object metav1.Object) {
	object.SetUID("")
	object.SetResourceVersion("")
	object.SetCreationTimestamp(metav1.Time{})
	object.SetManagedFields(nil)
}

func (p *parser) native(at place, raw map[string]any, kind string) {
	if kind == "Secret" {
		setNamespace(raw)
	}
	object := identify(kind, raw)
	encoded, err := json.Marshal(raw)
	if err != nil {
		p.add(at, object, "", "not valid JSON")
		return
	}
	var errs field.ErrorList
	if kind == "Secret" {
		var secret *corev1.Secret
		if secret, errs = decodeSecret(raw, encoded); len(errs) == 0 && p.place(at, object) {
			settle(secret)
			p.set.secrets[types.NamespacedName{Namespace: object.namespace, Name: object.name}] = secret
		}
	} else {
		var namespace *corev1.Namespace
		if namespace, errs = decodeNamespace(encoded); len(errs) == 0 && p.place(at, object) {
			p.set.namespaces[object.name] = namespace.Labels
		}
	}
	p.addAll(at, object, errs)
}

// place records where a valid object stands, and refuses a second of the same name.
func (p *parser) place(at place, object id) bool {
	if first, ok := p.set.places[object]; ok {
		p.add(at, object, "metadata.name", fmt.Sprintf("stands twice: it is already in %s:%d", first.doc.file, first.lineOf("metadata.name")))
		return false
	}
	p.set.places[object] = at
	return true
}

func (p *parser) add(at place, object id, field, reason string) {
	p.problems = append(p.problems, problemAt(at, object, field, reason))
}

func (p *parser) addAll(at place, object id, errs field.ErrorList) {
	for _, err := range errs {
		p.add(at, object, strings.TrimPrefix(err.Field, "<nil>"), reason(err))
	}
}

func problemAt(at place, object id, field, reason string) Problem {
	problem := Problem{File: at.doc.file, Line: at.lineOf(field), Field: field, Reason: reason}
	if object.kind != "" {
		problem.Object = object.String()
	}
	return problem
}

// setNamespace gives the default namespace to an object that names none.
func setNamespace(raw map[string]any) {
	meta, ok := raw["metadata"].(map[string]any)
	if !ok {
		return
	}
	if namespace, ok := meta["namespace"]; !ok || namespace == nil || namespace == "" {
		meta["namespace"] = DefaultNamespace
	}
}

func identify(kind string, raw map[string]any) id {
	meta, _ := raw["metadata"].(map[string]any)
	name, _ := meta["name"].(string)
	namespace, _ := meta["namespace"].(string)
	if namespace == "" && kind != "Namespace" {
		namespace = DefaultNamespace
	}
	return id{kind, namespace, name}
}
