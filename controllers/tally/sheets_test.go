// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestOnlySheetsThatChangedAreWritten(t *testing.T) {
	tally := opened(t, "a")
	if dirty := tally.Dirty(); dirty != nil {
		t.Errorf("an empty Tally has sheets to write: %v", dirty)
	}
	tell(t, tally, "a", "a-1", used("all", 3))
	dirty := tally.Dirty()
	if len(dirty) != 1 {
		t.Fatalf("one holder is on sheets %v", dirty)
	}
	if _, err := tally.Write(dirty); err != nil || tally.Dirty() != nil {
		t.Errorf("after writing: %v, %v", err, tally.Dirty())
	}
	tell(t, tally, "a", "a-1", used("all", 3))
	if tally.Dirty() != nil {
		t.Error("what was heard again is written again")
	}
	tally.Rewrite(dirty...)
	if diff := cmp.Diff(dirty, tally.Dirty()); diff != "" {
		t.Errorf("what could not be kept (-want +got):\n%s", diff)
	}
}

// A sheet stays far below what a ConfigMap takes, with numbers that do not compress well, however many holders there are.
func TestSheetsStaySmall(t *testing.T) {
	const keys, pods = 10_000, 4
	tally := New(noon)
	for pod := range pods {
		var uses []config.HolderUse
		for key := range keys {
			u := used(fmt.Sprintf("key/team-%d/application-%d", key%97, key), 1)
			n := int64(key*7919+pod*104729) % 999_983
			u.Requests, u.Tokens, u.Cost, u.Last = n%5003, n*31, config.Money(n*8_191_237), u.Last+n*1013
			u.Day.Cost, u.Week.Cost, u.Month.Cost = u.Cost/7, u.Cost/3, u.Cost/2
			uses = append(uses, u)
		}
		for part := range slices.Chunk(uses, config.MaxHolders) {
			tell(t, tally, fmt.Sprint(pod), fmt.Sprint(pod, "-1"), part...)
		}
	}
	dirty := tally.Dirty()
	sheets, err := tally.Write(dirty)
	if err != nil {
		t.Fatal(err)
	}
	most, all := 0, 0
	for _, s := range sheets {
		most, all = max(most, len(s.Content)), all+len(s.Content)
	}
	t.Logf("%d keys in %d pods: %d sheets, the largest of %d KiB, %.1f bytes a key and pod", keys, pods, len(sheets), most>>10, float64(all)/float64(keys*pods))
	if most > 700<<10 || all > 60*keys*pods || !slices.IsSortedFunc(dirty, func(a, b int) int { return b - a }) {
		t.Errorf("a sheet of %d bytes does not fit into a ConfigMap, or the order %v is wrong", most, dirty)
	}
	again := New(noon)
	if err := again.Restore(sheets); err != nil {
		t.Fatal(err)
	}
	if len(again.holders) != keys || again.sheets.count != tally.sheets.count || again.sheets.parts != tally.sheets.parts {
		t.Errorf("read again: %d holders on %d sheets", len(again.holders), again.sheets.count)
	}
}

func TestOfAHolderOnTwoSheetsTheNewerIsTold(t *testing.T) {
	tally := opened(t, "a")
	tell(t, tally, "a", "a-1", used("all", 3))
	old, err := tally.Write(tally.Dirty())
	if err != nil {
		t.Fatal(err)
	}
	tell(t, tally, "a", "a-1", used("all", 5))
	fresh, err := tally.Write(tally.Dirty())
	if err != nil {
		t.Fatal(err)
	}
	fresh[0].Number = old[0].Number + minSheets
	for name, kept := range map[string][]Sheet{"the old one first": {old[0], fresh[0]}, "the new one first": {fresh[0], old[0]}} {
		again := New(noon)
		if err := again.Restore(kept); err != nil {
			t.Fatal(err)
		}
		t.Log(name)
		wantUse(t, again, used("all", 5))
		if again.sheets.count != 2*minSheets || again.sheets.version < tally.sheets.version {
			t.Errorf("%s: goes on with %d sheets of version %d", name, again.sheets.count, again.sheets.version)
		}
	}
}

func TestSheetsThatCannotBeRead(t *testing.T) {
	other, err := compress(&sheet{Format: format + 1})
	if err != nil {
		t.Fatal(err)
	}
	astray, err := compress(&sheet{Format: format, Holders: []writtenHolder{{"all", [][11]int64{{firstProcess, 1}}}}})
	if err != nil {
		t.Fatal(err)
	}
	notJSON, err := compress(&sheet{Format: format})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		content []byte
		want    string
	}{
		"nothing":                        {nil, "sheet 3: EOF"},
		"what is not compressed":         {[]byte("hello, hello"), "sheet 3: gzip: invalid header"},
		"what is cut off":                {notJSON[:len(notJSON)-9], "sheet 3: unexpected EOF"},
		"another release's":              {other, "sheet 3: its format 2 is another release's"},
		"a row whose process is missing": {astray, "a row is of no process"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := New(noon).Restore([]Sheet{{Number: 3, Content: test.content}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func BenchmarkAskAmongManyHolders(b *testing.B) {
	tally := New(noon)
	var uses []config.HolderUse
	for key := range 100_000 {
		uses = append(uses, used(fmt.Sprint("key/t/", key), 1))
	}
	_, hear := tally.Ask("a", "a-1", noon)
	for part := range slices.Chunk(uses, config.MaxHolders) {
		hear(&config.UsageAnswer{Instance: "a-1", Holders: part})
	}
	b.ReportAllocs()
	n := int64(1)
	for b.Loop() {
		n++
		_, hear := tally.Ask("a", "a-1", noon)
		hear(&config.UsageAnswer{Instance: "a-1", Holders: []config.HolderUse{used("key/t/7", n)}})
	}
}
