// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package gateway

import "testing"

// The race detector makes pools forget on purpose, so there this would count something else.
func TestOneRequestOfFullPolicyAllocatesLittle(t *testing.T) {
	c := startBench(t, fullPolicy(cannedProvider(t, wholeAnswer(900))))
	request, buf := chatOf(1000, false), make([]byte, 64<<10)
	for range 500 {
		// A histogram allocates for each of its buckets when that is first met.
		exchangeOnce(t, c, request, buf, []byte("}}"))
	}
	if n := testing.AllocsPerRun(200, func() { exchangeOnce(t, c, request, buf, []byte("}}")) }); n > 6 {
		t.Errorf("%v allocations a request", n)
	}
}
