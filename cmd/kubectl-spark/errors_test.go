// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/gateway/config"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// reported are what two pods know: of one way both, and of some only one.
func reported() []config.ErrorReport {
	group := func(fingerprint, level, reason string, ago time.Duration, count int64) config.ErrorGroup {
		return config.ErrorGroup{
			Fingerprint: fingerprint, Reason: reason, Outcome: "provider_failed", Level: level, Status: 502, UpstreamStatus: 500, Provider: "team/openai",
			Model: "gpt", Operation: "chat", Count: count, LastHour: 1, First: noon.Add(-72 * time.Hour), Last: noon.Add(-ago), LastRequestID: "r" + fingerprint,
			Sample: "The provider failed. status 500: " + strings.Repeat("internal error; ", 9),
		}
	}
	none := group("d", config.LevelError, "internal", 50*time.Hour, 1_234_567)
	none.Provider, none.Model, none.Status, none.Sample = "", "", 0, "\x1b[2Jpanic:\nboom"
	long := group("e", config.LevelError, strings.Repeat("very_long_reason_", 3), 90*time.Minute, 3)
	long.Provider, long.Model = "team/"+strings.Repeat("p", 40), ""
	return []config.ErrorReport{
		{Instance: "1", Since: noon.Add(-time.Hour), Dropped: 2, Groups: []config.ErrorGroup{
			group("a", config.LevelError, "upstream_5xx", 5*time.Second, 7), group("b", config.LevelWarning, "model_not_found", time.Minute, 1), none,
		}},
		{Instance: "2", Since: noon.Add(-90 * time.Hour), Groups: []config.ErrorGroup{
			group("a", config.LevelError, "upstream_5xx", 3*time.Second, 30), long,
		}},
	}
}

func TestErrorsText(t *testing.T) {
	for name, tt := range map[string]struct {
		asked failing
	}{
		"errors_table.txt":   {failing{level: config.LevelError}},
		"errors_limit.txt":   {failing{level: anyLevel, limit: 1}},
		"errors_since.txt":   {failing{level: anyLevel, since: time.Hour}},
		"errors_warning.txt": {failing{level: config.LevelWarning, since: time.Minute}},
		"errors_nothing.txt": {failing{level: config.LevelWarning, since: 30 * time.Second}},
		"errors_all.json":    {failing{level: anyLevel, output: "json", limit: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := tt.asked.print(reported(), []string{"main-a", "main-b"}, noon, screen.Screen{Writer: &out, Width: screen.Width}); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
			for line := range strings.Lines(out.String()) {
				if n := utf8.RuneCountInString(line); tt.asked.output == "" && n > screen.Width+1 {
					t.Errorf("a line of %d characters: %s", n, line)
				}
			}
			if strings.ContainsAny(out.String(), "\x1b") {
				t.Error("a terminal would obey")
			}
		})
	}
}

func TestErrorsOfNobody(t *testing.T) {
	var out bytes.Buffer
	asked := failing{level: config.LevelError, output: "json"}
	if err := asked.print([]config.ErrorReport{{Since: noon}}, nil, noon, screen.Screen{Writer: &out, Width: screen.Width}); err != nil {
		t.Fatal(err)
	}
	var got failures
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Groups == nil || !got.Since.Equal(noon) {
		t.Errorf("%s: %v", out.String(), err)
	}
	out.Reset()
	asked.output = ""
	if err := asked.print([]config.ErrorReport{{Since: noon}}, nil, noon, screen.Screen{Writer: &out, Width: screen.Width}); err != nil || out.String() != "No errors since 2026-03-04T12:00:00Z.\n" {
		t.Errorf("%s: %v", out.String(), err)
	}
}

// pods are a witness.
type pods struct {
	all []live.Told[config.ErrorReport]
	err error
}

func (p pods) Errors(context.Context, string, string) ([]live.Told[config.ErrorReport], error) {
	return p.all, p.err
}

func TestErrorsOfPods(t *testing.T) {
	told := func(pod string) live.Told[config.ErrorReport] {
		return live.Told[config.ErrorReport]{Pod: pod, Answer: config.ErrorReport{Instance: "of " + pod}}
	}
	silent := live.Told[config.ErrorReport]{Pod: "main-c", Err: errors.New("no\nroute")}
	for name, tt := range map[string]struct {
		pods    pods
		want    []string
		warning string
		wrong   string
	}{
		"all of them":     {pods{all: []live.Told[config.ErrorReport]{told("main-a"), told("main-b")}}, []string{"main-a", "main-b"}, "", ""},
		"without one":     {pods{all: []live.Told[config.ErrorReport]{told("main-a"), silent}}, []string{"main-a"}, "warning: without the errors of pod main-c: no route\n", ""},
		"none of them":    {pods{all: []live.Told[config.ErrorReport]{silent}}, nil, "", "pod main-c: no route"},
		"no pod at all":   {pods{err: errors.New("has no pod that runs")}, nil, "", "has no pod that runs"},
		"none of several": {pods{all: []live.Told[config.ErrorReport]{silent, silent}}, nil, "", "pod main-c: no route\npod main-c: no route"},
	} {
		t.Run(name, func(t *testing.T) {
			var warnings bytes.Buffer
			reports, names, err := (&failing{}).askPods(t.Context(), tt.pods, &warnings)
			if (err == nil) != (tt.wrong == "") || err != nil && err.Error() != tt.wrong {
				t.Fatalf("got %v, want %q", err, tt.wrong)
			}
			if diff := cmp.Diff(tt.want, names); diff != "" || len(reports) != len(tt.want) || warnings.String() != tt.warning {
				t.Errorf("%s; %d reports; warned %q", diff, len(reports), warnings.String())
			}
		})
	}
}

