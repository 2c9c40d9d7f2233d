// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/chart"
	"github.com/sparkgateway/spark/gateway/ledger"
)

// exported writes what a gateway exported to a file.
func exported(t *testing.T) string {
	t.Helper()
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var out []byte
	for i, r := range []ledger.Record{
		{Key: "shop/search", Model: "smart", TokensIn: 1_200_000, TokensOut: 300_000, TokensCached: 800_000, Cost: 5_215_000_000, Priced: true, Outcome: "ok"},
		{Key: "shop/search", Model: "fast", TokensIn: 4000, TokensOut: 100, Cost: 3_000_000, Priced: true, Outcome: "provider_timeout"},
		{Key: "shop/chat", Model: "fast", TokensIn: 90_000, TokensOut: 20_000, Cost: 640_000_000, Priced: true, Outcome: "ok"},
		{Principal: "token/9f", Model: "=cmd|x", TokensIn: 10, Outcome: "client_gone"},
		{Principal: "ip/10.0.0.1", Model: "\x1b[2Jx\ny", Outcome: "refused", Priced: true},
	} {
		r.ID, r.Time = fmt.Sprint(i), day.Add(time.Duration(i)*5*time.Hour)
		out = ledger.AppendJSON(out, &r)
	}
	out = append(out, out...) // each came twice
	file := filepath.Join(t.TempDir(), "usage.jsonl")
	if err := os.WriteFile(file, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// golden compares with a file of testdata, which UPDATE_GOLDEN=1 writes.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

func TestUsageText(t *testing.T) {
	file := exported(t)
	for name, args := range map[string][]string{
		"usage_key.txt":        {"--by", "key"},
		"usage_day.txt":        {"--by", "day", "--chart", "--ascii"},
		"usage_chart.txt":      {"--by", "model", "--chart", "--from", "2026-03-01", "--to", "2026-03-02"},
		"usage_tokens.txt":     {"--chart", "--ascii", "--from", "2026-03-01T12:00:00Z", "--to", "2026-03-02T00:00:00+01:00"},
		"usage_nothing.txt":    {"--chart", "--from", "2027-03-01"},
		"usage_model.csv":      {"--by", "model", "-o", "csv"},
		"usage_key.json":       {"--by", "key", "-o", "json", "--from", "2026-03-01"},
		"usage_everything.txt": {"--by", "team"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("LC_ALL", "C.UTF-8")
			cmd := root()
			var out bytes.Buffer
			cmd.SetOut(&out)
			cmd.SetArgs(append([]string{"usage", "-f", file}, args...))
			if err := cmd.ExecuteContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
		})
	}
}

func TestUsageOfStandardInput(t *testing.T) {
	content, err := os.ReadFile(exported(t))
	if err != nil {
		t.Fatal(err)
	}
	cmd := root()
	var out bytes.Buffer
	cmd.SetIn(bytes.NewReader(content))
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"usage", "-f", "-"})
	if err := cmd.ExecuteContext(t.Context()); err != nil || !strings.Contains(out.String(), "shop/search") {
		t.Error(err, out.String())
	}
}

func TestUsageRefusals(t *testing.T) {
	file := exported(t)
	broken := filepath.Join(t.TempDir(), "usage.csv")
	if err := os.WriteFile(broken, []byte(ledger.CSVHeader), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"nobody's":                     {nil, "whose usage?"},
		"two of them":                  {[]string{"-f", file, "--gateway", "main"}, "whose usage?"},
		"by what there is not":         {[]string{"-f", file, "--by", "colour"}, "--by colour: there are [key user team model provider route day]"},
		"an output that there is not":  {[]string{"-f", file, "-o", "xml"}, "-o xml: table, json and csv are known"},
		"a chart of JSON":              {[]string{"-f", file, "-o", "json", "--chart"}, "--chart and --ascii are for a table"},
		"a cluster of files":           {[]string{"-f", file, "-n", "team"}, "with -f no cluster is asked"},
		"two beginnings":               {[]string{"-f", file, "--since", "1h", "--from", "2026-03-01"}, "give one"},
		"a beginning in what is to be": {[]string{"-f", file, "--since", "-1h"}, "--since: how far back"},
		"a time that is none":          {[]string{"-f", file, "--from", "monday"}, "--from monday: write"},
		"an end that is none":          {[]string{"-f", file, "--to", "monday"}, "--to monday: write"},
		"an end before the beginning":  {[]string{"-f", file, "--from", "2026-03-02", "--to", "2026-03-01"}, "--from is not before --to"},
		"no file":                      {[]string{"-f", file + "x"}, "no such file"},
		"CSV":                          {[]string{"-f", broken}, "record 1 is none: is it an export with format=jsonl?"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := root()
			cmd.SetArgs(append([]string{"usage"}, tt.args...))
			if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestUsageTimes(t *testing.T) {
	now := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for name, tt := range map[string]struct {
		asked    accounting
		from, to time.Time
	}{
		"of a gateway the last day":    {accounting{gateway: "main"}, now.Add(-day), now},
		"of a gateway the last week":   {accounting{gateway: "main", since: 7 * day}, now.Add(-7 * day), now},
		"since a date":                 {accounting{gateway: "main", from: "2026-03-01"}, now.Truncate(day).Add(-4 * day), now},
		"the day before a date":        {accounting{gateway: "main", to: "2026-03-02"}, now.Truncate(day).Add(-4 * day), now.Truncate(day).Add(-3 * day)},
		"of files all":                 {accounting{paths: []string{"f"}}, time.Time{}, time.Time{}},
		"of files the last hour":       {accounting{paths: []string{"f"}, since: time.Hour}, now.Add(-time.Hour), now},
		"of files what is before then": {accounting{paths: []string{"f"}, to: "2026-03-05T12:00:00Z"}, time.Time{}, now},
	} {
		t.Run(name, func(t *testing.T) {
			tt.asked.by, tt.asked.output = "key", "table"
			from, to, err := tt.asked.times(now)
			if err != nil || !from.Equal(tt.from) || !to.Equal(tt.to) {
				t.Errorf("%s to %s, %v", from, to, err)
			}
		})
	}
}

func TestSpeaksUTF8(t *testing.T) {
	for name, tt := range map[string]struct {
		env  map[string]string
		want bool
	}{
		"no locale":                      {nil, false},
		"a language of Unicode":          {map[string]string{"LANG": "en_GB.UTF-8"}, true},
		"another spelling":               {map[string]string{"LANG": "en_GB.utf8"}, true},
		"what is set first counts":       {map[string]string{"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, false},
		"the class of characters counts": {map[string]string{"LC_CTYPE": "C.UTF-8", "LANG": "C"}, true},
	} {
		if got := speaksUTF8(func(name string) string { return tt.env[name] }); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if got := style(true, nil); got != (chart.Style{Width: 80, ASCII: true}) {
		t.Errorf("without a terminal: %+v", got)
	}
}

func TestRounded(t *testing.T) {
	for d, want := range map[ledger.Dollars]string{
		0: "0.00", 1_230_000_000: "1.23", 1_234_999_999: "1.23", 1_235_000_000: "1.24", 50_000_000: "0.05", 4_215_000: "0.004215", 1: "0.00", -1_500_000_000: "-1.50",
	} {
		if got := rounded(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}
