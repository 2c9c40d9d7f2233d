// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package accounting holds what the gateway writes of thousands of mixed requests against the books of the provider that
// served them.
package accounting

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/ledger"
	"github.com/sparkgateway/spark/test/accounting/bed"
)

// requests is how many are sent; SPARK_ACCOUNTING says otherwise.
func requests(t *testing.T) int {
	t.Helper()
	text := os.Getenv("SPARK_ACCOUNTING")
	if text == "" {
		return 2000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 100 {
		t.Fatalf("SPARK_ACCOUNTING is %q, want a number of requests from 100", text)
	}
	return n
}

func TestEveryRequestLeavesOneRecordThatAgreesWithTheProvidersBooks(t *testing.T) {
	n := requests(t)
	provider := bed.Provider(t, 5*n)
	var opts gateway.LivingOptions
	bed.Clouds(t, &opts)
	dir := t.TempDir()
	kept, err := ledger.New(ledger.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	opts.Ledger = kept
	g := bed.Start(t, document(provider), opts)
	d := &driver{url: g.URL, client: bed.Client(100), provider: provider}
	d.listen(t)
	all := plan(n, 1)
	d.run(t, all, 48)
	bed.Eventually(t, func() bool { return provider.Stats().InFlight == 0 && g.Server.InFlight() == 0 },
		func() string {
			return fmt.Sprintf("%+v, %d in flight at the gateway", provider.Stats(), g.Server.InFlight())
		})
	counted := g.Used(1)
	d.client.CloseIdleConnections() // the gateway waits for it
	g.Stop()
	lines, records := g.Lines(t), readLedger(t, dir)
	v := judge(all, lines, provider.Books())
	t.Logf("%d requests, %+v\n%s", n, provider.Stats(), v.table())
	for _, w := range v.wrong[:min(len(v.wrong), 200)] {
		t.Error(w)
	}
	if len(v.wrong) > 0 {
		t.Errorf("%d complaints", len(v.wrong))
	}
	judgeRecords(t, lines, records)
	judgeHolders(t, records, counted)
}
