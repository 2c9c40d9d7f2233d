// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/gateway/config"
)

func TestStatesComeByTheConnectionOfAcks(t *testing.T) {
	want := config.State{Instance: "i", Providers: []config.ProviderState{{
		ID: "team/llm", Attempts: 9, Failures: 2, Latency: []int64{0, 7},
		Out:    []config.BreakerState{{Model: "gpt", State: config.BreakerOpen, Reason: "5 failures in a row", Since: time.Unix(5, 0).UTC(), Until: time.Unix(20, 0).UTC()}},
		Health: &config.HealthState{Reason: "status 503", Since: time.Unix(7, 0).UTC()},
	}}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+config.AckPath, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	mux.HandleFunc("GET "+config.StatePath, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(want) })
	data := credentials(t)
	address, connections := serve(t, data, mux)
	c := fleet.NewPatientHTTPCaller()
	t.Cleanup(func() { c.Forget(gateway) })
	for range 3 {
		if _, _, err := call(t, c, data, address, nil); err != nil {
			t.Fatal(err)
		}
		got, err := c.State(t.Context(), gateway, fleet.Target{Admin: data}, fleet.Pod{Address: address})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("state: %v (-want +got):\n%s", err, diff)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("six calls took %d connections", n)
	}
}

func TestStatesThatCannotBeHad(t *testing.T) {
	data := credentials(t)
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	large := `{"instance":"i","providers":[{"id":"` + strings.Repeat("x", 2<<20) + `"}]}`
	tests := map[string]struct {
		credentials map[string][]byte
		handler     http.HandlerFunc
		want        string
	}{
		"a pod of an older release":  {data, http.NotFound, "its release does not tell the states of providers"},
		"another status":             {data, answer(500, "192.0.2.1 is ill"), "it answers with status 500"},
		"an answer that is no state": {data, answer(200, "hello"), "its answer is not a state"},
		"a state of the wrong shape": {data, answer(200, `{"providers":7}`), "its answer is not a state"},
		"a state of more than a MiB": {data, answer(200, large), "its answer is not a state"},
		"a way elsewhere is not gone": {data, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://192.0.2.1/", http.StatusFound)
		}, "it answers with status 302"},
		"a pod of another authority":     {credentials(t), answer(200, "{}"), "its certificate is not valid"},
		"credentials that are not there": {nil, answer(200, "{}"), "the administrative credentials are not usable: the client certificate and key do not make a pair"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			address, _ := serve(t, data, test.handler)
			c := fleet.NewPatientHTTPCaller()
			t.Cleanup(func() { c.Forget(gateway) })
			state, err := c.State(t.Context(), gateway, fleet.Target{Admin: test.credentials}, fleet.Pod{Address: address})
			if fmt.Sprint(err) != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if diff := cmp.Diff(config.State{}, state); diff != "" {
				t.Errorf("a state with an error (-want +got):\n%s", diff)
			}
		})
	}
	c := fleet.NewPatientHTTPCaller()
	t.Cleanup(func() { c.Forget(gateway) })
	if _, err := c.State(t.Context(), gateway, fleet.Target{Admin: data}, fleet.Pod{Address: "not an address"}); err == nil || strings.Contains(err.Error(), "not an") {
		t.Errorf("no address: %v", err)
	}
}
