// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/controllers/render"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestGoldenManifests(t *testing.T) {
	for name, gw := range gateways(t) {
		t.Run(name, func(t *testing.T) {
			desired, absent := render.Workload(gw, options, audiences[name])
			var got bytes.Buffer
			for _, o := range desired {
				text, err := yaml.Marshal(o)
				if err != nil {
					t.Fatal(err)
				}
				got.WriteString("---\n")
				got.Write(text)
			}
			for _, o := range absent {
				got.WriteString("# absent: " + o.GetObjectKind().GroupVersionKind().Kind + " " + o.GetNamespace() + "/" + o.GetName() + "\n")
			}
			path := "testdata/" + name + ".golden.yaml"
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v; write it with -update", err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		})
	}
}
