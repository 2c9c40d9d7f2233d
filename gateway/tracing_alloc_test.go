// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package gateway

import "testing"

// What is not sampled costs a traced gateway nothing that would have to be collected.
func TestTracingAllocatesNothingForWhatIsNotSampled(t *testing.T) {
	count := func(percent int) float64 {
		c := startBench(t, tracedPolicy(cannedProvider(t, wholeAnswer(900)), percent))
		request, buf := chatOf(1000, false), make([]byte, 64<<10)
		exchangeOnce(t, c, request, buf, []byte("}}"))
		return testing.AllocsPerRun(200, func() { exchangeOnce(t, c, request, buf, []byte("}}")) })
	}
	if without, with := count(-1), count(0); with > without {
		t.Errorf("%v allocations a request, and %v without tracing", with, without)
	}
}
