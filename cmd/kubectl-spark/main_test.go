// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

func TestErrorsAreInWordsForWhoRanTheCommand(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	discovery := func(err error) error {
		return &apiutil.ErrResourceDiscoveryFailed{v1alpha1.GroupVersion: err}
	}
	missing := discovery(apierrors.NewNotFound(schema.GroupResource{}, ""))
	refused := discovery(errors.New("connection refused"))
	for name, tt := range map[string]struct {
		ctx  context.Context
		err  error
		want string
	}{
		"Ctrl-C":                          {ended, fmt.Errorf("pod main-a: %w", context.Canceled), "interrupted"},
		"what ended by itself":            {t.Context(), context.Canceled, context.Canceled.Error()},
		"another error at Ctrl-C":         {ended, errors.New("no route"), "no route"},
		"a cluster without Spark":         {t.Context(), missing, "the cluster does not serve sparkgateway.dev/v1alpha1: is Spark installed there?"},
		"one that cannot be asked for it": {t.Context(), refused, refused.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			if got := inWords(tt.ctx, tt.err).Error(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
