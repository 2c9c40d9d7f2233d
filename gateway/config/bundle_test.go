// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestADocumentSurvivesEncodeAndDecode(t *testing.T) {
	d := document()
	got, err := config.Decode(mustEncode(t, d))
	if err != nil {
		t.Fatal(err)
	}
	reveal := cmp.Transformer("Reveal", config.Secret.Reveal)
	anyOrder := cmpopts.SortSlices(func(a, b config.Key) bool { return a.ID < b.ID })
	if diff := cmp.Diff(d, got, reveal, anyOrder); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
}

func TestEqualDocumentsGiveEqualBytes(t *testing.T) {
	want := mustEncode(t, document())
	for range 20 {
		d := document()
		rand.Shuffle(len(d.Keys), func(i, j int) { d.Keys[i], d.Keys[j] = d.Keys[j], d.Keys[i] })
		if diff := cmp.Diff(want, mustEncode(t, d)); diff != "" {
			t.Fatalf("bundle (-want +got):\n%s", diff)
		}
	}
	if want.Manifest.Sequence != 0 {
		t.Errorf("Encode gives sequence %d", want.Manifest.Sequence)
	}
}

func TestTheRevisionSpeaksOfContentOnly(t *testing.T) {
	before := mustEncode(t, document()).Manifest.Revision
	for name, edit := range map[string]func(*config.Document){
		"the core":    func(d *config.Document) { d.Core.Gateway.MaxConnections++ },
		"a secret":    func(d *config.Document) { d.Secrets["provider/team/llm"] = config.NewSecret("sk-rotated") },
		"a key":       func(d *config.Document) { d.Keys[0].User = "somebody else" },
		"a key gone":  func(d *config.Document) { d.Keys = d.Keys[1:] },
		"all of them": func(d *config.Document) { d.Keys = nil },
	} {
		if mustEncode(t, document(edit)).Manifest.Revision == before {
			t.Errorf("a change of %s leaves the revision", name)
		}
	}
}

