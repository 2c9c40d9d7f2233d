// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"syscall"
	"time"

	"github.com/sparkgateway/spark/gateway/sanitize/injection"
)

// ordinary is prose as users write it, 2 KB when it is repeated.
const ordinary = `We moved into the new flat in March, and since then the radiator in the kitchen has made a knocking noise every
morning. My neighbour says that it is air in the pipes; the landlord thinks it is the pump. Could you explain how I find out
which of them is right, what tools I need, and whether I may open the valve myself? The building was finished in 1978 and has
a central boiler in the cellar. There are four radiators, of which two get warm only at the top. Last week I cleaned the
filter and read the pressure, which was a little low. I would like to understand the cause before I call somebody. `

// speed prints what the detector costs: on 2 KB of prose, and on the prompts of the data.
func speed(w io.Writer, all []prompt) {
	d := injection.New(nil)
	text := []byte(strings.Repeat(ordinary, 4)[:2048])
	_, _ = fmt.Fprintf(w, "\n2 KB of prose: %.1f µs", fastest(func() { d.Detect(text, injection.User) }))
	bytes := 0
	begin := spent()
	for i := range all {
		d.Detect([]byte(all[i].Text), injection.User)
		bytes += len(all[i].Text)
	}
	_, _ = fmt.Fprintf(w, "; all prompts: %.1f µs of CPU per 2 KB\n", float64((spent()-begin).Microseconds())/float64(bytes)*2048)
}

// spent is the processor's time of this process, which others on the machine do not lengthen much.
func spent() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// fastest is the least of many times, in microseconds: others use the machine as well.
func fastest(f func()) float64 {
	least := math.Inf(1)
	for range 5000 {
		begin := time.Now()
		f()
		least = min(least, float64(time.Since(begin).Nanoseconds())/1000)
	}
	return least
}

func logOdds(score float32) float64 {
	p := float64(score)
	return math.Log(p / (1 - min(p, 1-1e-7)))
}
