// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// reason words a validation error without the offending value, which may be a credential in the wrong place. Only an
// enumeration's value, a number and a duplicate's key are shown, as the reader needs them.
func reason(err *field.Error) string {
	detail := oneLine(err.Detail)
	// The schema's errors begin with "spec.models[0].name in body ".
	if _, rest, ok := strings.Cut(detail, " in body "); ok {
		detail = rest
	}
	switch err.Type {
	case field.ErrorTypeRequired:
		if detail == "" {
			return "is required"
		}
	case field.ErrorTypeNotSupported:
		return fmt.Sprintf("%q is not one of the %s", fmt.Sprint(err.BadValue), detail)
	case field.ErrorTypeDuplicate:
		return "stands twice"
	case field.ErrorTypeTypeInvalid:
		return ofType(detail)
	}
	switch value := err.BadValue.(type) {
	case int64, int32, float64:
		return fmt.Sprintf("%s, not %v", detail, value)
	}
	if detail == "" {
		return strings.ToLower(err.Type.String())
	}
	return detail
}

// ofType turns "must be of type integer: \"string\"" into "must be of type integer, not string".
func ofType(detail string) string {
	want, got, ok := strings.Cut(detail, `: "`)
	if !ok {
		return detail
	}
	return want + ", not " + strings.TrimSuffix(got, `"`)
}
