// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package grafana

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

const file = "spark.json"

func TestTheFileIsWhatTheRowsSay(t *testing.T) {
	want, err := JSON()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the rows say (%v): UPDATE=1 go test ./config/grafana writes it", file, err)
	}
}

type placed struct {
	ID          int
	Type, Title string
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ RefID, Expr, LegendFormat string }
}

func read(t *testing.T) (panels []placed, all string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var d struct{ Panels []placed }
	if err := json.Unmarshal(content, &d); err != nil {
		t.Fatal(err)
	}
	return d.Panels, string(content)
}

func TestPanelsHaveAPlaceAndAnIDOfTheirOwn(t *testing.T) {
	panels, _ := read(t)
	if len(panels) < 60 {
		t.Errorf("only %d panels", len(panels))
	}
	ids, taken := map[int]string{}, map[[2]int]string{}
	for _, p := range panels {
		if other, ok := ids[p.ID]; ok || p.ID == 0 {
			t.Errorf("%q and %q have the id %d", p.Title, other, p.ID)
		}
		ids[p.ID] = p.Title
		at := p.GridPos
		if at.X < 0 || at.W < 1 || at.H < 1 || at.X+at.W > columns {
			t.Errorf("%q stands at %+v", p.Title, at)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%q lies over %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

func TestPanelsAskSomething(t *testing.T) {
	panels, all := read(t)
	titles := map[string]bool{}
	for _, p := range panels {
		if titles[p.Title] || p.Title == "" {
			t.Errorf("the title %q stands twice", p.Title)
		}
		titles[p.Title] = true
		if (len(p.Targets) == 0) != (p.Type == "row") {
			t.Errorf("%q, a %s, asks %d queries", p.Title, p.Type, len(p.Targets))
		}
		for _, q := range p.Targets {
			if q.RefID == "" || q.Expr == "" || q.LegendFormat == "" && p.Type != "stat" {
				t.Errorf("%q asks %+v", p.Title, q)
			}
		}
	}
	for _, macro := range []string{"TARGET", "PROVIDER", "GATEWAY", "RATE"} {
		if strings.Contains(all, macro) {
			t.Errorf("%s was not filled in", macro)
		}
	}
}
