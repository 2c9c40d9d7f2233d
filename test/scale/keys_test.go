// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scale tests a gateway with a hundred thousand keys: what it takes to carry, to load and to change them.
package scale

import (
	"fmt"
	"maps"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/accounting/bed"
)

// manyKeys is how many keys a test has; SPARK_SCALE_KEYS says otherwise.
func manyKeys(t testing.TB) int {
	t.Helper()
	text := os.Getenv("SPARK_SCALE_KEYS")
	if text == "" {
		return defaultKeys
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1000 {
		t.Fatalf("SPARK_SCALE_KEYS is %q, want a number from 1000", text)
	}
	return n
}

// user names the one that a key was given to.
func user(i int) string { return fmt.Sprintf("user-%06d", i) }

// keys gives n of them, in teams of a hundred, of which every tenth has limits and a budget of its own.
func keys(n int) []config.Key {
	all := make([]config.Key, n)
	for i := range all {
		name := user(i)
		all[i] = config.Key{
			ID: fmt.Sprintf("team-%04d/%s", i/100, name), User: name, Digest: config.DigestKey(bed.Secret(name)),
		}
		if i%10 == 0 {
			all[i].Limits.Requests = []config.RequestLimit{{Count: 6000, Per: config.Duration(time.Minute), Burst: 1000}}
			all[i].Budgets = []config.Budget{{Amount: 50 * config.Dollar, Per: config.Month}}
		}
	}
	return all
}

// bundle encodes a document as the operator writes it.
func bundle(t testing.TB, doc *config.Document, sequence int64) config.Bundle {
	t.Helper()
	b, err := config.Encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	b.Manifest.Sequence = sequence
	return b
}

// changed gives a copy of a document with another secret for one key.
func changed(doc *config.Document, at int, secret string) *config.Document {
	other := *doc
	other.Keys = slices.Clone(doc.Keys)
	other.Keys[at].Digest = config.DigestKey(secret)
	return &other
}

func TestKeysFitIntoShardsOfWhichOneKeyMovesOne(t *testing.T) {
	n := manyKeys(t)
	provider := bed.Provider(t, 16)
	doc := bed.Document(provider)
	doc.Keys = keys(n)
	began := time.Now()
	b := bundle(t, doc, 1)
	encoded := time.Since(began)
	smallest, largest, sum := config.MaxPartBytes, 0, 0
	for shard := range config.KeyShards {
		size := len(b.Parts[config.ShardPart(shard)])
		smallest, largest, sum = min(smallest, size), max(largest, size), sum+size
	}
	began = time.Now()
	if _, err := config.Decode(b); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d keys: %d bytes a key, shards of %d to %d bytes, of at most %d; encoded in %v, decoded and validated in %v",
		n, sum/n, smallest, largest, config.MaxPartBytes, encoded.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	// A hash spreads keys as chance does: six times what is usual is never seen.
	mean := float64(sum) / config.KeyShards
	if off := 6 / math.Sqrt(float64(n)/config.KeyShards); float64(largest) > mean*(1+off) || float64(smallest) < mean*(1-off) {
		t.Errorf("shards of %d to %d bytes are not even", smallest, largest)
	}
	next := bundle(t, changed(doc, n/2, "sk-another-secret"), 2)
	missing := next.Manifest.Missing(b.Manifest.Parts)
	if want := config.ShardPart(config.ShardOf(doc.Keys[n/2].ID)); len(missing) != 1 || missing[0] != want {
		t.Errorf("one key changed, and %v differ, want %s", missing, want)
	}
	if len(next.Parts) != len(b.Parts) {
		t.Errorf("parts %v, before %v", slices.Sorted(maps.Keys(next.Parts)), slices.Sorted(maps.Keys(b.Parts)))
	}
}

// Shards are filled by a hash, so that the fullest has up to a tenth more than the mean.
func TestHowManyKeysFit(t *testing.T) {
	team := func(k *config.Key) { k.Labels = map[string]string{config.LabelTeam: "team-search"} }
	limits := func(k *config.Key) {
		team(k)
		k.Limits.Requests = []config.RequestLimit{{Count: 6000, Per: config.Duration(time.Minute), Burst: 1000}}
		k.Budgets = []config.Budget{{Amount: 50 * config.Dollar, Per: config.Month}}
	}
	for name, tc := range map[string]struct {
		change func(*config.Key)
		want   int
	}{
		"keys with a user":                               {func(*config.Key) {}, 100_000},
		"keys with a user and a team":                    {team, 90_000},
		"keys with a team, a request limit and a budget": {limits, 55_000},
		"keys with all that and a previous secret": {func(k *config.Key) {
			limits(k)
			k.Previous = &config.PreviousSecret{Digest: k.Digest, NotAfter: time.Now().UnixMilli()}
		}, 40_000},
	} {
		all := keys(3200)
		for i := range all {
			all[i].Limits, all[i].Budgets = config.Limits{}, nil
			tc.change(&all[i])
		}
		parts, sum := bundle(t, &config.Document{Keys: all}, 1).Parts, 0
		for shard := range config.KeyShards {
			sum += len(parts[config.ShardPart(shard)])
		}
		fit := config.KeyShards * config.MaxPartBytes / (sum / len(all)) * 10 / 11
		t.Logf("%s: %d bytes each, %d fit", name, sum/len(all), fit)
		if fit < tc.want {
			t.Errorf("%d %s fit, want %d at least", fit, name, tc.want)
		}
	}
}

// heap is what is in use after all garbage is gone.
func heap() uint64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestKeysTakeLittleMemoryAndAChangeIsLiveWithinASecond(t *testing.T) {
	n := manyKeys(t)
	provider := bed.Provider(t, 16)
	doc := bed.Document(provider)
	g := bed.Start(t, doc, gateway.LivingOptions{})
	reloader := gateway.NewReloader(gateway.Identity{}, g.Server.Apply)
	doc.Keys = keys(n)
	first, second := bundle(t, doc, 1), bundle(t, changed(doc, 7, "sk-another-secret"), 2)
	doc.Keys = nil
	before := heap()

	began := time.Now()
	offer(t, reloader, first)
	loaded := time.Since(began)
	perKey := int64(heap()-before) / int64(n)

	// Only the shard that changed comes, as the operator pushes it.
	moved := config.ShardPart(config.ShardOf("team-0000/" + user(7)))
	for name := range second.Parts {
		if name != moved {
			delete(second.Parts, name)
		}
	}
	began = time.Now()
	offer(t, reloader, second)
	live := time.Since(began)
	t.Logf("%d keys: %d bytes of memory a key, loaded in %v; one key's change is live after %v", n, perKey,
		loaded.Round(time.Millisecond), live.Round(time.Millisecond))
	if !raced && (perKey > 2000 || perKey <= 0) {
		t.Errorf("%d bytes a key, want at most 2000", perKey)
	}
	if limit := slowdown * time.Second; live > limit {
		t.Errorf("one key's change is live after %v, want %v at most", live, limit)
	}
	runtime.KeepAlive(g)
}

func offer(t *testing.T, r *gateway.Reloader, b config.Bundle) {
	t.Helper()
	ack, missing := r.Offer(b)
	if len(missing) > 0 || ack.Revision != b.Manifest.Revision {
		t.Fatalf("missing %v, rejected %+v", missing, ack.Rejected)
	}
}
