// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

const (
	// breakersEvery bounds the writes for a provider that comes and goes, as one does that refuses for a second at a time.
	breakersEvery = time.Second
	// wordsEvery is how long a change of messages alone may wait: with a pod's poll it is told within five seconds.
	wordsEvery = 2 * time.Second
	// figuresEvery is how long changes of numbers, and what follows from there being any, may wait.
	figuresEvery = 15 * time.Second
)

// Pace says how long after the status was last written a change of it may wait, and whether it is worth a write at all.
// What is declared waits for nothing, and what a breaker or a health check does for a second at most; numbers that hardly
// moved are not written.
func Pace(before, after v1alpha1.ProviderPolicyStatus) (wait time.Duration, worth bool) {
	healthWas, healthIs := healthOf(before), healthOf(after)
	sameHealth := healthWas.Status == healthIs.Status && healthWas.Reason == healthIs.Reason
	either := func(s metav1.ConditionStatus) bool { return healthWas.Status == s || healthIs.Status == s }
	switch {
	case !equality.Semantic.DeepEqual(withoutHealth(before.AttachedStatus), withoutHealth(after.AttachedStatus)),
		!slices.EqualFunc(before.Traffic, after.Traffic, sameGateway), !sameHealth && either(""):
		return 0, true
	case !slices.EqualFunc(before.Traffic, after.Traffic, sameBreaker),
		!sameHealth && either(metav1.ConditionFalse):
		return breakersEvery, true
	case sameHealth && healthWas.Message != healthIs.Message, !slices.EqualFunc(before.Traffic, after.Traffic, sameMessage):
		return wordsEvery, true
	case !sameHealth, moved(before.Errors, after.Errors), moved(before.P95, after.P95),
		!slices.EqualFunc(before.Traffic, after.Traffic, nearFigures):
		return figuresEvery, true
	}
	return 0, false
}

func healthOf(s v1alpha1.ProviderPolicyStatus) metav1.Condition {
	if c := find(s.Conditions, v1alpha1.Healthy); c != nil {
		return *c
	}
	return metav1.Condition{}
}

func withoutHealth(s v1alpha1.AttachedStatus) v1alpha1.AttachedStatus {
	s.Conditions = slices.Clone(s.Conditions)
	meta.RemoveStatusCondition(&s.Conditions, string(v1alpha1.Healthy))
	return s
}

func sameGateway(a, b v1alpha1.ProviderTraffic) bool {
	return a.Namespace == b.Namespace && a.Name == b.Name
}

func sameBreaker(a, b v1alpha1.ProviderTraffic) bool { return a.Breaker == b.Breaker }

func sameMessage(a, b v1alpha1.ProviderTraffic) bool { return a.Message == b.Message }

func nearFigures(a, b v1alpha1.ProviderTraffic) bool {
	return !moved(a.Errors, b.Errors) && !moved(a.P95, b.P95)
}
