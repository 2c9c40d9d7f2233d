// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// Refused gives what Ready says of a key that is refused on purpose; nil for others.
func Refused(key *v1alpha1.APIKeySpec, now time.Time) *Condition {
	switch {
	case ptr.Deref(key.Disabled, false):
		return &Condition{v1alpha1.Ready, metav1.ConditionFalse, v1alpha1.ReasonDisabled, "spec.disabled: the key is refused"}
	case key.ExpiresAt != nil && !now.Before(key.ExpiresAt.Time):
		return &Condition{v1alpha1.Ready, metav1.ConditionFalse, v1alpha1.ReasonExpired, fmt.Sprintf(
			"spec.expiresAt: the key ended to be accepted at %s", key.ExpiresAt.UTC().Format(time.RFC3339))}
	}
	return nil
}

// Reach says how many of a gateway's pods run the configuration that first had a resource as it is now, or a later one, and
// how many pods there are.
func (r *Report) Reach(a Attachment) (pods, of int) {
	for _, sequence := range r.Runs {
		if sequence >= a.Since && sequence > 0 {
			pods++
		}
	}
	return pods, len(r.Runs)
}

// Revoked writes how many pods refuse a key, of those that serve it or could: "3/3".
func Revoked(pods, of int) string { return fmt.Sprintf("%d/%d", pods, of) }
