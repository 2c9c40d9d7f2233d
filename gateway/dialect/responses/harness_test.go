// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"encoding/json"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
)

func ptr[T any](v T) *T { return &v }

// asJSON reads JSON for a comparison in which white space and the order of members do not matter.
func asJSON(t *testing.T, b []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

func diffJSON(t *testing.T, want string, got []byte) string {
	t.Helper()
	return cmp.Diff(asJSON(t, []byte(want)), asJSON(t, got))
}

// sameRequest leaves out what is tested by itself, and white space.
var sameRequest = cmp.Options{
	cmp.Transformer("compact", func(v jsontext.Value) string {
		v = v.Clone()
		_ = v.Compact() // What is not JSON stays, and differs.
		return string(v)
	}),
	cmpopts.IgnoreFields(chat.Request{}, "Names", "Echo"),
}

func decode(t *testing.T, body string) *chat.Request {
	t.Helper()
	r, err := Decoder{}.DecodeRequest([]byte(body))
	if err != nil {
		t.Fatalf("%s: %s", err.Param, err.Message)
	}
	return r
}