func TestOnlyThePartOfSecretsHoldsSecrets(t *testing.T) {
	for name, part := range mustEncode(t, document()).Parts {
		if holds := strings.Contains(string(part), providerSecret); holds != (name == config.SecretsPart) {
			t.Errorf("part %s holds the secret: %t", name, holds)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	// reseal makes the manifest name a bundle's parts as they are, as an operator with other ideas would.
	reseal := func(b *config.Bundle) {
		again := map[string]string{}
		for name, part := range b.Parts {
			again[name] = config.PartDigest(part)
		}
		b.Manifest.Parts = again
		b.Manifest.Revision = config.RevisionOf(again)
	}
	part := func(name, text string) func(*config.Bundle) {
		return func(b *config.Bundle) {
			b.Parts[name] = []byte(text)
			reseal(b)
		}
	}
	replace := func(name, old, new string) func(*config.Bundle) {
		return func(b *config.Bundle) {
			changed := strings.Replace(string(b.Parts[name]), old, new, 1)
			if changed == string(b.Parts[name]) {
				panic("nothing to replace: " + old)
			}
			part(name, changed)(b)
		}
	}
	shard := config.ShardPart(config.ShardOf("team/key-0"))
	tests := map[string]struct {
		tamper func(*config.Bundle)
		want   string
	}{
		"another schema":   {func(b *config.Bundle) { b.Manifest.Schema = 1 }, "schema 1 is not one this gateway reads (4)"},
		"a changed byte":   {func(b *config.Bundle) { b.Parts["core"][10] ^= 1 }, "part core is not the version that the manifest names"},
		"a changed secret": {func(b *config.Bundle) { b.Parts["secrets"] = []byte(`{}`) }, "part secrets is not the version that the manifest names"},
		"a missing part":   {func(b *config.Bundle) { delete(b.Parts, shard) }, "part " + shard + " is missing"},
		"a missing core":   {func(b *config.Bundle) { delete(b.Parts, "core"); reseal(b) }, "the manifest names no part core"},
		"missing secrets":  {func(b *config.Bundle) { delete(b.Parts, "secrets"); reseal(b) }, "the manifest names no part secrets"},
		"another revision": {func(b *config.Bundle) { b.Manifest.Revision = strings.Repeat("0", 64) }, "the manifest's revision is not that of its parts"},
		"a shard left out": {func(b *config.Bundle) { delete(b.Manifest.Parts, shard) }, "the manifest's revision is not that of its parts"},
		"an unknown part":  {part("policies", `{}`), `part "policies" is not one this gateway knows`},
		"a shard too many": {part("keys-64", `[]`), `part "keys-64" is not one this gateway knows`},
		"another gateway":  {func(b *config.Bundle) { b.Manifest.Gateway = "team/other" }, `the manifest is for gateway "team/other", the core for "team/main"`},
		"an unknown field": {replace("core", `"schema":4`, `"schema":4,"cache":{}`), `part core: json: unknown field "cache"`},
		"an unknown field deep inside": {replace("core", `"accessLog":true`, `"accessLog":true,"x":1`),
			`part core: json: unknown field "x"`},
		"an unknown field of a key": {replace(shard, `"user":`, `"role":"Master","user":`), "part " + shard + `: json: unknown field "role"`},
		"trailing bytes":            {replace("core", `{"schema"`, `{}{"schema"`), "part core: more than one JSON value"},
		"a core that is none":       {part("core", `[]`), "part core: json: cannot unmarshal array into Go value of type config.Core"},
		"secrets that are none are not quoted": {part("secrets", `{"a":"`+providerSecret+`","b":{"c":"`+providerSecret+`"}}`),
			"part secrets: not a JSON object of strings"},
		"a document that is not valid": {replace("core", `"maxConnections":10`, `"maxConnections":0`), "gateway.maxConnections: 0 is not positive"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := mustEncode(t, document(func(d *config.Document) { d.Core.Gateway.AccessLog = true }))
			test.tamper(&b)
			_, err := config.Decode(b)
			if err == nil || err.Error() != test.want {
				t.Fatalf("error %v, want %s", err, test.want)
			}
			if strings.Contains(err.Error(), providerSecret) {
				t.Error("the error quotes a secret")
			}
		})
	}
}

func TestPartsThatTheManifestDoesNotNameAreIgnored(t *testing.T) {
	b := mustEncode(t, document())
	b.Parts["keys-63x"] = []byte("anything")
	delete(b.Manifest.Parts, "keys-63x")
	d, err := config.Decode(b)
	if err != nil || len(d.Keys) != 5 {
		t.Errorf("%d keys, %v", len(d.Keys), err)
	}
}

func TestAPartThatIsTooLargeIsRefusedByName(t *testing.T) {
	core := document(func(d *config.Document) { d.Core.Providers[0].CA = strings.Repeat("a", config.MaxPartBytes) })
	if _, err := config.Encode(core); !errors.Is(err, config.ErrTooLarge) || !strings.Contains(err.Error(), "part core has") {
		t.Errorf("core: %v", err)
	}
	shards := document(func(d *config.Document) {
		d.Keys[0].User = strings.Repeat("u", config.MaxPartBytes)
	})
	if _, err := config.Encode(shards); !errors.Is(err, config.ErrTooLarge) || !strings.Contains(err.Error(), "part keys-") {
		t.Errorf("shard: %v", err)
	}
	// What just fits is taken, and two versions of it fit into a Secret.
	fits := document(func(d *config.Document) {
		d.Keys = []config.Key{{ID: "team/a"}}
		one, _ := json.Marshal(d.Keys)
		d.Keys[0].User = strings.Repeat("u", config.MaxPartBytes-len(one))
	})
	if b, err := config.Encode(fits); err != nil || len(b.Parts[config.ShardPart(config.ShardOf("team/a"))]) != config.MaxPartBytes {
		t.Errorf("what just fits: %v", err)
	}
	if secretLimit := 1 << 20; 2*config.MaxPartBytes > secretLimit {
		t.Errorf("two versions of %d bytes exceed a Secret's %d", config.MaxPartBytes, secretLimit)
	}
}

func TestMissingNamesWhatIsNotHeldInThatVersion(t *testing.T) {
	m := config.Manifest{Parts: map[string]string{"core": "1", "secrets": "2", "keys-00": "3"}}
	tests := map[string]struct {
		have map[string]string
		want []string
	}{
		"nothing is held":    {want: []string{"core", "keys-00", "secrets"}},
		"all is held":        {have: m.Parts},
		"another version":    {have: map[string]string{"core": "1", "secrets": "1", "keys-00": "3"}, want: []string{"secrets"}},
		"more than is named": {have: map[string]string{"core": "1", "secrets": "2", "keys-00": "3", "keys-01": "4"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, m.Missing(test.have)); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}

func TestShardsAreUsedEvenly(t *testing.T) {
	counts := map[int]int{}
	for i := range 64_000 {
		counts[config.ShardOf(fmt.Sprintf("team/key-%d", i))]++
	}
	if got := slices.Sorted(maps.Keys(counts)); len(got) != config.KeyShards || got[0] != 0 || got[config.KeyShards-1] != config.KeyShards-1 {
		t.Errorf("shards %v", got)
	}
	for shard, n := range counts {
		if n < 800 || n > 1200 {
			t.Errorf("shard %d has %d of 64,000 keys", shard, n)
		}
	}
}

func TestNamesOfShards(t *testing.T) {
	for name, want := range map[string]bool{
		"keys-00": true, "keys-63": true, "keys-64": false, "keys-0": false, "keys-000": false, "core": false, "": false, "keys--1": false,
	} {
		if got := config.IsShardPart(name); got != want {
			t.Errorf("%q is a shard: %t", name, got)
		}
	}
	digest := config.PartDigest([]byte("x"))
	for text, want := range map[string]bool{digest: true, digest[:62]: false, "": false, "../../" + digest[6:]: false} {
		if got := config.IsPartDigest(text); got != want {
			t.Errorf("%q is a digest: %t", text, got)
		}
	}
	if got, want := config.ShardFile("keys-07", digest), "keys-07-"+digest[:12]+".json"; got != want {
		t.Errorf("file %s, want %s", got, want)
	}
}

// FuzzDecode: whatever comes, Decode ends, and what it takes is valid and encodes again.
func FuzzDecode(f *testing.F) {
	b := mustEncode(f, document())
	for name := range b.Parts {
		f.Add(name, b.Parts[name])
	}
	f.Add("core", []byte(`{"schema":4}`))
	f.Add("secrets", []byte(`null`))
	f.Add("keys-00", []byte(`[{"id":"a","digest":""}]`))
	f.Fuzz(func(t *testing.T, name string, part []byte) {
		b := mustEncode(t, document())
		b.Parts[name] = part
		b.Manifest.Parts[name] = config.PartDigest(part)
		b.Manifest.Revision = config.RevisionOf(b.Manifest.Parts)
		d, err := config.Decode(b)
		if err != nil {
			return
		}
		if err := d.Validate(); err != nil {
			t.Fatalf("what was decoded is not valid: %v", err)
		}
		if _, err := config.Encode(d); err != nil && !errors.Is(err, config.ErrTooLarge) {
			t.Fatal(err)
		}
	})
}

func TestTheCoreOfABundleIsReadWhateverElseIsInIt(t *testing.T) {
	d := document()
	b := mustEncode(t, d)
	b.Parts = map[string][]byte{config.CorePart: b.Parts[config.CorePart]}
	got, err := b.ReadCore()
	if diff := cmp.Diff(d.Core, got); err != nil || diff != "" {
		t.Errorf("%v, core (-want +got):\n%s", err, diff)
	}
	b.Parts[config.CorePart] = []byte(`{"schema": 3, "later": true, "gateway": {"id": "team/main"}}`)
	if got, err := b.ReadCore(); err != nil || got.Gateway.ID != "team/main" {
		t.Errorf("of a later version: %+v, %v", got, err)
	}
	for _, part := range []string{"", "[", `{"schema": "1"}`} {
		b.Parts[config.CorePart] = []byte(part)
		if _, err := b.ReadCore(); err == nil {
			t.Errorf("%q is a core", part)
		}
	}
}
