// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
)

func TestPathsOfWhatIsKept(t *testing.T) {
	tests := map[string]struct {
		path                 string
		collection, id, rest string
		ok                   bool
		want                 exchange.Operation
	}{
		"a collection":       {path: "/v1/files", collection: "/v1/files", ok: true},
		"an id":              {path: "/v1/files/a", collection: "/v1/files", id: "a", ok: true, want: exchange.Files},
		"below an id":        {path: "/v1/batches/a/cancel", collection: "/v1/batches", id: "a", rest: "/cancel", ok: true, want: exchange.Batches},
		"a response":         {path: "/v1/responses/r/input_items", collection: "/v1/responses", id: "r", rest: "/input_items", ok: true, want: exchange.StoredResponse},
		"something unknown":  {path: "/v1/files/a/b/c", collection: "/v1/files", id: "a", rest: "/b/c", ok: true},
		"an empty id":        {path: "/v1/files/"},
		"an id before which": {path: "/v1/files//content"},
		"a longer word":      {path: "/v1/filesystem"},
		"elsewhere":          {path: "/v1/file/a"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			collection, id, rest, ok := keptPath([]byte(tc.path))
			if ok != tc.ok || ok && (collection != tc.collection || string(id) != tc.id || string(rest) != tc.rest) {
				t.Errorf("%q %q %q %t", collection, id, rest, ok)
			}
			got := exchange.NoOperation
			if e := findKept([]byte(tc.path)); e != nil {
				got = e.operation
			}
			if got != tc.want {
				t.Errorf("%s is of %q", tc.path, got)
			}
		})
	}
}

// colliding finds two IDs with one pin.
func colliding(t *testing.T) (string, string) {
	t.Helper()
	seen := map[dialect.Pin]string{}
	for i := range 1 << 20 {
		id := fmt.Sprintf("ns/p%d", i)
		if other, ok := seen[dialect.PinOf(id)]; ok {
			return other, id
		}
		seen[dialect.PinOf(id)] = id
	}
	t.Fatal("no two IDs have one pin")
	return "", ""
}

func TestProvidersThatCouldNotBeToldApartAreRefused(t *testing.T) {
	one, other := colliding(t)
	made := func(ids ...string) (all []*provider.Provider) {
		for _, id := range ids {
			p, err := provider.New(&config.Provider{ID: id, Type: config.OpenAI, Endpoint: "http://x"}, config.NewSecret("k"), "1")
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, p)
		}
		return all
	}
	err := checkPins(made(one, "ns/third", other))
	if err == nil || !strings.HasPrefix(err.Error(), "providers[2].id: ") || !strings.Contains(err.Error(), one) {
		t.Errorf("%v", err)
	}
	if err := checkPins(made(one, "ns/third")); err != nil {
		t.Error(err)
	}
}
