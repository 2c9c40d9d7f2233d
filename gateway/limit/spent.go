// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// Spent gives what a holder is known to have spent in the current window of a period, here and elsewhere, and when that ends:
// zero for config.Total, which has no end. What requests under way have reserved is not in it. A holder that is not known spent
// nothing, and is not made by asking.
func (b *Book) Spent(holder string, per config.Calendar) (spent config.Money, ends time.Time) {
	w, p := b.windows(b.clock()), periodOf(per)
	if p < total {
		ends = w.ends[p].UTC()
	}
	b.mu.RLock()
	h := b.holders[holder]
	b.mu.RUnlock()
	if h == nil {
		return 0, ends
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.spentIn(w, p), ends
}

// spentIn gives what is known to have been spent, here and elsewhere. The caller holds the lock.
func (h *Holder) spentIn(w *windows, p period) config.Money {
	return max(w.spent(&h.own, p)+w.spent(h.others, p), w.spent(h.known, p))
}
