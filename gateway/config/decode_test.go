// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

// Whatever came before, good or bad, a Decoder gives what a new one gives.
func TestWhatADecoderRemembersNeverShows(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	decoder := &config.Decoder{}
	refused := 0
	for step := range 300 {
		d := document()
		d.Keys = nil
		for i := range random.IntN(200) {
			id, version := fmt.Sprint("team/key-", i), random.IntN(40)/39 // now and then another version of a key
			d.Keys = append(d.Keys, config.Key{ID: id, User: fmt.Sprint("user-", version), Digest: config.DigestKey(id),
				Labels: map[string]string{config.LabelTeam: "search"}})
		}
		b := mustEncode(t, d)
		if name := config.ShardPart(random.IntN(config.KeyShards)); random.IntN(4) == 0 && b.Parts[name] != nil {
			b.Parts[name] = []byte(`[{"id":"damaged","unknown":1}]`)
			if random.IntN(2) == 0 {
				b.Manifest.Parts[name] = config.PartDigest(b.Parts[name])
				b.Manifest.Revision = config.RevisionOf(b.Manifest.Parts)
			}
		}
		want, wantErr := config.Decode(b)
		got, err := decoder.Decode(b)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("step %d: %v, want %v", step, err, wantErr)
		}
		if err != nil {
			refused++
			continue
		}
		if diff := cmp.Diff(want.Keys, got.Keys); diff != "" {
			t.Fatalf("step %d: keys (-want +got):\n%s", step, diff)
		}
	}
	if refused < 20 || refused > 200 {
		t.Errorf("%d of 300 were refused", refused)
	}
}
