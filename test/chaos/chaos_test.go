// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

func TestApplicationsSeeWhatIsPromisedWhileProvidersFail(t *testing.T) {
	program, err := buildGateway(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios(shortPace) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r, err := stage{program: program, pace: shortPace, scenario: s}.play(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range r.wrong {
				t.Error(w)
			}
		})
	}
}
