// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/config"
)

// version gives a document's bundle: every number has content of its own, and keys in two shards, of which the number
// changes one.
func version(t testing.TB, n int64) config.Bundle {
	t.Helper()
	minute := config.Duration(time.Minute)
	b, err := config.Encode(&config.Document{
		Core: config.Core{Schema: config.Schema, Gateway: config.Gateway{
			ID: "team/main", MaxBodyBytes: 1, MaxHeaderBytes: 1 << 10, BodyTimeout: minute, MaxConnections: 1, DrainTimeout: minute}},
		Keys: []config.Key{
			{ID: "team/same", Digest: config.DigestKey("same"), User: "same"},
			{ID: "team/other", Digest: config.DigestKey("other"), User: fmt.Sprint("version ", n)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Manifest.Sequence = n
	return b
}

// served is an apply function that keeps what it was given.
type served struct {
	got  []string
	fail func(user string) error
}

func (s *served) apply(d *config.Document) error {
	user := ""
	for _, k := range d.Keys {
		if k.ID == "team/other" {
			user = k.User
		}
	}
	if s.fail != nil {
		if err := s.fail(user); err != nil {
			return err
		}
	}
	s.got = append(s.got, user)
	return nil
}

func newReloader(s *served) *gateway.Reloader {
	return gateway.NewReloader(gateway.Identity{Gateway: "team/main", Pod: "pod-uid", Version: "v1"}, s.apply)
}

func wantAck(t *testing.T, r *gateway.Reloader, revision string, sequence int64, rejected *config.Rejection) {
	t.Helper()
	got := r.Ack()
	want := config.Ack{Gateway: "team/main", Pod: "pod-uid", Instance: got.Instance, Revision: revision, Sequence: sequence,
		Rejected: rejected, Schemas: []int{config.Schema}, Version: "v1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ack (-want +got):\n%s", diff)
	}
}

func TestTheNewestDocumentIsServed(t *testing.T) {
	tests := map[string]struct {
		offers []int64
		want   []string
	}{
		"each newer one is taken":                  {offers: []int64{1, 2, 3}, want: []string{"version 1", "version 2", "version 3"}},
		"an older one by the slower road is not":   {offers: []int64{2, 1}, want: []string{"version 2"}},
		"the same by both roads is taken once":     {offers: []int64{1, 1, 2, 2}, want: []string{"version 1", "version 2"}},
		"versions may be left out":                 {offers: []int64{1, 7, 3, 8}, want: []string{"version 1", "version 7", "version 8"}},
		"a document without a sequence is no news": {offers: []int64{0}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &served{}
			r := newReloader(s)
			wantAck(t, r, "", 0, nil)
			var newest int64
			for _, n := range test.offers {
				newest = max(newest, n)
				ack, missing := r.Offer(version(t, n))
				if missing != nil || ack.Sequence != newest || ack.Rejected != nil {
					t.Errorf("after %d: ack %+v, missing %v", n, ack, missing)
				}
			}
			if diff := cmp.Diff(test.want, s.got); diff != "" {
				t.Errorf("served (-want +got):\n%s", diff)
			}
			if newest > 0 {
				wantAck(t, r, version(t, newest).Manifest.Revision, newest, nil)
			}
		})
	}
}

func TestARefusedDocumentLeavesTheLastGoodOne(t *testing.T) {
	tests := map[string]struct {
		bad  func(*config.Bundle)
		fail func(string) error
		want string
	}{
		"it cannot be decoded": {
			bad:  func(b *config.Bundle) { b.Manifest.Schema = 99 },
			want: "schema 99 is not one this gateway reads (4)",
		},
		"it was tampered with": {
			bad:  func(b *config.Bundle) { b.Parts["core"] = append([]byte(" "), b.Parts["core"]...) },
			want: "part core is not the version that the manifest names",
		},
		"it is for another gateway": {
			bad:  func(b *config.Bundle) { b.Manifest.Gateway = "team/other" },
			want: `the document is for gateway "team/other", this is "team/main"`,
		},
		"it cannot be applied": {
			fail: func(user string) error {
				if user == "version 2" {
					return errors.New("out of luck")
				}
				return nil
			},
			want: "out of luck",
		},
		"applying it panics": {
			fail: func(user string) error {
				if user == "version 2" {
					panic("out of bounds")
				}
				return nil
			},
			want: "the gateway failed over this document: out of bounds",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &served{fail: test.fail}
			r := newReloader(s)
			r.Offer(version(t, 1))
			bad := version(t, 2)
			if test.bad != nil {
				test.bad(&bad)
			}
			ack, missing := r.Offer(bad)
			if missing != nil || ack.Rejected == nil {
				t.Fatalf("ack %+v, missing %v", ack, missing)
			}
			rejected := &config.Rejection{Revision: bad.Manifest.Revision, Sequence: 2, Error: test.want}
			wantAck(t, r, version(t, 1).Manifest.Revision, 1, rejected)
			// It is not tried again by the other road, nor is what is older.
			r.Offer(bad)
			r.Offer(version(t, 1))
			wantAck(t, r, version(t, 1).Manifest.Revision, 1, rejected)
			if diff := cmp.Diff([]string{"version 1"}, s.got); diff != "" {
				t.Errorf("served (-want +got):\n%s", diff)
			}
			// The next good one mends it.
			r.Offer(version(t, 3))
			wantAck(t, r, version(t, 3).Manifest.Revision, 3, nil)
		})
	}
}

func TestTheFirstDocumentMayBeRefusedToo(t *testing.T) {
	r := newReloader(&served{fail: func(string) error { return errors.New("no") }})
	r.Offer(version(t, 4))
	wantAck(t, r, "", 0, &config.Rejection{Revision: version(t, 4).Manifest.Revision, Sequence: 4, Error: "no"})
}

func TestARefusalIsToldBriefly(t *testing.T) {
	r := newReloader(&served{fail: func(string) error { return errors.New(strings.Repeat("é", 100_000)) }})
	ack, _ := r.Offer(version(t, 1))
	if n := len(ack.Rejected.Error); n < 4000 || n > 5000 || !utf8.ValidString(ack.Rejected.Error) {
		t.Errorf("the refusal has %d bytes", n)
	}
}

func TestPartsThatAreHeldNeedNotBeSent(t *testing.T) {
	only := func(b config.Bundle, names ...string) config.Bundle {
		parts := map[string][]byte{}
		for _, name := range names {
			parts[name] = b.Parts[name]
		}
		b.Parts = parts
		return b
	}
	same, other := config.ShardPart(config.ShardOf("team/same")), config.ShardPart(config.ShardOf("team/other"))
	t.Run("the changed shard alone is enough", func(t *testing.T) {
		s := &served{}
		r := newReloader(s)
		r.Offer(version(t, 1))
		if _, missing := r.Offer(only(version(t, 2), other)); missing != nil {
			t.Fatalf("missing %v", missing)
		}
		wantAck(t, r, version(t, 2).Manifest.Revision, 2, nil)
	})
	t.Run("what is lacking is named and nothing changes", func(t *testing.T) {
		s := &served{}
		r := newReloader(s)
		r.Offer(version(t, 1))
		if _, missing := r.Offer(only(version(t, 2), same)); !cmp.Equal(missing, []string{other}) {
			t.Errorf("missing %v, want %s", missing, other)
		}
		wantAck(t, r, version(t, 1).Manifest.Revision, 1, nil)
	})
	t.Run("a fresh process lacks everything", func(t *testing.T) {
		_, missing := newReloader(&served{}).Offer(only(version(t, 2)))
		if len(missing) != 4 {
			t.Errorf("missing %v", missing)
		}
	})
	t.Run("parts of a refused document are not held", func(t *testing.T) {
		s := &served{fail: func(user string) error {
			if user == "version 2" {
				return errors.New("no")
			}
			return nil
		}}
		r := newReloader(s)
		r.Offer(version(t, 1))
		r.Offer(version(t, 2))
		third := version(t, 2)
		third.Manifest.Sequence = 3
		if _, missing := r.Offer(only(third)); !cmp.Equal(missing, []string{other}) {
			t.Errorf("missing %v, want %s", missing, other)
		}
	})
}

func TestAReloaderForAnyGatewayTakesAll(t *testing.T) {
	s := &served{}
	r := gateway.NewReloader(gateway.Identity{}, s.apply)
	if ack, _ := r.Offer(version(t, 1)); ack.Sequence != 1 {
		t.Errorf("ack %+v", ack)
	}
}

func TestEveryProcessHasAnInstanceOfItsOwn(t *testing.T) {
	a, b := newReloader(&served{}).Ack().Instance, newReloader(&served{}).Ack().Instance
	if a == b || len(a) < 16 {
		t.Errorf("instances %q and %q", a, b)
	}
}

func TestDrainIsToldAndConfigurationGoesOn(t *testing.T) {
	r := newReloader(&served{})
	r.Drain()
	if ack, _ := r.Offer(version(t, 1)); !ack.Draining || ack.Sequence != 1 {
		t.Errorf("ack %+v", ack)
	}
}

// Two roads and many askers at once: documents are applied one at a time, in rising order, and the newest stays.
func TestOffersAtOnce(t *testing.T) {
	var last int64
	overlapping := false
	var busy sync.Mutex
	r := gateway.NewReloader(gateway.Identity{}, func(d *config.Document) error {
		if !busy.TryLock() {
			overlapping = true
			return nil
		}
		defer busy.Unlock()
		var n int64
		for _, k := range d.Keys {
			_, _ = fmt.Sscanf(k.User, "version %d", &n)
		}
		if n <= last {
			t.Errorf("version %d is applied after %d", n, last)
		}
		last = n
		return nil
	})
	var bundles []config.Bundle
	for n := range int64(50) {
		bundles = append(bundles, version(t, n+1))
	}
	var wg sync.WaitGroup
	for road := range 4 {
		wg.Go(func() {
			for i := range bundles {
				r.Offer(bundles[(i*7+road)%len(bundles)])
				r.Ack()
			}
		})
	}
	wg.Wait()
	if ack := r.Ack(); ack.Sequence != 50 || last != 50 || overlapping {
		t.Errorf("at the end: ack %d, applied %d, overlapping %t", ack.Sequence, last, overlapping)
	}
}
