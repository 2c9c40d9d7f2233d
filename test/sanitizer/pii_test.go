// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A row of each sort: right, exact and not, missed, false, allowed, and characters that are more than a byte.
const piiRows = `{"text":"mail ann@example.com","entities":[{"type":"EMAIL","value":"ann@example.com","start":5,"end":20}],"kind":"x"}
{"text":"ä mail bob@example.com.","entities":[{"type":"EMAIL","value":"mail bob@example.com","start":2,"end":22}],"kind":"x"}
{"text":"mail carl at example","entities":[{"type":"EMAIL","value":"carl at example","start":5,"end":20}],"kind":"x"}
{"text":"from 10.0.0.1","entities":[],"kind":"x"}
{"text":"the password is Summer2024.","entities":[{"type":"PASSWORD","value":"Summer2024","start":16,"end":26}],"kind":"x"}
{"text":"the password is nothing","entities":[{"type":"PASSWORD","value":"nothing","start":16,"end":23}],"kind":"x"}
{"text":"Ann","entities":[{"type":"PERSON","value":"Ann","start":0,"end":3}],"kind":"x"}
`

const benignRows = `{"text":"write to dora@example.com","label":"benign","kind":"y"}
{"text":"nothing here","label":"benign","kind":"y"}
{"text":"write to eve@example.com","label":"attack","kind":"y"}
`

func written(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEvalPIICounts(t *testing.T) {
	dir := written(t, map[string]string{"pii.jsonl": piiRows, "prompts.jsonl": benignRows})
	t.Setenv("MISSES", "1")
	var out strings.Builder
	if err := evalPII(&out, dir); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for i, l := range lines {
		lines[i] = strings.Join(strings.Fields(l), " ")
	}
	got := strings.Join(lines, "\n")
	for name, want := range map[string]string{
		"recall, exact recall and precision of a kind": "Email 3 0.667 0.333 2 1.000",
		"a finding without a label":                    "IPAddress 0 1.000 1.000 1 0.000",
		"a password that is found is right":            "APIKey 0 1.000 1.000 1 1.000",
		"the number of rows":                           "7 rows",
		"benign prompts, attacks aside":                "In 2 benign prompts (0 KB), without labels: findings in 1 of them, Email 1",
		"a miss is told":                               `miss EMAIL "carl at example"`,
		"what is not exact is told":                    `inexact EMAIL "mail bob@example.com"`,
		"a false finding is told":                      `false IPAddress "10.0.0.1"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s: no %q in\n%s", name, want, got)
		}
	}
	if strings.Contains(got, "PASSWORD \"nothing\"") {
		t.Errorf("a password that is not found counts as a miss:\n%s", got)
	}
}

func TestEvalPIIIsQuietAndNeedsNoPrompts(t *testing.T) {
	dir := written(t, map[string]string{"pii.jsonl": piiRows})
	t.Setenv("MISSES", "")
	var out strings.Builder
	if err := evalPII(&out, dir); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "ann@") || strings.Contains(out.String(), "benign prompts") {
		t.Errorf("it tells more than figures:\n%s", out.String())
	}
}

func TestEvalPIITellsWhatItCannotRead(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no file":            {nil, "pii.jsonl"},
		"a row that is none": {map[string]string{"pii.jsonl": piiRows + "{x"}, "pii.jsonl, row 8"},
		"a prompt that is none": {map[string]string{"pii.jsonl": piiRows, "prompts.jsonl": benignRows + "["},
			"prompts.jsonl, row 4"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			err := evalPII(&out, written(t, test.files))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}
