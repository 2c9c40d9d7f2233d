// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package gateway

import (
	"bytes"
	"testing"
)

// What is not sampled costs a traced gateway nothing that would have to be collected, whether or not its caller has a trace.
func TestTracingAllocatesNothingForWhatIsNotSampled(t *testing.T) {
	const parent = "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n"
	for name, header := range map[string]string{"nobody's trace": "", "a caller's trace": parent} {
		count := func(percent int) float64 {
			c := startBench(t, tracedPolicy(cannedProvider(t, wholeAnswer(900)), percent))
			request, buf := chatOf(1000, false), make([]byte, 64<<10)
			request = bytes.Replace(request, []byte("Accept:"), []byte(header+"Accept:"), 1)
			exchangeOnce(t, c, request, buf, []byte("}}"))
			return testing.AllocsPerRun(200, func() { exchangeOnce(t, c, request, buf, []byte("}}")) })
		}
		if without, with := count(-1), count(0); with > without {
			t.Errorf("%s: %v allocations a request, and %v without tracing", name, with, without)
		}
	}
}
