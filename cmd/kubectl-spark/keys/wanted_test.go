// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestKeysAreAsTheirFlagsSay(t *testing.T) {
	const head = "apiVersion: sparkgateway.dev/v1alpha1\nkind: APIKey\nmetadata:\n"
	for name, tt := range map[string]struct {
		wanted Wanted
		want   string
	}{
		"the least": {
			Wanted{Namespace: "team", Name: "alice", Gateways: []string{"main"}, User: "alice"},
			head + "  name: alice\n  namespace: team\nspec:\n  gatewayRefs:\n  - name: main\n  user: alice\nstatus: {}\n",
		},
		"everything": {
			Wanted{
				Namespace: "team", Name: "alice", Gateways: []string{"main", "shared/other"}, User: "a", Role: "master", Labels: []string{"team=search", "x="},
				Models: []string{"smart", "gpt-*"}, Endpoints: []string{"Chat"}, CIDRs: []string{"10.0.0.0/8"}, Expires: "90d",
				Budgets: []string{"50.00/month", "$5/Day"}, Requests: []string{"60/1m"}, Tokens: []string{"100000/1h"}, Concurrency: 5,
				RotateEvery: "720h", Overlap: "24h",
			},
			head + `  labels:
    team: search
    x: ""
  name: alice
  namespace: team
spec:
  allow:
    cidrs:
    - 10.0.0.0/8
    endpoints:
    - Chat
    models:
    - smart
    - gpt-*
  budgets:
  - amount: "50.00"
    per: Month
  - amount: "5"
    per: Day
  expiresAt: "2026-06-02T12:00:00Z"
  gatewayRefs:
  - name: main
  - name: other
    namespace: shared
  limits:
    concurrency: 5
    requests:
    - count: 60
      per: 1m
    tokens:
    - count: 100000
      per: 1h
  role: Master
  rotation:
    every: 720h
    overlap: 24h
  user: a
status: {}
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := tt.wanted.APIKey(noon)
			if err != nil {
				t.Fatal(err)
			}
			got, err := yaml.Marshal(key)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFlagsThatSayNothingAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(*Wanted)
		want string
	}{
		"no gateway":              {func(w *Wanted) { w.Gateways = nil }, "on which gateway?"},
		"nobody's":                {func(w *Wanted) { w.User = "" }, "whose key?"},
		"a role":                  {func(w *Wanted) { w.Role = "root" }, "--role root: there are User and Master"},
		"a label":                 {func(w *Wanted) { w.Labels = []string{"x"} }, "--label x: write key=value"},
		"an expiry":               {func(w *Wanted) { w.Expires = "soon" }, `"soon" is no date`},
		"an expiry that is past":  {func(w *Wanted) { w.Expires = "2020-01-01" }, "2020-01-01 is past"},
		"a span that leads back":  {func(w *Wanted) { w.Expires = "-1h" }, "-1h is past"},
		"requests without a time": {func(w *Wanted) { w.Requests = []string{"60"} }, "--requests 60: write how many"},
		"no requests":             {func(w *Wanted) { w.Requests = []string{"0/1m"} }, "--requests 0/1m"},
		"tokens that are words":   {func(w *Wanted) { w.Tokens = []string{"many/1m"} }, "--tokens many/1m"},
		"a budget for ever":       {func(w *Wanted) { w.Budgets = []string{"50"} }, "--budget 50: write US dollars"},
		"a budget a year":         {func(w *Wanted) { w.Budgets = []string{"50/Year"} }, "--budget 50/Year"},
		"a budget of nothing":     {func(w *Wanted) { w.Budgets = []string{"/Day"} }, "--budget /Day"},
	} {
		w := Wanted{Name: "alice", Gateways: []string{"main"}, User: "alice"}
		tt.edit(&w)
		if _, err := w.APIKey(noon); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestAKeyExpiresWhenItIsSaidTo(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2027-01-31": time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC), "2027-01-31T12:00:00+01:00": time.Date(2027, 1, 31, 11, 0, 0, 0, time.UTC),
		"12h": noon.Add(12 * time.Hour), "1d": noon.Add(24 * time.Hour), "1500ms": noon.Add(time.Second),
	} {
		if got, err := Expiry(text, noon); err != nil || !got.Equal(want) {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}
