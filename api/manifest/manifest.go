// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package manifest reads resources from YAML files and checks them as an API server would: strict fields, schema,
// rules and names, offline. It is what standalone mode has in place of a cluster.
//
// Of what the API server does it leaves out what needs one: namespaces need not exist, and an object is always new,
// so that rules about changes are not tried.
package manifest

import (
	"cmp"
	"io/fs"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

const version = "v1alpha1"

// DefaultNamespace is the namespace of an object that names none.
const DefaultNamespace = metav1.NamespaceDefault

// Set holds the valid objects of some manifests. What its methods give must not be changed; they are safe for
// concurrent use.
//
// Objects are as an API server would store them, except that UIDs, resource versions and creation timestamps are
// absent: nothing is older than anything else, so ties are broken by name.
type Set struct {
	gateways   []v1alpha1.SparkGateway
	providers  []v1alpha1.ProviderPolicy
	routes     []v1alpha1.ModelRoute
	keys       []v1alpha1.APIKey
	policies   []v1alpha1.UsagePolicy
	secrets    map[types.NamespacedName]*corev1.Secret
	namespaces map[string]map[string]string
	notes      []Problem
	places     map[id]place
}

// id tells objects apart. The namespace of a Namespace is empty.
type id struct{ kind, namespace, name string }

func (i id) String() string {
	if i.namespace == "" {
		return i.kind + " " + i.name
	}
	return i.kind + " " + i.namespace + "/" + i.name
}

// place is where an object stands: a document, and within it, for an item of a List, a path.
type place struct {
	doc    *document
	prefix string
}

// Load reads a directory's manifests and parses them; file names are relative to it. An error of reading is a problem
// too.
func Load(fsys fs.FS) (*Set, []Problem) {
	files, err := readDir(fsys, ".")
	set, problems := Parse(files)
	if err != nil {
		problems = append(problems, Problem{File: ".", Reason: oneLine(err.Error())})
	}
	return set, problems
}

// Gateways are sorted by namespace and name, as are Providers, Routes, Keys and Policies.
func (s *Set) Gateways() []v1alpha1.SparkGateway { return s.gateways }

// Providers are the ProviderPolicies, sorted.
func (s *Set) Providers() []v1alpha1.ProviderPolicy { return s.providers }

// Routes are the ModelRoutes, sorted.
func (s *Set) Routes() []v1alpha1.ModelRoute { return s.routes }

// Keys are the APIKeys, sorted.
func (s *Set) Keys() []v1alpha1.APIKey { return s.keys }

// Policies are the UsagePolicies, sorted.
func (s *Set) Policies() []v1alpha1.UsagePolicy { return s.policies }

// Secrets have everything in Data and nothing in StringData. Do not print them.
func (s *Set) Secrets() map[types.NamespacedName]*corev1.Secret { return s.secrets }

// Namespaces holds the labels of every namespace that is declared or has an object; each has the label
// kubernetes.io/metadata.name, as in a cluster.
func (s *Set) Namespaces() map[string]map[string]string { return s.namespaces }

// Notes tell what the manifests hold that means nothing here, such as a Deployment.
func (s *Set) Notes() []Problem { return s.notes }

// Problem gives a problem with an object of the set, at the line of the field.
func (s *Set) Problem(kind string, name types.NamespacedName, field, reason string) Problem {
	object := id{kind, name.Namespace, name.Name}
	problem := Problem{Object: object.String(), Field: field, Reason: oneLine(reason)}
	if at, ok := s.places[object]; ok {
		problem.File, problem.Line = at.doc.file, at.lineOf(field)
	}
	return problem
}

func (p place) lineOf(field string) int { return p.doc.lineOf(p.prefix + "." + field) }

func (s *Set) sort() {
	slices.SortFunc(s.gateways, func(a, b v1alpha1.SparkGateway) int { return byName(&a, &b) })
	slices.SortFunc(s.providers, func(a, b v1alpha1.ProviderPolicy) int { return byName(&a, &b) })
	slices.SortFunc(s.routes, func(a, b v1alpha1.ModelRoute) int { return byName(&a, &b) })
	slices.SortFunc(s.keys, func(a, b v1alpha1.APIKey) int { return byName(&a, &b) })
	slices.SortFunc(s.policies, func(a, b v1alpha1.UsagePolicy) int { return byName(&a, &b) })
	s.notes = Sort(s.notes)
}

func byName(a, b metav1.Object) int {
	return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
}

// nameNamespaces gives labels to the namespaces that only objects speak of.
func (s *Set) nameNamespaces() {
	for object := range maps.Keys(s.places) {
		if object.namespace != "" && s.namespaces[object.namespace] == nil {
			s.namespaces[object.namespace] = namespaceLabels(object.namespace, nil)
		}
	}
}
