// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/accesslog"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
)

// files are an archive.
type files map[string]string

func (f files) Pods(context.Context, string) ([]string, error) {
	return []string{"main-a", "main-b", "main-c"}, nil
}

func (f files) Logs(_ context.Context, pod string, of *corev1.PodLogOptions) (io.ReadCloser, error) {
	if f[pod] == "" || of.Container != "gateway" {
		return nil, errors.New("no\nlog")
	}
	return io.NopCloser(strings.NewReader(f[pod])), nil
}

var written = files{
	"main-a": `{"time":"2026-03-04T12:00:00Z","level":"INFO","msg":"listening"}
{"time":"2026-03-04T12:00:01Z","id":"1","key":"team/alice","model":"smart","provider":"team/openai","status":200,"outcome":"ok","usage":{"total":42},"durationMs":812.5,"ttftMs":90.1}
{"time":"2026-03-04T12:00:04Z","id":"4","status":401,"outcome":"unauthenticated","reason":"missing_api_key","durationMs":0.1}
`,
	"main-b": `{"time":"2026-03-04T12:00:02Z","id":"2","key":"team/bob","model":"smart","status":502,"outcome":"provider_failed","reason":"upstream_5xx","durationMs":1500,"error":"status 500\u001b[2J"}
{"time":"2026-03-04T12:00:03Z","id":"3","key":"team/alice","model":"fast","status":200,"outcome":"ok","durationMs":12}
`,
}

func TestLogsOfPodsAreOne(t *testing.T) {
	before := time.Local
	time.Local = time.UTC
	defer func() { time.Local = before }()
	for name, l := range map[string]logging{
		"logs_all.txt":   {output: "text"},
		"logs_key.txt":   {output: "text", Filter: accesslog.Filter{Key: "alice"}, follow: true},
		"logs_fault.txt": {output: "json", Filter: accesslog.Filter{Outcome: "provider_*"}, since: time.Hour},
		"logs_pod.txt":   {output: "text", place: place{pod: "main-b"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out, told bytes.Buffer
			l.gateway = "main"
			if err := l.run(t.Context(), written, screen.Screen{Writer: &out}, &told); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
			if l.pod == "" && told.String() != "warning: without the log of pod main-c: no log\n" {
				t.Errorf("told %q", told.String())
			}
		})
	}
}

func TestLogsSayWhatKeepsThem(t *testing.T) {
	var told bytes.Buffer
	l := logging{place: place{gateway: "main"}, output: "text"}
	if err := l.run(t.Context(), files{}, screen.Screen{}, &told); err == nil || err.Error() != "no pod gives its log" {
		t.Error(err)
	}
	l.pod = "other-a"
	if err := l.run(t.Context(), written, screen.Screen{}, &told); err == nil || err.Error() != "--pod other-a is none that runs of SparkGateway main" {
		t.Error(err)
	}
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"nobody's":         {nil, "of which gateway?"},
		"what is to be":    {[]string{"--gateway", "main", "--since", "-1h"}, "--since: how far back"},
		"an output":        {[]string{"--gateway", "main", "-o", "yaml"}, "-o yaml: text and json are known"},
		"a pattern":        {[]string{"--gateway", "main", "--model", "[x"}, "a filter is no pattern"},
		"with an argument": {[]string{"main"}, "unknown command"},
	} {
		if _, _, err := execute(t, "", append([]string{"logs"}, tt.args...)...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}
