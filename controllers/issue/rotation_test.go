// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package issue_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/sparkgateway/spark/controllers/issue"
)

func TestRotation(t *testing.T) {
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	at := noon.Add
	const day = 24 * time.Hour
	tests := map[string]struct {
		life issue.Life
		want issue.Step
	}{
		"a key without a rotation is left as it is": {issue.Life{}, issue.Step{}},
		"a key is replaced when its time has come":  {issue.Life{Every: 12 * time.Hour, Generated: at(-12 * time.Hour)}, issue.Step{Rotate: true, PreviousUntil: at(12 * time.Hour), Rotation: noon, Again: noon}},
		"not a moment before":                       {issue.Life{Every: 12 * time.Hour, Generated: at(-12*time.Hour + 1)}, issue.Step{Rotation: at(1), Again: at(1)}},
		"an overdue one is replaced once":           {issue.Life{Every: time.Hour, Generated: at(-72 * time.Hour)}, issue.Step{Rotate: true, PreviousUntil: at(time.Hour), Rotation: at(-71 * time.Hour), Again: noon}},
		"the overlap is a day by default":           {issue.Life{Every: 30 * day, Generated: at(-30 * day)}, issue.Step{Rotate: true, PreviousUntil: at(day), Rotation: noon, Again: noon}},
		"the overlap is what somebody says": {issue.Life{Every: 30 * day, Overlap: ptr.To(time.Hour), Generated: at(-30 * day)}, issue.Step{
			Rotate: true, PreviousUntil: at(time.Hour), Rotation: noon, Again: noon}},
		"there need be no overlap": {issue.Life{Every: 30 * day, Overlap: new(time.Duration), Generated: at(-30 * day)}, issue.Step{
			Rotate: true, PreviousUntil: noon, Rotation: noon, Again: noon}},
		"the overlap ends with a second": {issue.Life{Now: at(1500 * time.Millisecond), Asked: "now", Overlap: ptr.To(time.Hour)}, issue.Step{
			Rotate: true, PreviousUntil: at(time.Hour + time.Second), Again: at(1500 * time.Millisecond)}},
		"who asks is heard without a schedule":     {issue.Life{Asked: "1"}, issue.Step{Rotate: true, PreviousUntil: at(day), Again: noon}},
		"who asked is heard once":                  {issue.Life{Asked: "1", Done: "1"}, issue.Step{}},
		"who asks anew is heard anew":              {issue.Life{Asked: "2", Done: "1"}, issue.Step{Rotate: true, PreviousUntil: at(day), Again: noon}},
		"who takes the question back asks nothing": {issue.Life{Done: "1"}, issue.Step{}},
		"a rotation during the overlap ends the key before the present one": {issue.Life{Asked: "2", Previous: true, PreviousUntil: at(time.Hour)}, issue.Step{
			Rotate: true, PreviousUntil: at(day), Again: noon}},
		"the previous key is kept while it is accepted": {issue.Life{Previous: true, PreviousUntil: at(time.Second)}, issue.Step{Again: at(time.Second)}},
		"the previous key is forgotten after":           {issue.Life{Previous: true, PreviousUntil: noon}, issue.Step{EndPrevious: true, Again: noon}},
		"one that nobody knows the end of is too":       {issue.Life{Previous: true}, issue.Step{EndPrevious: true, Again: noon}},
		"whatever comes first is next": {issue.Life{Every: day, Generated: noon, Previous: true, PreviousUntil: at(time.Hour)}, issue.Step{
			Rotation: at(day), Again: at(time.Hour)}},
		"a key that is refused is not replaced by its time": {issue.Life{Every: time.Hour, Generated: at(-day), Refused: true}, issue.Step{}},
		"a key that is refused is replaced for who asks":    {issue.Life{Asked: "1", Refused: true}, issue.Step{Rotate: true, PreviousUntil: at(day), Again: noon}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.life.Now.IsZero() {
				test.life.Now = noon
			}
			if diff := cmp.Diff(test.want, test.life.Next()); diff != "" {
				t.Errorf("step (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeysThatWereMadeTogetherAreReplacedApart(t *testing.T) {
	const day = 24 * time.Hour
	made := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		every   time.Duration
		overlap *time.Duration
		early   time.Duration // at most
	}{
		"by a tenth of how long they are used":     {every: 10 * time.Hour, early: time.Hour},
		"by a day at most":                         {every: 365 * day, early: day},
		"an overlap ends before the next rotation": {every: 30 * day, overlap: ptr.To(30*day - time.Hour), early: time.Hour},
		"there is no room where it takes all":      {every: day, overlap: ptr.To(day)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			const keys = 500
			var inTenth [10]int
			for i := range keys {
				life := issue.Life{Now: made, Generated: made, Every: test.every, Overlap: test.overlap, UID: fmt.Sprintf("0b9c7a4e-%04d", i)}
				step := life.Next()
				early := made.Add(test.every).Sub(step.Rotation)
				if early < 0 || early > test.early || early%time.Second != 0 {
					t.Fatalf("key %d is replaced %s before its time", i, early)
				}
				if life.Now = step.Rotation.Add(-1); life.Next().Rotate {
					t.Fatalf("key %d is replaced before it is said to be", i)
				}
				if life.Now = step.Rotation; !life.Next().Rotate || life.Next().Rotation != step.Rotation {
					t.Fatalf("key %d is not replaced when it is said to be", i)
				}
				if test.early > 0 {
					inTenth[min(10*early/test.early, 9)]++
				}
			}
			for part, n := range inTenth {
				if test.early > 0 && (n < keys/20 || n > keys/5) {
					t.Errorf("in part %d of the time there are %d of %d", part, n, keys)
				}
			}
		})
	}
	life := issue.Life{Now: made, Generated: made, Every: 10 * time.Hour, UID: "0b9c7a4e-0001"}
	used := life.Next().Rotation.Sub(made)
	life.Now = made.Add(used)
	if step := life.Next(); used == life.Every || step.PreviousUntil != life.Now.Add(used) {
		t.Errorf("a key that is used %s is accepted until %s after it was replaced", used, step.PreviousUntil.Sub(life.Now))
	}
}
