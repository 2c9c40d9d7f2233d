// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"time"

	"github.com/sparkgateway/spark/gateway/cache"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/proxy"
)

// keeping is what a route's requests have to do with the cache. It is immutable.
type keeping struct {
	// exact is how answers are kept; where only single questions' are, by is false.
	exact *config.ExactCache
	by    bool
	// semantic is nil for none.
	semantic *meaning
	// policy is a digest of all of the configuration that an answer may depend on.
	policy [sha256.Size]byte
}

// onlyMeaning is how the answers to single questions are kept where no others are.
const (
	onlyMeaningBytes = 64 << 20
	onlyMeaningEntry = 1 << 20
)

// keepingOf gives what a route's requests have to do with the cache; nil for nothing.
func (b *build) keepingOf(routed *config.Route, targets []proxy.Target) *keeping {
	from, sanitizer := b.doc.Core.Gateway.Cache, b.doc.Core.Gateway.Sanitizer
	if routed != nil && routed.Cache != nil {
		from = routed.Cache
	}
	if routed != nil && routed.Sanitizer != nil {
		sanitizer = routed.Sanitizer
	}
	if from == nil || from.Exact == nil && from.Semantic == nil {
		return nil
	}
	k := &keeping{exact: from.Exact, by: from.Exact != nil}
	if s := from.Semantic; s != nil {
		target := b.asideTarget(&s.Embeddings)
		if target == nil && k.exact == nil {
			return nil
		}
		if target != nil {
			k.semantic = &meaning{from: s, threshold: float32(float64(s.Threshold) / 1e6), target: target}
			b.meanings = max(b.meanings, s.MaxEntries)
		}
		if k.exact == nil {
			k.exact = &config.ExactCache{Kept: s.Kept, MaxBytes: onlyMeaningBytes, MaxEntryBytes: onlyMeaningEntry}
		}
	}
	b.kept = max(b.kept, k.exact.MaxBytes)
	b.keptShared = b.keptShared || k.exact.Shared
	k.policy = b.policyOf(routed, sanitizer, targets)
	return k
}

// policyOf digests all of the configuration that an answer may depend on. It is plain data, which can always be written.
func (b *build) policyOf(routed *config.Route, sanitizer *config.Sanitizer, targets []proxy.Target) (digest [sha256.Size]byte) {
	h := sha256.New()
	write := json.NewEncoder(h)
	_ = write.Encode([]any{"answers-1", routed, sanitizer, b.doc.Core.Gateway.RequestLimits})
	for i := range targets {
		t := &targets[i]
		_ = write.Encode([]any{t.Name, t.Model, t.MaxTokens})
		for j := range b.doc.Core.Providers {
			if p := &b.doc.Core.Providers[j]; p.ID == t.Provider.ID {
				_ = write.Encode(p)
			}
		}
	}
	h.Sum(digest[:0])
	return digest
}

// answers is where pods share answers; nil where they do not.
func (l *Living) answers() cache.Tier {
	if s := l.sharing.current.Load(); s != nil {
		return s.answers()
	}
	return nil
}

// keep takes up how much may be kept. What is there stays, but for what has no room any more.
func (l *Living) keep(b *build) {
	l.cache.Resize(b.kept)
	l.cacheBytes.Store(b.kept)
	if b.meanings > 0 {
		l.meanings.Resize(b.meanings)
	}
	l.sharesAnswers.Store(b.keptShared)
}

// Purge forgets cached answers, here and, where there is a store, in it, so that every pod does.
func (r Report) Purge(of config.CachePurge) (config.CachePurged, error) {
	l, label := r.Server.living, labelOf(of)
	at := l.now()
	removed := l.cache.Purge(label, at)
	l.meanings.Purge(func(labels []string) bool { return label == cache.PurgeAll || slices.Contains(labels, label) })
	told := config.CachePurged{Removed: removed}
	shared := l.answers()
	if shared == nil || !l.sharesAnswers.Load() {
		return told, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), purgeTimeout)
	defer cancel()
	err := shared.Purge(ctx, label, at.UnixMilli(), cache.MaxTTL)
	told.Shared = err == nil
	return told, err
}

// purgeTimeout bounds the telling of the store.
const purgeTimeout = 5 * time.Second

func labelOf(of config.CachePurge) string {
	switch {
	case of.Key != "":
		return cache.PurgeKey + of.Key
	case of.Route != "":
		return cache.PurgeRoute + of.Route
	case of.Model != "":
		return cache.PurgeModel + of.Model
	case of.Tag != "":
		return cache.PurgeTag + of.Tag
	default:
		return cache.PurgeAll
	}
}

// purgeEvery is how often what other pods purged is asked for.
const purgeEvery = time.Second

// followPurges takes up what other pods purged, for as long as the process lives.
func (l *Living) followPurges(ctx context.Context) {
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		shared := l.answers()
		if shared == nil || !l.sharesAnswers.Load() {
			continue
		}
		if marks, err := shared.Purged(ctx); err == nil {
			l.cache.Learn(marks)
		}
	}
}
