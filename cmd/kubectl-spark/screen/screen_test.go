// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func nothing(string) string { return "" }

func colored(text string) Tone {
	return map[string]Tone{"True": Good, "False": Bad, "Unknown": Doubtful, "-": Faint}[text]
}

func TestTables(t *testing.T) {
	long := strings.Repeat("x", 30)
	for name, tt := range map[string]struct {
		columns []Column
		rows    [][]string
		screen  Screen
		want    string
	}{
		"words stand to the left, numbers to the right": {
			[]Column{{Title: "NAME"}, {Title: "N", Right: true}, {Title: "END"}}, [][]string{{"a", "1000", "x"}, {"longer", "7", "yy"}}, Screen{Width: 100},
			"NAME       N  END\na       1000  x\nlonger     7  yy\n",
		},
		"what is empty or missing is a dash": {
			[]Column{{Title: "A"}, {Title: "B"}, {Title: "C"}}, [][]string{{"", "b"}}, Screen{Width: 100}, "A  B  C\n-  b  -\n",
		},
		"a terminal is not told what to do": {
			[]Column{{Title: "A"}}, [][]string{{"a\n\x1b[2Jb\u009b"}}, Screen{Width: 100}, "A\na ?[2Jb?\n",
		},
		"no title is no reason to be wider": {[]Column{{Title: "A"}}, nil, Screen{Width: 1}, "A\n"},
		"the widest that may be cut is cut": {
			[]Column{{Title: "NAME"}, {Title: "WHY", Least: 8}}, [][]string{{"abcdef", long}}, Screen{Width: 20}, "NAME    WHY\nabcdef  xxxxxxxxx...\n",
		},
		"a name keeps its end": {
			[]Column{{Title: "MODEL", Name: true, Least: 8}}, [][]string{{"team/" + long + "/gpt-4o"}}, Screen{Width: 18}, "MODEL\nteam/...xxx/gpt-4o\n",
		},
		"not below what it needs": {
			[]Column{{Title: "MODEL", Name: true, Least: 8}, {Title: "WHY", Least: 6}}, [][]string{{long, long}}, Screen{Width: 1},
			"MODEL     WHY\nx...xxxx  xxx...\n",
		},
		"columns that may not be cut stay": {[]Column{{Title: "A"}}, [][]string{{long}}, Screen{Width: 5}, "A\n" + long + "\n"},
		"colours do not count as width": {
			[]Column{{Title: "READY", Tone: colored}, {Title: "NAME"}}, [][]string{{"True", "a"}, {"False", "b"}, {"odd", "c"}}, Screen{Width: 100, Color: true},
			"READY  NAME\n\x1b[32mTrue\x1b[0m   a\n\x1b[31mFalse\x1b[0m  b\nodd    c\n",
		},
		"and are left out elsewhere": {
			[]Column{{Title: "READY", Tone: colored}}, [][]string{{"True"}}, Screen{Width: 100}, "READY\nTrue\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			table := Table{Columns: tt.columns}
			for _, row := range tt.rows {
				table.Add(row...)
			}
			if table.Len() != len(tt.rows) {
				t.Errorf("%d rows", table.Len())
			}
			if diff := cmp.Diff(tt.want, table.Text(tt.screen)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsNoTerminalHasNoColours(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for name, s := range map[string]Screen{"a buffer": On(&bytes.Buffer{}, nothing), "a file": On(file, nothing)} {
		if s.Color || s.Terminal || s.Width != Width || s.Paint("x", Bad) != "x" || s.Clear() != nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestValuesForPrograms(t *testing.T) {
	value := map[string]any{"a": "<x>", "list": []int{}}
	for format, want := range map[string]string{
		"json": "{\n  \"a\": \"<x>\",\n  \"list\": []\n}\n", "yaml": "a: <x>\nlist: []\n", "table": "", "": "",
	} {
		var out bytes.Buffer
		ok, err := Screen{Writer: &out}.Show(format, value)
		if err != nil || ok != (want != "") || out.String() != want {
			t.Errorf("%s: %v, %v, %q", format, ok, err, out.String())
		}
	}
	if _, err := (Screen{Writer: &bytes.Buffer{}}).Show("yaml", func() {}); err == nil {
		t.Error("a value that cannot be written")
	}
}

func TestFormatsThatAreNotKnownAreRefused(t *testing.T) {
	if err := Check("json", "table", "json"); err != nil {
		t.Error(err)
	}
	if err := Check("xml", "table", "json", "yaml"); err == nil || err.Error() != "-o xml: table, json and yaml are known" {
		t.Error(err)
	}
}

func TestCuttingLeavesSoMany(t *testing.T) {
	for name, tt := range map[string]struct{ got, want string }{
		"a short text":             {Cut("abc", 3), "abc"},
		"a long text":              {Cut("abcdefgh", 6), "abc..."},
		"characters, not bytes":    {Cut("äöüäöü", 6), "äöüäöü"},
		"a short name":             {CutMiddle("abc", 3), "abc"},
		"a long name":              {CutMiddle("team/openai/gpt-4o-mini", 14), "tea...-4o-mini"},
		"no room at all":           {CutMiddle("abcdef", 2), "..."},
		"no room for a text":       {Cut("abcdef", 1), "..."},
		"one of something":         {Plural(1, "pod"), "1 pod"},
		"none of it":               {Plural(0, "pod"), "0 pods"},
		"seconds ago":              {Age(59 * time.Second), "59s"},
		"what is yet to be is now": {Age(-time.Hour), "0s"},
		"minutes ago":              {Age(61 * time.Second), "1m"},
		"hours ago":                {Age(47 * time.Hour), "47h"},
		"days ago":                 {Age(48 * time.Hour), "2d"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", name, tt.got, tt.want)
		}
	}
	for most := 3; most < 30; most++ {
		if n := utf8.RuneCountInString(CutMiddle(strings.Repeat("é", 30), most)); n != most {
			t.Errorf("%d characters of %d", n, most)
		}
	}
}
