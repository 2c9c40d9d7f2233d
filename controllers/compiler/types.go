// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package compiler turns resources and Secrets into the document that a gateway serves and a verdict on each
// resource. It is pure: no client, context, clock or logger; the same input, in whatever order, gives the same bytes.
package compiler

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// Input is everything that bears on one gateway. Compile does not change it.
type Input struct {
	Gateway *v1alpha1.SparkGateway
	// Providers, Routes, Keys and Policies that name the gateway in spec.gatewayRefs, in any order; those being deleted are
	// left out.
	Providers []v1alpha1.ProviderPolicy
	Routes    []v1alpha1.ModelRoute
	Keys      []v1alpha1.APIKey
	Policies  []v1alpha1.UsagePolicy
	// Secrets that exist, of those that References names; others do not matter.
	Secrets map[types.NamespacedName]*corev1.Secret
	// Namespaces holds the labels of the namespaces that the attachments live in, where spec.allowedNamespaces has a
	// selector.
	Namespaces map[string]map[string]string
}

// Output is what Compile decides.
type Output struct {
	// Document to serve, and the same encoded with sequence 0; nil and empty when the gateway itself is not Served, and
	// then the last good one stays.
	Document *config.Document
	Bundle   config.Bundle
	// Gateway is the verdict on the SparkGateway.
	Gateway Verdict
	// Providers, Routes, Keys and Policies hold a verdict on each attachment of the input.
	Providers Verdicts
	Routes    Verdicts
	Keys      Verdicts
	Policies  Verdicts
}

// Verdicts are on the resources of one kind. They are not to be changed: one that stays as it was may be shared by outputs.
type Verdicts map[types.NamespacedName]*Verdict

// Finding is the state of one condition; the zero value says that nothing is wrong.
type Finding struct {
	Reason  v1alpha1.Reason
	Message string
}

// Verdict is what the compiler decides on one resource.
type Verdict struct {
	// Generation of the resource that was judged.
	Generation int64
	// Accepted and ResolvedRefs tell what keeps the resource out of the document, if anything does.
	Accepted     Finding
	ResolvedRefs Finding
	// Partial says that what ResolvedRefs tells of is left out and the rest is served: a ModelRoute without some of its
	// targets, or without any, so that its names are refused and not sent elsewhere; a cache without embeddings; a
	// SparkGateway that does not tell everybody of errors.
	Partial bool
	// Conflicted tells what part of an accepted resource another one claimed first.
	Conflicted Finding
	// Content is a digest of what the resource contributes to the document, empty when it is kept out. As long as it
	// is unchanged, pods that served it before serve it still.
	Content string
	// Prefix of an APIKey's secret, enough to tell keys apart and too little to use one.
	Prefix string
	// PreviousPrefix and PreviousUntil are of the secret before an APIKey's last rotation, and of when it ends to be accepted,
	// which may be past; empty and zero where the Secret holds none that is served.
	PreviousPrefix string
	PreviousUntil  time.Time
	// Members is how many served APIKeys a UsagePolicy matches.
	Members int32
}

// OK says that nothing is wrong.
func (f Finding) OK() bool { return f.Reason == "" }

// join adds another finding, if it is one; the first gives the reason, and every one is told.
func (f *Finding) join(other Finding) {
	switch {
	case other.OK():
	case f.OK():
		*f = other
	default:
		f.Message += "\n" + other.Message
	}
}

// Served says that the resource is in the document.
func (v Verdict) Served() bool { return v.Accepted.OK() && (v.ResolvedRefs.OK() || v.Partial) }
