// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package accesslog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

const full = `{"time":"2026-03-04T12:00:00.5Z","id":"abc","key":"team/alice","user":"alice","client":"10.0.0.1","method":"POST","path":"/v1/chat/completions",` +
	`"model":"smart","provider":"team/openai","status":200,"outcome":"ok","usage":{"source":"reported","total":42},"bytesIn":1,"durationMs":812.500,"ttftMs":100.000}`

func TestAccessLinesAreToldFromOthers(t *testing.T) {
	l, ok := Parse("main-a", []byte(full+"\n"))
	if !ok || l.Pod != "main-a" || l.Key != "team/alice" || l.Usage.Total != 42 || l.DurationMs != 812.5 || !l.Time.Equal(noon.Add(500*time.Millisecond)) || string(l.Raw) != full {
		t.Errorf("%+v, %v", l, ok)
	}
	for name, raw := range map[string]string{
		"a line of the process":  `{"time":"2026-03-04T12:00:00Z","level":"INFO","msg":"listening"}`,
		"what is no JSON":        "panic: boom",
		"nothing":                "",
		"a line that breaks off": full[:50],
		"an array":               "[1]",
	} {
		if _, ok := Parse("main-a", []byte(raw)); ok {
			t.Errorf("%s is taken for one", name)
		}
	}
}

func TestFiltersChoose(t *testing.T) {
	l, _ := Parse("main-a", []byte(full))
	for name, tt := range map[string]struct {
		f    Filter
		want bool
	}{
		"all":                       {Filter{}, true},
		"the key":                   {Filter{Key: "team/alice"}, true},
		"the key's name":            {Filter{Key: "alice"}, true},
		"another key":               {Filter{Key: "bob"}, false},
		"a pattern of models":       {Filter{Model: "sm*"}, true},
		"another model":             {Filter{Model: "fast"}, false},
		"the outcome":               {Filter{Outcome: "ok", Key: "alice"}, true},
		"failures of a provider":    {Filter{Outcome: "provider_*"}, false},
		"the request":               {Filter{ID: "abc"}, true},
		"another request":           {Filter{ID: "abd"}, false},
		"one of two does not match": {Filter{ID: "abc", Model: "fast"}, false},
	} {
		if got := tt.f.Match(l); got != tt.want || tt.f.Check() != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	if f := (Filter{Model: "[x"}); f.Check() == nil || f.Match(l) {
		t.Error("a pattern that is none")
	}
	if f := (Filter{Key: "*"}); f.Match(&Line{}) != true {
		t.Error("a request without a key is left out by any key")
	}
}

// said gives lines at seconds.
func said(name string, seconds ...int) []*Line {
	lines := make([]*Line, 0, len(seconds))
	for _, s := range seconds {
		lines = append(lines, &Line{Pod: name, Time: noon.Add(time.Duration(s) * time.Second)})
	}
	return lines
}

// after sends lines, each after a time, and closes.
func after(step time.Duration, lines []*Line) Source {
	c := make(chan *Line)
	go func() {
		defer close(c)
		for _, l := range lines {
			time.Sleep(step)
			c <- l
		}
	}()
	return c
}

func TestLinesOfPodsComeInOrder(t *testing.T) {
	for name, tt := range map[string]struct {
		sources  func() []Source
		patience time.Duration
		want     string
	}{
		"of three pods": {func() []Source {
			return []Source{after(0, said("a", 1, 4, 9)), after(0, said("b", 2, 3, 10)), after(0, said("c", 5))}
		}, 0, "a1 b2 b3 a4 c5 a9 b10"},
		"of a slow one, which is waited for": {func() []Source {
			return []Source{after(0, said("a", 2, 3)), after(time.Minute, said("b", 1))}
		}, 0, "b1 a2 a3"},
		"of a silent one, which is not": {func() []Source {
			return []Source{after(0, said("a", 2, 3)), after(time.Minute, said("b", 1))}
		}, time.Second, "a2 a3 b1"},
		"of none":          {func() []Source { return nil }, 0, ""},
		"of a quiet one":   {func() []Source { return []Source{after(0, nil)} }, time.Second, ""},
		"of the same time": {func() []Source { return []Source{after(0, said("a", 1)), after(0, said("b", 1))} }, 0, "a1 b1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				err := Merge(t.Context(), tt.sources(), tt.patience, func(l *Line) error {
					got = append(got, fmt.Sprint(l.Pod, int(l.Time.Sub(noon).Seconds())))
					return nil
				})
				if err != nil || strings.Join(got, " ") != tt.want {
					t.Errorf("%v: %v, want %s", err, got, tt.want)
				}
			})
		})
	}
}

func TestMergingEndsWhereItIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := Merge(ctx, []Source{make(chan *Line)}, 0, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		enough := errors.New("enough")
		c := make(chan *Line, 1)
		c <- &Line{}
		if err := Merge(t.Context(), []Source{c}, 0, func(*Line) error { return enough }); !errors.Is(err, enough) {
			t.Error(err)
		}
	})
}
