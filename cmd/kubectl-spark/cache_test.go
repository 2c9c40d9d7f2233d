// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/gateway/config"
)

// purged is a purger whose pods answer so.
type purged struct {
	all []live.Told[config.CachePurged]
	err error
	of  config.CachePurge
}

func (p *purged) Purge(_ context.Context, _, _ string, of config.CachePurge) ([]live.Told[config.CachePurged], error) {
	p.of = of
	return p.all, p.err
}

func TestPurgeSaysWhatBecameOfEachPod(t *testing.T) {
	removed := func(pod string, n int, shared bool) live.Told[config.CachePurged] {
		return live.Told[config.CachePurged]{Pod: pod, Answer: config.CachePurged{Removed: n, Shared: shared}}
	}
	silent := live.Told[config.CachePurged]{Pod: "main-c", Err: errors.New("forward a port: no\x1b[2J route")}
	tests := map[string]struct {
		all   []live.Told[config.CachePurged]
		pod   string
		err   error
		want  string
		wrong string
	}{
		"each by itself": {
			all:  []live.Told[config.CachePurged]{removed("main-a", 0, false), removed("main-b", 1, false)},
			want: "pod main-a: 0 answers removed\npod main-b: 1 answer removed\n",
		},
		"with a store": {
			all:  []live.Told[config.CachePurged]{removed("main-a", 12, true)},
			want: "pod main-a: 12 answers removed, and the store told\n",
		},
		"one of several, with a store": {
			all: []live.Told[config.CachePurged]{removed("main-a", 12, true)}, pod: "main-a",
			want: "pod main-a: 12 answers removed, and the store told\nother pods hear of it from the store\n",
		},
		"one that could not be told": {
			all:  []live.Told[config.CachePurged]{removed("main-a", 2, false), silent},
			want: "pod main-a: 2 answers removed\npod main-c: NOT TOLD: forward a port: no?[2J route\n", wrong: "1 of 2 pods could not be told",
		},
		"one that could not be told, with a store": {
			all: []live.Told[config.CachePurged]{removed("main-a", 2, true), silent},
			want: "pod main-a: 2 answers removed, and the store told\n" +
				"pod main-c: NOT TOLD: forward a port: no?[2J route; it hears of it from the store, when it reaches that\n",
			wrong: "1 of 2 pods could not be told",
		},
		"nobody": {err: errors.New("no pod that runs"), wrong: "no pod that runs"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := purging{place: place{gateway: "main", pod: tt.pod}, CachePurge: config.CachePurge{Tag: "x"}}
			pods := &purged{all: tt.all, err: tt.err}
			err := p.run(t.Context(), pods, &out)
			if (err == nil) != (tt.wrong == "") || err != nil && err.Error() != tt.wrong {
				t.Errorf("got %v, want %q", err, tt.wrong)
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if pods.of != p.CachePurge {
				t.Errorf("the pods were told %+v", pods.of)
			}
		})
	}
}

func TestNamesOfAPurgeAreOfTheGatewaysNamespace(t *testing.T) {
	for name, tt := range map[string]struct{ given, want config.CachePurge }{
		"a key by its name":      {config.CachePurge{Key: "alice"}, config.CachePurge{Key: "team/alice"}},
		"a key by its full name": {config.CachePurge{Key: "other/alice"}, config.CachePurge{Key: "other/alice"}},
		"a route by its name":    {config.CachePurge{Route: "smart"}, config.CachePurge{Route: "team/smart"}},
		"a model":                {config.CachePurge{Model: "smart"}, config.CachePurge{Model: "smart"}},
		"a tag":                  {config.CachePurge{Tag: "a"}, config.CachePurge{Tag: "a"}},
		"all":                    {config.CachePurge{All: true}, config.CachePurge{All: true}},
	} {
		p := purging{CachePurge: tt.given}
		if p.complete("team"); p.CachePurge != tt.want {
			t.Errorf("%s: %+v, want %+v", name, p.CachePurge, tt.want)
		}
	}
}

func TestPurgeRefusals(t *testing.T) {
	const which = "which answers? Give one of --all, --model, --key, --route and --tag"
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"of nothing":       {[]string{"--gateway", "main"}, which},
		"of two":           {[]string{"--gateway", "main", "--all", "--tag", "x"}, which},
		"of no gateway":    {[]string{"--all"}, "of which gateway? Name a SparkGateway with --gateway"},
		"without a place":  {[]string{"--all", "--gateway", "main", "--kubeconfig", "none"}, "which cluster?"},
		"with words":       {[]string{"all", "--gateway", "main"}, "unknown command"},
		"of nothing named": {[]string{"--gateway", "main", "--model", ""}, which},
	} {
		_, _, err := execute(t, "", append([]string{"cache", "purge"}, tt.args...)...)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}
