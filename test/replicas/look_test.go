// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/ledger"
	"github.com/sparkgateway/spark/gateway/store"
	"github.com/sparkgateway/spark/test/accounting/bed"
)

// alice is whom these tests limit.
const alice = "key/default/alice"

// look asks a store of the default gateway what it knows, as one more gateway that serves nobody.
type look struct {
	store *store.Store
	mu    sync.Mutex
	known map[string]config.HolderUse
	asked int
	// closing is done once.
	closing sync.Once
}

func newLook(t *testing.T, address string) *look {
	t.Helper()
	l := &look{known: map[string]config.HolderUse{}}
	opened, err := store.Open(store.Options{
		Gateway: "default/main",
		Config: config.Store{
			Mode: config.StoreSingle, Addresses: []string{address}, Timeout: config.Duration(5 * time.Second), OnFailure: config.DenyAll,
		},
		Secrets: func(string) config.Secret { return config.Secret{} },
		Learned: func(holder string, total *config.HolderUse) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.known[holder] = *total
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	l.store = opened
	t.Cleanup(func() { l.close(t) })
	bed.Eventually(t, opened.Up, func() string { return fmt.Sprintf("the store is up: %+v", opened.State()) })
	return l
}

// close ends it, once.
func (l *look) close(t *testing.T) {
	t.Helper()
	l.closing.Do(func() {
		if err := l.store.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("closing what looks at the store: %v", err)
		}
	})
}

// use gives what the store knows of a holder.
func (l *look) use(t *testing.T, holder string) config.HolderUse {
	t.Helper()
	l.asked++
	id := fmt.Sprint("look-", l.asked)
	bed.Eventually(t, func() bool {
		_, err := l.store.Reserve(t.Context(), &store.Reservation{ID: id, Holders: []string{holder}})
		return err == nil
	}, func() string { return fmt.Sprintf("the store answers: %+v", l.store.State()) })
	l.store.Settle(&store.Settlement{ID: id, Holders: []string{holder}, Reserved: true, Used: exchange.Use{}, At: time.Now()})
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[holder]
}

// records counts the store's records by request.
func (l *look) records(t *testing.T) map[string]int {
	t.Helper()
	ids := map[string]int{}
	err := l.store.Records(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), func(line []byte) error {
		record, err := ledger.Parse(line)
		ids[record.ID]++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}
