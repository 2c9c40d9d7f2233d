// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestAPodWaitsToHearWhatWasSpent(t *testing.T) {
	budgets := []config.Budget{{Amount: config.Dollar, Per: config.Month}}
	ofKey := func(d *config.Document) { d.Keys[0].Budgets = budgets }
	full := make([]config.HolderUse, config.MaxHolders)
	for name, test := range map[string]struct {
		patience time.Duration
		change   func(*config.Document)
		calls    []config.UsageCall // with an empty Instance for the pod's own
		want     error
	}{
		"where a key has a budget":              {time.Hour, ofKey, nil, ErrAwaiting},
		"where a policy has one":                {time.Hour, func(d *config.Document) { d.Core.Policies = []config.Policy{{ID: "t/p", Budgets: budgets}} }, nil, ErrAwaiting},
		"not without budgets":                   {time.Hour, func(*config.Document) {}, nil, nil},
		"not with a store":                      {time.Hour, func(d *config.Document) { ofKey(d); d.Core.Gateway.Store = closedStore() }, nil, nil},
		"not where no operator is":              {0, ofKey, nil, nil},
		"not for long":                          {1, ofKey, nil, nil},
		"until it is told":                      {time.Hour, ofKey, []config.UsageCall{{Replicas: 2}}, nil},
		"until it is told all":                  {time.Hour, ofKey, []config.UsageCall{{Replicas: 2, Elsewhere: full}}, ErrAwaiting},
		"until the last part of what it's told": {time.Hour, ofKey, []config.UsageCall{{Replicas: 2, Elsewhere: full}, {Replicas: 2}}, nil},
		"and what another is told does nothing": {time.Hour, ofKey, []config.UsageCall{{Instance: "another", Replicas: 2}}, ErrAwaiting},
	} {
		t.Run(name, func(t *testing.T) {
			server := NewServer(Options{Patience: test.patience})
			t.Cleanup(server.living.Close)
			if err := server.Ready(); !errors.Is(err, ErrNoConfiguration) {
				t.Errorf("without a configuration: %v", err)
			}
			doc := explained()
			doc.Core.Policies = nil
			for i := range doc.Keys {
				doc.Keys[i].Budgets = nil
			}
			doc.Core.Gateway.Store = nil
			test.change(doc)
			if err := server.Apply(doc); err != nil {
				t.Fatal(err)
			}
			report := Report{Server: server, Reloader: NewReloader(Identity{}, server.Apply)}
			for _, call := range test.calls {
				if call.Instance == "" {
					call.Instance = report.Reloader.Ack().Instance
				}
				report.Exchange(call)
			}
			if err := server.Ready(); !errors.Is(err, test.want) {
				t.Errorf("ready: %v, want %v", err, test.want)
			}
		})
	}
}

func TestOnlyPodsWait(t *testing.T) {
	if got := (Identity{Gateway: "t/main"}).Patience(); got != 0 {
		t.Errorf("who is no pod waits %s", got)
	}
	if got := (Identity{Gateway: "t/main", Pod: "uid"}).Patience(); got <= 2*time.Second || got > 5*time.Second {
		t.Errorf("a pod waits %s, and is called every 2 s", got)
	}
}

// closedStore is one where nobody listens.
func closedStore() *config.Store {
	return &config.Store{Mode: config.StoreSingle, Addresses: []string{"127.0.0.1:1"}, Timeout: config.Duration(time.Millisecond), OnFailure: config.LocalShare}
}
