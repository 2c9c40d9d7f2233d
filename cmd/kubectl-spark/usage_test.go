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
	"github.com/sparkgateway/spark/cmd/kubectl-spark/usage"
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

// What a cache saved shows where there is one.
func TestUsageOfACache(t *testing.T) {
	hit := ledger.Record{ID: "a", Time: time.Unix(1, 0), Model: "smart", Outcome: "ok", Cache: "hit", TokensSaved: 40, CostSaved: 1_254_000, Priced: true}
	line := string(ledger.AppendJSON(nil, &hit))
	for output, want := range map[string]string{
		"table": "total          1        0         0           0            0        0   $0.0000   $0.0013\n",
		"csv":   "smart,1,0,0,0,0,0,0.00,0,40,0.001254\r\n",
		"json":  "\"tokensSaved\": 40,\n      \"costSaved\": \"0.001254\"\n",
	} {
		stdout, _, err := execute(t, line, "usage", "-f", "-", "--by", "model", "-o", output)
		if err != nil || !strings.Contains(stdout, want) {
			t.Errorf("%s: %v, want %q in\n%s", output, err, want, stdout)
		}
	}
	if stdout, _, err := execute(t, strings.Replace(line, `"tokensSaved":40`, `"tokensSaved":0`, 1), "usage", "-f", "-"); err != nil || strings.Contains(stdout, "SAVED") {
		t.Errorf("without a hit: %v\n%s", err, stdout)
	}
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
		"an output that there is not":  {[]string{"-f", file, "-o", "xml"}, "-o xml: table, json, yaml and csv are known"},
		"a chart of JSON":              {[]string{"-f", file, "-o", "json", "--chart"}, "--chart and --ascii are for a table"},
		"a cluster of files":           {[]string{"-f", file, "-n", "team"}, "with -f no cluster is asked"},
		"two beginnings":               {[]string{"-f", file, "--since", "1h", "--from", "2026-03-01"}, "give one"},
		"a beginning in what is to be": {[]string{"-f", file, "--since", "-1h"}, "--since: how far back"},
		"a time that is none":          {[]string{"-f", file, "--from", "monday"}, "--from monday: write"},
		"an end that is none":          {[]string{"-f", file, "--to", "monday"}, "--to monday: write"},
		"an end before the beginning":  {[]string{"-f", file, "--from", "2026-03-02", "--to", "2026-03-01"}, "--from is not before --to"},
		"no file":                      {[]string{"-f", file + "x"}, "no such file"},
		"CSV":                          {[]string{"-f", broken}, "usage.csv, record 1: invalid character"},
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

func TestCostsOfATableHaveAsManyDecimals(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		costs []ledger.Dollars
		want  []string // the largest first
	}{
		"nothing cost anything":             {[]ledger.Dollars{0}, []string{"0.00"}},
		"cents are enough":                  {[]ledger.Dollars{1_234_999_999, 50_000_000, 0}, []string{"1.23", "0.05", "0.00"}},
		"a half is rounded up":              {[]ledger.Dollars{1_235_000_000}, []string{"1.24"}},
		"two digits of the smallest":        {[]ledger.Dollars{5_215_000_000, 4_215_000}, []string{"5.2150", "0.0042"}},
		"no zeros that all of them have":    {[]ledger.Dollars{5_215_000_000, 3_000_000}, []string{"5.215", "0.003"}},
		"a millionth of a dollar at least":  {[]ledger.Dollars{2_000_000_000, 1_499}, []string{"2.000000", "0.000001"}},
		"less than that is nothing":         {[]ledger.Dollars{2_000_000_000, 1}, []string{"2.00", "0.00"}},
		"what was taken back has cents too": {[]ledger.Dollars{-1_500_000_000}, []string{"-1.50"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := statement{Book: usage.New(usage.Model, time.Time{}, time.Time{}), by: "model"}
			for i, cost := range tt.costs {
				r := ledger.Record{ID: fmt.Sprint(i), Model: fmt.Sprint(i), Time: day, Cost: cost, Priced: true}
				if err := s.Add(ledger.AppendJSON(nil, &r)); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for _, sum := range s.Sums() {
				got = append(got, rounded(sum.Cost, s.decimals()))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What is no record is told, and does not keep the rest from being summed up.
func TestLinesThatAreNoRecordsAreTold(t *testing.T) {
	good := string(ledger.AppendJSON(nil, &ledger.Record{ID: "1", Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Key: "shop/search", Outcome: "ok", Priced: true}))
	for name, tt := range map[string]struct{ content, want string }{
		"one that was cut":       {good + `{"id":"2","time":"2026-03` + "\n", "1 of 2 lines are no records and not counted; the first: -f -, record 2: unexpected end of JSON input"},
		"several":                {"x\n" + good + "\n{}\n", "2 of 3 lines are no records and not counted; the first: -f -, record 1: invalid character 'x'"},
		"one that is very long":  {good + `{"id":"` + strings.Repeat("x", 2*ledger.MaxLine) + `"}`, "1 of 2 lines are no records and not counted; the first: -f -, record 2: unexpected end of JSON input"},
		"a time that is nothing": {good + `{"id":"2","time":"` + strings.Repeat("\u009b", 999) + `"}`, `parsing time "\xc2\x9b\xc2`},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := root()
			var out bytes.Buffer
			cmd.SetIn(strings.NewReader(tt.content))
			cmd.SetOut(&out)
			cmd.SetArgs([]string{"usage", "-f", "-", "-o", "csv"})
			err := cmd.ExecuteContext(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 400 {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if !strings.Contains(out.String(), "shop/search,1,0,0,") {
				t.Errorf("printed %q", out.String())
			}
		})
	}
}
