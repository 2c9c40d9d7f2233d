// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// execute runs the command line and gives what it prints.
func execute(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&errOut)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errOut.String(), err
}

const broken = `apiVersion: sparkgateway.dev/v1alpha1
kind: SparkGateway
metadata: {name: main}
spec:
  replicas: -1
`

func TestValidate(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	const line = "a.yaml:5: SparkGateway default/main: spec.replicas: should be greater than or equal to 0, not -1\n"
	tests := map[string]struct {
		stdin  string
		args   []string
		want   string
		failed bool
	}{
		"a valid directory":            {"", []string{"-f", "../../config/samples/minimal"}, "valid: 1 SparkGateway, 1 ProviderPolicy, 1 APIKey, 1 Secret\n", false},
		"a directory with a problem":   {"", []string{"-f", dir}, dir + "/" + line, true},
		"a file with a problem":        {"", []string{"-f", file}, dir + "/" + line, true},
		"standard input":               {broken, []string{"-f", "-"}, strings.Replace(line, "a.yaml", "stdin", 1), true},
		"what the compiler refuses":    {"", []string{"-f", "../../config/samples/minimal/spark.yaml"}, "../../config/samples/minimal/spark.yaml:17: ProviderPolicy default/openai: spec.credentials.secretRef: Secret default/openai-api-key does not exist\n", true},
		"Secrets that Git has not":     {"", []string{"-f", "../../config/samples/minimal/spark.yaml", "--without-secrets"}, "valid: 1 SparkGateway, 1 ProviderPolicy, 1 APIKey\n", false},
		"several paths are one set":    {"", []string{"-f", "../../config/samples/minimal/spark.yaml", "-f", "../../config/samples/minimal/secret.yaml"}, "valid: 1 SparkGateway, 1 ProviderPolicy, 1 APIKey, 1 Secret\n", false},
		"manifests without Spark's":    {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}", []string{"-f", "-"}, "valid: nothing of Spark's\n", false},
		"a path that is not there":     {"", []string{"-f", filepath.Join(dir, "none")}, "", true},
		"no path":                      {"", nil, "", true},
		"an output that is not known":  {"", []string{"-f", file, "-o", "xml"}, "", true},
		"an argument where a flag was": {"", []string{file}, "", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, _, err := execute(t, tt.stdin, append([]string{"validate"}, tt.args...)...)
			if got != tt.want || (err != nil) != tt.failed {
				t.Errorf("got %q, %v\nwant %q, failed %v", got, err, tt.want, tt.failed)
			}
			if tt.want != "" && tt.failed && !errors.Is(err, errSaid) {
				t.Error("would be said twice:", err)
			}
		})
	}
}

func TestValidateAsJSON(t *testing.T) {
	stdout, _, err := execute(t, broken+"---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}", "validate", "-f", "-", "-o", "json")
	if !errors.Is(err, errSaid) {
		t.Error("got", err)
	}
	var got report
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err, stdout)
	}
	if got.Valid || len(got.Problems) != 1 || got.Problems[0].Line != 5 || got.Problems[0].Field != "spec.replicas" ||
		len(got.Notes) != 1 || got.Notes[0].Object != "Deployment default/x" {
		t.Errorf("got %+v", got)
	}
	stdout, _, err = execute(t, "", "validate", "-f", "../../config/samples/minimal", "-o", "json")
	if err != nil || !strings.Contains(stdout, `"problems": []`) {
		t.Errorf("want an empty list, got %s, %v", stdout, err)
	}
}

func TestVersionAndCompletionAnswer(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"completion", "bash"}, {"__complete", "validate", "-o", ""}} {
		stdout, _, err := execute(t, "", args...)
		if err != nil || stdout == "" {
			t.Errorf("%v: %q, %v", args, stdout, err)
		}
	}
}
