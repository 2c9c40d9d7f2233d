// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/source"
)

// bundle gives a bundle of made-up parts: a directory does not look into them.
func bundle(sequence int64, parts map[string]string) config.Bundle {
	b := config.Bundle{
		Manifest: config.Manifest{Schema: config.Schema, Gateway: "team/main", Sequence: sequence,
			Revision: fmt.Sprint("revision-", sequence), Parts: map[string]string{}},
		Parts: map[string][]byte{},
	}
	for name, text := range parts {
		b.Parts[name], b.Manifest.Parts[name] = []byte(text), config.PartDigest([]byte(text))
	}
	return b
}

func plain(sequence int64) config.Bundle {
	return bundle(sequence, map[string]string{
		"core": fmt.Sprint("core ", sequence), "secrets": fmt.Sprint("secrets ", sequence), "keys-07": fmt.Sprint("keys ", sequence)})
}

// files gives a bundle as the Secrets lay it out.
func files(t *testing.T, b config.Bundle) map[string][]byte {
	t.Helper()
	manifest, err := json.Marshal(b.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{config.ManifestFile: manifest}
	for name, part := range b.Parts {
		switch name {
		case config.CorePart:
			out[config.CoreFile] = part
		case config.SecretsPart:
			out[config.SecretsFile] = part
		default:
			out[config.ShardFile(name, b.Manifest.Parts[name])] = part
		}
	}
	return out
}

func write(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// kubelet lays files out as the kubelet does: in a directory of their own that the link "..data" is swapped to, with a
// link a file beside it.
func kubelet(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	version, err := os.MkdirTemp(dir, "..2026_")
	if err != nil {
		t.Fatal(err)
	}
	write(t, version, files)
	if err := os.Symlink(filepath.Base(version), filepath.Join(dir, "..data_tmp")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	for name := range files {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
}

// offers is an Offer that keeps what it is given.
type offers struct {
	got      []config.Bundle
	missing  []string
	rejected string
	log      bytes.Buffer
}

func (o *offers) directory(path string) *source.Directory {
	return &source.Directory{Path: path, Logger: slog.New(slog.NewTextHandler(&o.log, nil)), Offer: func(b config.Bundle) (config.Ack, []string) {
		o.got = append(o.got, b)
		var ack config.Ack
		if o.rejected != "" {
			ack.Rejected = &config.Rejection{Revision: b.Manifest.Revision, Sequence: b.Manifest.Sequence, Error: o.rejected}
		}
		return ack, o.missing
	}}
}

func (o *offers) want(t *testing.T, want ...config.Bundle) {
	t.Helper()
	if diff := cmp.Diff(want, o.got); diff != "" {
		t.Errorf("offers (-want +got):\n%s", diff)
	}
}

func TestACompleteDirectoryIsOfferedOnce(t *testing.T) {
	dir, o := t.TempDir(), &offers{}
	write(t, dir, files(t, plain(1)))
	write(t, dir, map[string][]byte{"something-else.json": []byte("{")})
	d := o.directory(dir)
	d.Check()
	d.Check()
	o.want(t, plain(1))
	write(t, dir, files(t, plain(2)))
	d.Check()
	d.Check()
	o.want(t, plain(1), plain(2))
	if o.log.Len() > 0 {
		t.Errorf("it has something to say: %s", o.log.String())
	}
}

func TestAnIncompleteDirectoryIsNotOffered(t *testing.T) {
	whole := files(t, plain(1))
	shard := config.ShardFile("keys-07", plain(1).Manifest.Parts["keys-07"])
	tests := map[string]struct {
		edit    func(map[string][]byte)
		wantLog string
	}{
		"nothing is there yet":            {func(f map[string][]byte) { clear(f) }, "manifest.json"},
		"no manifest yet":                 {func(f map[string][]byte) { delete(f, config.ManifestFile) }, "manifest.json"},
		"half of a manifest":              {func(f map[string][]byte) { f[config.ManifestFile] = f[config.ManifestFile][:20] }, "unexpected end of JSON"},
		"a shard is not there yet":        {func(f map[string][]byte) { delete(f, shard) }, "does not hold all that its manifest names: part keys-07"},
		"the core is not there yet":       {func(f map[string][]byte) { delete(f, config.CoreFile) }, "does not hold all that its manifest names: part core"},
		"the core is of another version":  {func(f map[string][]byte) { f[config.CoreFile] = []byte("core 0") }, "does not hold all that its manifest names: part core"},
		"a shard is not what its name is": {func(f map[string][]byte) { f[shard] = []byte("keys 0") }, "does not hold all that its manifest names: part keys-07"},
		"the manifest names an unknown part": {func(f map[string][]byte) {
			f[config.ManifestFile], _ = json.Marshal(bundle(1, map[string]string{"policies": ""}).Manifest)
		}, `part \\\"policies\\\" is not one this gateway knows`},
		"the manifest names a part outside the directory": {func(f map[string][]byte) {
			m := plain(1).Manifest
			m.Parts["keys-07"] = "../../../../etc/passwd"
			f[config.ManifestFile], _ = json.Marshal(m)
		}, `part \\\"keys-07\\\" is not one this gateway knows`},
		"the manifest names a part with too short a digest": {func(f map[string][]byte) {
			m := plain(1).Manifest
			m.Parts["keys-07"] = "abc"
			f[config.ManifestFile], _ = json.Marshal(m)
		}, `part \\\"keys-07\\\" is not one this gateway knows`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir, o := t.TempDir(), &offers{}
			partial := map[string][]byte{}
			for name, content := range whole {
				partial[name] = content
			}
			test.edit(partial)
			write(t, dir, partial)
			d := o.directory(dir)
			d.Check()
			d.Check()
			o.want(t)
			if n := strings.Count(o.log.String(), "trying again"); n != 1 {
				t.Errorf("the same problem is told %d times: %s", n, o.log.String())
			}
			if !strings.Contains(strings.ReplaceAll(o.log.String(), `\"`, `\\\"`), test.wantLog) {
				t.Errorf("the problem is told as %s, want %s", o.log.String(), test.wantLog)
			}
			// What was missing arrives.
			write(t, dir, whole)
			d.Check()
			o.want(t, plain(1))
		})
	}
}

func TestSwapsAsTheKubeletMakesThem(t *testing.T) {
	dir, o := t.TempDir(), &offers{}
	kubelet(t, dir, files(t, plain(1)))
	d := o.directory(dir)
	d.Check()
	o.want(t, plain(1))

	// The shard's Secret arrives before the manifest's, beside the version that the old manifest names.
	both := files(t, plain(1))
	shard := config.ShardFile("keys-07", plain(2).Manifest.Parts["keys-07"])
	both[shard] = plain(2).Parts["keys-07"]
	kubelet(t, dir, both)
	d.Check()
	o.want(t, plain(1))

	// Or after it: then the manifest names what is not there yet.
	late := files(t, plain(2))
	delete(late, shard)
	_ = os.Remove(filepath.Join(dir, shard))
	kubelet(t, dir, late)
	d.Check()
	o.want(t, plain(1))

	kubelet(t, dir, files(t, plain(2)))
	d.Check()
	o.want(t, plain(1), plain(2))
}

// A mounted directory may fall behind, as the kubelet is slow; that an older document does not replace a newer one is
// the reloader's decision, so it is offered all the same.
func TestAnOlderSequenceIsOfferedToo(t *testing.T) {
	dir, o := t.TempDir(), &offers{}
	d := o.directory(dir)
	write(t, dir, files(t, plain(2)))
	d.Check()
	write(t, dir, files(t, plain(1)))
	d.Check()
	o.want(t, plain(2), plain(1))
}

func TestWhatTheReloaderLacksIsOfferedAgain(t *testing.T) {
	dir, o := t.TempDir(), &offers{missing: []string{"core"}}
	write(t, dir, files(t, plain(1)))
	d := o.directory(dir)
	d.Check()
	o.missing = nil
	d.Check()
	d.Check()
	o.want(t, plain(1), plain(1))
}

func TestARefusalIsToldAndNotRepeated(t *testing.T) {
	dir, o := t.TempDir(), &offers{rejected: "it is bad"}
	write(t, dir, files(t, plain(1)))
	d := o.directory(dir)
	d.Check()
	d.Check()
	o.want(t, plain(1))
	if got := o.log.String(); strings.Count(got, "it is bad") != 1 {
		t.Errorf("log: %s", got)
	}
}

func TestRunLooksEverySecondUntilItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, o := t.TempDir(), &offers{}
		write(t, dir, files(t, plain(1)))
		done := make(chan struct{})
		go func() {
			defer close(done)
			o.directory(dir).Run(t.Context())
		}()
		synctest.Wait()
		o.want(t, plain(1))
		write(t, dir, files(t, plain(2)))
		pause(time.Second + time.Millisecond)
		o.want(t, plain(1), plain(2))
		t.Cleanup(func() { <-done })
	})
}

// pause lets the time of a synctest bubble go on.
func pause(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