func TestErrorsOfAURL(t *testing.T) {
	const key = "sk-spark-canary"
	good, err := json.Marshal(reported()[0])
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	for name, tt := range map[string]struct {
		path   string
		status int
		body   string
		want   string
		wrong  string
	}{
		"what it knows":       {"", 200, string(good), "upstream_5xx", ""},
		"below a path":        {"/llm/", 200, string(good), "upstream_5xx", ""},
		"no master":           {"", 403, `{"error":{"message":"This needs a key\u001b of role Master.","type":"x"}}`, "", "the gateway answers with status 403: This needs a key? of role Master."},
		"a refusal too long":  {"", 403, `{"error":{"message":"` + strings.Repeat("x", 5000) + `"}}`, "", "xxx..."},
		"another server":      {"", 404, "nginx", "", "--url: it answers with status 404: is it a Spark gateway?"},
		"a page":              {"", 200, "<html>", "", "its answer is no list of errors"},
		"another API":         {"", 200, `{"data":[]}`, "", "its answer is no list of errors"},
		"one that leads away": {"", 302, "", "", "it answers with status 302"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != strings.TrimSuffix(tt.path, "/")+errorsEndpoint || r.Header.Get("Authorization") != "Bearer "+key {
					w.WriteHeader(http.StatusTeapot)
					return
				}
				w.Header().Set("Location", other.URL)
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer server.Close()
			t.Setenv(keyVariable, key)
			stdout, _, err := execute(t, "", "errors", "--url", server.URL+tt.path)
			if (err == nil) != (tt.wrong == "") || err != nil && (!strings.Contains(err.Error(), tt.wrong) || len(err.Error()) > 500) {
				t.Errorf("got %v, want %q", err, tt.wrong)
			}
			if !strings.Contains(stdout, tt.want) || strings.Contains(stdout, key) || err != nil && strings.Contains(err.Error(), key) {
				t.Errorf("got %s", stdout)
			}
		})
	}
	if elsewhere != 0 {
		t.Error("the key went elsewhere")
	}
	if _, _, err := execute(t, "", "errors", "--url", other.URL+"x:1", "--key", key); err == nil || strings.Contains(err.Error(), key) {
		t.Errorf("an address that is none: %v", err)
	}
}

func TestErrorsRefusals(t *testing.T) {
	t.Setenv(keyVariable, "")
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"nobody's":              {nil, "whose errors?"},
		"two of them":           {[]string{"--gateway", "main", "--url", "http://x", "--key", "k"}, "whose errors?"},
		"a level that is none":  {[]string{"--gateway", "main", "--level", "info"}, "--level info: error, warning and all are known"},
		"an output":             {[]string{"--gateway", "main", "-o", "xml"}, "-o xml: table, json and yaml are known"},
		"a key for a cluster":   {[]string{"--gateway", "main", "--key", "k"}, "--key is for --url"},
		"a cluster for a URL":   {[]string{"--url", "http://x", "--key", "k", "-n", "team"}, "with --url no cluster is asked"},
		"a URL without a key":   {[]string{"--url", "http://x"}, "--url needs a key of role Master"},
		"a URL that is none":    {[]string{"--url", "x", "--key", "k"}, "--url: write https://host"},
		"less than none":        {[]string{"--gateway", "main", "--limit", "-1"}, "--limit: how many"},
		"what is to be":         {[]string{"--gateway", "main", "--since", "-1h"}, "--since: how far back"},
		"a cluster that is not": {[]string{"--gateway", "main", "--kubeconfig", "none"}, "which cluster?"},
	} {
		if _, _, err := execute(t, "", append([]string{"errors"}, tt.args...)...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

// The whole road: a provider breaks, a gateway groups that, and its owner reads it by the API.
func TestErrorsOfAGatewayThatRuns(t *testing.T) {
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer provider.Close()
	dir := sampleAt(t, provider.URL)
	edit(t, filepath.Join(dir, "keys.yaml"), "  user: bob\n", "  user: bob\n  role: Master\n")
	r := start(t, "-f", dir, "--listen", "127.0.0.1:0", "--admin", "")
	url := "http://" + r.until(t, `listening.*applications.*address=(\S+)`)[1]
	if status := chat(t, url, bobsKey); status < 500 {
		t.Fatalf("status %d", status)
	}
	stdout, _, err := execute(t, "", "errors", "--url", url, "--key", bobsKey)
	if err != nil || !strings.Contains(stdout, " default/local/small") || !strings.Contains(stdout, " error ") {
		t.Errorf("%v in\n%s", err, stdout)
	}
	if _, _, err := execute(t, "", "errors", "--url", url, "--key", "nobodys"); err == nil || !strings.Contains(err.Error(), "status 401") {
		t.Errorf("a key that is not known: %v", err)
	}
}
