// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/load"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// loaded runs load with these flags.
func loaded(t *testing.T, ctx context.Context, args ...string) (stdout, stderr string, err error) { //nolint:revive // the test comes first everywhere
	t.Helper()
	var out, problems bytes.Buffer
	cmd := loadCommand()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&problems)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err = cmd.ExecuteContext(ctx)
	return out.String(), problems.String(), err
}

func loadable(t *testing.T) string {
	t.Helper()
	provider := fakeprovider.New(fakeprovider.Options{APIKeys: []string{"hunter2"}})
	if err := provider.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = provider.Close() })
	return provider.URL()
}

func TestLoadReportsInAllItsForms(t *testing.T) {
	dir := t.TempDir()
	page, file := filepath.Join(dir, "load.html"), filepath.Join(dir, "load.json")
	stdout, stderr, err := loaded(t, t.Context(), "--url", loadable(t)+"/v1", "--key", "hunter2", "--model", "gpt-4o", "--rate", "50",
		"--duration", "1s", "--stream", "50", "--max-tokens", "5", "--seed", "1", "--fail-if", "errors<1%,p99<30s,itl_p50<30s", "--report", page, "--json", file)
	if err != nil {
		t.Fatal(err, stderr)
	}
	for _, want := range []string{"TIME", "TTFT-P95", "latency", "sent 50", "kept    p99<30s"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in %s", want, stdout)
		}
	}
	var report load.Report
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(written, &report); err != nil {
		t.Fatal(err)
	}
	if report.Sent != 50 || report.OK != 50 || report.Streams < 10 || report.OutputTokens != 250 || !report.Kept {
		t.Errorf("%d sent, %d answered, %d streams, %d tokens, kept %t", report.Sent, report.OK, report.Streams, report.OutputTokens, report.Kept)
	}
	drawn, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(drawn, []byte("All 3 thresholds were kept.")) {
		t.Error("the page has no headline")
	}
	for name, text := range map[string]string{"stdout": stdout, "stderr": stderr, "the JSON": string(written), "the page": string(drawn)} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("the key is in %s", name)
		}
	}
}

func TestLoadFails(t *testing.T) {
	url := loadable(t)
	t.Setenv(keyVariable, "hunter2")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"when a threshold is broken":        {[]string{"--model", "gpt-4o", "--fail-if", "p50<1us,errors<1"}, "1 of 2 thresholds were broken."},
		"when nothing is answered well":     {[]string{"--model", "gpt-4o+fault=status:500"}, "No request was answered well."},
		"when the key is not one it should": {[]string{"--model", "gpt-4o", "--key", "wrong"}, "No request was answered well."},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, _, err := loaded(t, t.Context(), append(c.args, "--url", url, "--concurrency", "2", "--duration", "300ms", "-q", "-o", "json")...)
			if err == nil || err.Error() != c.want {
				t.Errorf("error %v", err)
			}
			var report load.Report
			if err := json.Unmarshal([]byte(stdout), &report); err != nil {
				t.Errorf("the report is not told: %v", err)
			}
		})
	}
}

func TestAReportThatCannotBeWrittenLosesNoOther(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "load.json")
	stdout, _, err := loaded(t, t.Context(), "--url", loadable(t), "--key", "hunter2", "--model", "gpt-4o", "--concurrency", "1", "--duration", "200ms",
		"--report", dir, "--json", file)
	if err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v", err)
	}
	var report load.Report
	if written, err := os.ReadFile(file); err != nil || json.Unmarshal(written, &report) != nil || report.OK == 0 {
		t.Errorf("the JSON: %v, %d answered", err, report.OK)
	}
	if !strings.Contains(stdout, "latency") {
		t.Errorf("the summary is not told: %s", stdout)
	}
}

