// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"net/http"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// A budget that was spent stays spent, whatever becomes of the store: gateways remember what it knew.
func TestAStoreThatLosesEverythingForgetsNoBudget(t *testing.T) {
	const most, budget = 200, config.Dollar / 20
	for name, tc := range map[string]struct {
		args []string
		lose func(*redistest.Server) error
	}{
		"flushed while it is used": {nil, func(s *redistest.Server) error { _, err := s.Do("FLUSHALL"); return err }},
		"killed, without a file":   {[]string{"--appendonly", "no"}, func(s *redistest.Server) error { s.Kill(); s.Restart(); return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{Real: true, Args: tc.args})
			f := start(t, server.Addr, func(d *config.Document) {
				d.Keys[0].Budgets = []config.Budget{{Amount: budget, Per: config.Month}, {Amount: budget, Per: config.Total}}
			})
			known := newLook(t, server.Addr)
			f.exhaust(t, most, func() { f.settled(t, known) })
			known.close(t) // It remembers too.
			_, _, spent := f.billed()
			if err := tc.lose(server); err != nil {
				t.Fatal(err)
			}
			// All the while, and until long after the store is used again.
			used := time.Time{}
			for n, deadline := 0, time.Now().Add(patience); used.IsZero() || time.Since(used) < time.Second; n++ {
				if a := f.ask(n%replicas, most); a.err != nil || a.status != http.StatusTooManyRequests {
					t.Fatalf("status %d, error %v: %s", a.status, a.err, a.body)
				}
				if time.Now().After(deadline) {
					t.Fatal("the store is not used again")
				}
				if known, err := server.Do("HGET", "spark:{default/main}:h:"+alice, "c"); err == nil && used.IsZero() && len(known) > 3 {
					used = time.Now()
				}
			}
			f.until(t, "the store is used again", func(s *config.StoreState) bool { return s.Up })
			if a := f.ask(0, most); a.status != http.StatusTooManyRequests {
				t.Errorf("status %d: %s", a.status, a.body)
			}
			if _, _, now := f.billed(); now != spent || spent > budget {
				t.Errorf("$%v were spent of $%v, and then $%v", spent, budget, now)
			}
		})
	}
}
