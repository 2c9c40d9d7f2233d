// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"testing"
)

func TestApplicationsSeeWhatIsPromisedWhileProvidersFail(t *testing.T) {
	program, err := buildGateway(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios(shortPace) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r, err := fairly(func() (result, error) {
				return stage{program: program, pace: shortPace, scenario: s}.play(t.Context())
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range r.aside {
				t.Log("set aside:", w)
			}
			for _, w := range r.wrong {
				t.Error(w)
			}
		})
	}
}

func TestAScenarioIsPlayedAgainOnlyWhereTheMachineMayBeAtFault(t *testing.T) {
	kept, broken := result{}, result{wrong: []string{"a promise"}}
	stalled := broken
	stalled.stall = unfair
	failed := errors.New("no gateway")
	for name, tc := range map[string]struct {
		plays     []result
		err       error
		wantPlays int
		wantWrong int
	}{
		"as promised":                              {plays: []result{kept}, wantPlays: 1},
		"not as promised on a machine with time":   {plays: []result{broken, kept}, wantPlays: 1, wantWrong: 1},
		"not as promised on a machine without":     {plays: []result{stalled, kept}, wantPlays: 2},
		"a machine that never has time":            {plays: []result{stalled, stalled, stalled, kept}, wantPlays: 3, wantWrong: 1},
		"a stage that could not be set up at all":  {plays: []result{stalled}, err: failed, wantPlays: 1, wantWrong: 1},
		"first the machine's fault, then a broken": {plays: []result{stalled, broken, kept}, wantPlays: 2, wantWrong: 1},
	} {
		plays := 0
		got, err := fairly(func() (result, error) {
			plays++
			return tc.plays[plays-1], tc.err
		})
		if len(got.aside) != tc.wantPlays-1 {
			t.Errorf("%s: %d plays, of which %q were set aside", name, plays, got.aside)
		}
		if plays != tc.wantPlays || len(got.wrong) != tc.wantWrong || !errors.Is(err, tc.err) {
			t.Errorf("%s: %d plays, %q, %v", name, plays, got.wrong, err)
		}
	}
}
