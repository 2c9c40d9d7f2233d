// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestThresholdsAreKeptOrBroken(t *testing.T) {
	for name, c := range map[string]struct {
		text, found string
		kept        bool
	}{
		"below":                           {"p99<2s", "1.90s", true},
		"just not below":                  {"p99<1900ms", "1.90s", false},
		"at most":                         {"p99<=1.9s", "1.90s", true},
		"a percentile with a fraction":    {"p99.9<2.4s", "2.50s", false},
		"of first tokens":                 {"ttft_p95<50ms", "40.5ms", true},
		"from when sent":                  {"service_p99 < 1.85s", "1.80s", true},
		"the mean":                        {"mean<100ms", "110ms", false},
		"the slowest":                     {"max<3s", "2.60s", true},
		"a share of errors":               {"errors<1%", "1.00%", false},
		"a share of errors, at most":      {"errors<=1%", "1.00%", true},
		"a number of errors":              {"errors<13", "12", true},
		"a number of errors, not more":    {"errors<12", "12", false},
		"a rate":                          {"rate>99.5", "100", true},
		"a rate that was not reached":     {"rate>100", "100", false},
		"at least":                        {"rate>=100", "100", true},
		"what was answered":               {"throughput>99.5", "99", false},
		"tokens of answers":               {"tokens>4000", "4800", true},
		"a share of late ones":            {"late<1%", "0.50%", true},
		"what was not measured is broken": {"itl_p99<1h", "not measured", false},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := ParseThresholds(c.text)
			if err != nil {
				t.Fatal(err)
			}
			want := []Verdict{{Threshold: c.text, Found: c.found, Kept: c.kept}}
			got := Judge(all, sample())
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if Kept(got) != c.kept {
				t.Errorf("all are kept: %t", !c.kept)
			}
		})
	}
}

func TestARunWithoutAnEndOfAnyRequestKeepsNoThreshold(t *testing.T) {
	all, err := ParseThresholds("errors<1%,late<1,rate<5,p50<1s")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range Judge(all, &Result{}) {
		if v.Kept {
			t.Errorf("%s was kept by nothing", v.Threshold)
		}
	}
}

func TestThresholdsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, text := range []string{
		"p99", "p99=2s", "p98<2s", "p99<2", "p99<fast", "errors<1s", "errors<-1", "errors<NaN", "rate>50%", "<1s", "rate>", "p99<2s;errors<1",
	} {
		if all, err := ParseThresholds(text); err == nil {
			t.Errorf("%q was taken as %+v", text, all)
		}
	}
	if all, err := ParseThresholds(" , "); err != nil || len(all) != 0 {
		t.Errorf("nothing is %v, %v", all, err)
	}
}

func TestKeysAreReadAndNeverTold(t *testing.T) {
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		key, file string
		want      []string
		wrong     bool
	}{
		"none":                    {},
		"one":                     {key: "a", want: []string{"a"}},
		"those of a file":         {file: file("# of the test\nb\n\n  c  \n"), want: []string{"b", "c"}},
		"both":                    {key: "a", file: file("b"), want: []string{"a", "b"}},
		"a file without one":      {file: file("# none\n"), wrong: true},
		"a file that is not":      {file: "/nowhere/keys", wrong: true},
		"a key with a space":      {key: "hunter2 x", wrong: true},
		"a key with a line break": {key: "hunter2\r\nx: y", wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadKeys(c.key, c.file)
			if (err != nil) != c.wrong {
				t.Fatalf("error %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error has the key: %v", err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
