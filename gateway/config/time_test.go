// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestTimesAreWrittenAsTheirLayoutSays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	times := []time.Time{
		{}, time.Unix(0, 0), time.Unix(-1, 999_999_999), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2024, 2, 29, 23, 59, 59, 999_000_000, time.UTC),
		time.Date(2026, 1, 1, 0, 30, 0, 1_000_000, time.FixedZone("", 3600)),
	}
	for range 10_000 {
		times = append(times, time.UnixMilli(random.Int64N(4e12)-1e11))
	}
	for _, at := range times {
		if got, want := string(config.AppendTime(nil, at)), at.UTC().Format(config.TimeLayout); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}

func TestTimesOfADayAllocateNothing(t *testing.T) {
	at, buf := time.Unix(1_800_000_000, 0), make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { buf = config.AppendTime(buf[:0], at) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