func TestLoadThatIsInterruptedReports(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	stdout, stderr, err := loaded(t, ctx, "--url", loadable(t), "--key", "hunter2", "--model", "gpt-4o", "--rate", "20", "--duration", "1h", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var report load.Report
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatal(err)
	}
	if !report.Cut || report.OK == 0 || len(report.Warnings) == 0 {
		t.Errorf("cut %t, %d answered, %q", report.Cut, report.OK, report.Warnings)
	}
	if !strings.Contains(stderr, "TIME") {
		t.Error("the seconds are not told beside JSON")
	}
}

func TestLoadRefusesWhatMakesNoSense(t *testing.T) {
	with := func(args ...string) []string { return append([]string{"--url", "http://h", "--model", "m"}, args...) }
	for want, args := range map[string][]string{
		"which gateway?": {"--model", "m", "--rate", "1"}, `"model" not set`: {"--url", "http://h", "--rate", "1"},
		"how much load?": with(), "Give one of --rate": with("--rate", "1", "--concurrency", "2"), "--rate:": with("--rate", "-1"),
		"--soak:": with("--soak", "x"), "stages of --soak rise": with("--soak", "1s:5", "--ramp", "1s"), "--concurrency:": with("--concurrency", "2000"),
		"--arrivals:": with("--rate", "1", "--arrivals", "x"), "--dialect:": with("--rate", "1", "--dialect", "x"),
		"--prompt-tokens:": with("--rate", "1", "--prompt-tokens", "x"), "--stream:": with("--rate", "1", "--stream", "101"),
		"--max-tokens: 1": with("--rate", "1", "--max-tokens", "0"), "at least 16": with("--rate", "1", "--dialect", "responses", "--max-tokens", "8"),
		"--prompts:": with("--rate", "1", "--prompts", "-1"), "--max-connections:": with("--rate", "1", "--max-connections", "0"),
		"--fail-if:": with("--rate", "1", "--fail-if", "p99"), "-o ": with("--rate", "1", "-o", "xml"),
		"keys:": with("--rate", "1", "--key-file", "/nowhere"), "--ca-file:": with("--rate", "1", "--ca-file", "/nowhere"),
		"there is no such directory": with("--rate", "1", "--report", "/nowhere/x.html"), "--pod is of": with("--rate", "1", "--pod", "x"),
		"--url:": {"--url", "h", "--model", "m", "--rate", "1"}, "the warm-up": with("--rate", "1", "--warmup", "30s"), "timeout": with("--rate", "1", "--timeout", "0"),
	} {
		if _, _, err := loaded(t, t.Context(), args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %q", args, err, want)
		}
	}
}

func TestLoadGoesByARoadToAGatewayOfACluster(t *testing.T) {
	for name, c := range map[string]struct {
		url, want, wrong string
		tls, insecure    bool
	}{
		"plain":                              {want: "http://127.0.0.1:5"},
		"under a name":                       {url: "http://llm.example.com", want: "http://llm.example.com"},
		"TLS under the certificate's name":   {url: "https://llm.example.com", tls: true, want: "https://llm.example.com"},
		"TLS unchecked":                      {tls: true, insecure: true, want: "https://127.0.0.1:5"},
		"TLS without a name":                 {tls: true, wrong: "the name on its certificate"},
		"a name for plain HTTP with TLS":     {url: "http://llm.example.com", tls: true, wrong: "one of https://"},
		"a name for TLS where there is none": {url: "https://llm.example.com", wrong: "one of http://"},
	} {
		t.Run(name, func(t *testing.T) {
			l := loading{url: c.url, insecure: c.insecure}
			l.gateway, l.target.URL = "main", c.url
			err := l.take(&live.Road{Pod: "main-a", Address: "127.0.0.1:5", TLS: c.tls}, "team")
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("error %v", err)
				}
				return
			}
			if diff := cmp.Diff([]string{c.want, "127.0.0.1:5", "SparkGateway team/main, by a port forwarded to pod main-a"},
				[]string{l.target.URL, l.target.Address, l.where}); diff != "" || err != nil {
				t.Error(err, diff)
			}
		})
	}
}
