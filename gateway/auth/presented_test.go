// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"bytes"
	"testing"
)

func TestKeysAreFoundWhereSDKsPutThem(t *testing.T) {
	keys := table("alpha", "beta")
	for name, tc := range map[string]struct {
		header fields
		want   string // "" is refused
	}{
		"a bearer token":                      {fields{"Authorization": "Bearer alpha"}, "alpha"},
		"Anthropic's field":                   {fields{"X-Api-Key": "alpha"}, "alpha"},
		"Google's field":                      {fields{"X-Goog-Api-Key": "alpha"}, "alpha"},
		"Azure's field":                       {fields{"Api-Key": "alpha"}, "alpha"},
		"the bearer token wins":               {fields{"Authorization": "Bearer beta", "X-Api-Key": "alpha"}, "beta"},
		"a wrong one is not helped by others": {fields{"Authorization": "Bearer x", "X-Api-Key": "alpha"}, ""},
		"another scheme is no key":            {fields{"Authorization": "Basic x", "X-Api-Key": "alpha"}, "alpha"},
		"a wrong key":                         {fields{"X-Api-Key": "gamma"}, ""},
		"nothing":                             {fields{}, ""},
	} {
		principal, err := keys.Authenticate(tc.header, now)
		if tc.want == "" {
			if err == nil || err.Status != 401 {
				t.Errorf("%s: %+v, %v", name, principal, err)
			}
			continue
		}
		if want, _ := keys.Lookup([]byte(tc.want), now); err != nil || principal != want {
			t.Errorf("%s: %+v, %v", name, principal, err)
		}
	}
}

// FuzzBearer: what is found is a part of the header, without spaces, and nothing but spaces lies before it.
func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"Bearer x", "bearer  y", "Bearer", "Basic z", "Bearer a b", "Bearer  ", "", "Bearer \x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		token, ok := Bearer(header)
		if !ok {
			if len(token) > 0 {
				t.Errorf("not found, and yet %q", token)
			}
			return
		}
		if len(token) == 0 || bytes.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Errorf("token %q", token)
		}
		before := header[:len(header)-len(token)]
		if !bytes.HasSuffix(header, token) || !bytes.EqualFold(bytes.TrimRight(before, " "), []byte("bearer")) {
			t.Errorf("token %q of %q", token, header)
		}
	})
}
