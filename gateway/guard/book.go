// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import "sync"

// Book keeps webhooks over snapshots, so that what is known of a service is not forgotten when something else changes. It is
// safe for concurrent use.
type Book struct {
	mu       sync.Mutex
	webhooks map[identity]*Webhook
}

// NewBook gives a book without webhooks.
func NewBook() *Book { return &Book{webhooks: map[identity]*Webhook{}} }

// Use gives a webhook for each settings, in order: the one there is, where the settings are the same. Those that are no longer
// meant are closed; who has one yet may go on asking. After an error nothing has changed.
func (b *Book) Use(all []Settings) ([]*Webhook, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	used := make([]*Webhook, len(all))
	keep := make(map[identity]*Webhook, len(all))
	for i := range all {
		id := all[i].identity()
		w := keep[id]
		if w == nil {
			w = b.webhooks[id]
		}
		if w == nil {
			var err error
			if w, err = NewWebhook(all[i], nil); err != nil {
				return nil, err
			}
		}
		keep[id], used[i] = w, w
	}
	for id, w := range b.webhooks {
		if keep[id] == nil {
			w.Close()
		}
	}
	b.webhooks = keep
	return used, nil
}

// Close closes all webhooks.
func (b *Book) Close() { _, _ = b.Use(nil) }
