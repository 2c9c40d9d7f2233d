// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/store/redistest"
)

// script is a piece of Lua behind what all scripts begin with.
func script(timing, piece string) *rueidis.Lua {
	return rueidis.NewLuaScript(strings.Replace(commonLua, "call('TIME')", timing, 1) + piece)
}

func TestWindowsAreThoseOfTheContract(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	s := opened(t, single(server))
	at := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	var times []time.Time
	for ; at.Year() < 2200; at = at.Add(53*time.Hour + 13*time.Minute) {
		times = append(times, at)
	}
	for year := 2024; year < 2110; year++ {
		for month := time.January; month <= time.December; month++ {
			first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
			times = append(times, first, first.Add(-time.Second))
		}
	}
	windows := script("{'0', '0'}", `
		local out = {}
		for n = 1, #ARGV do
			local days = floor(tonumber(ARGV[n]) / 86400)
			local m = month(days)
			out[n] = {days, week(days), m, begins(m + 1) * 86400, (week(days) + 1) * 7 - 3}
		end
		return out`)
	for len(times) > 0 {
		some := times[:min(len(times), 1000)]
		times = times[len(some):]
		args := make([]string, len(some))
		for i, at := range some {
			args[i] = string(number(nil, at.Unix()))
		}
		answers, err := windows.Exec(context.Background(), *s.client.Load(), s.prefix, args).ToArray()
		if err != nil {
			t.Fatal(err)
		}
		for i, at := range some {
			got, err := answers[i].AsIntSlice()
			if err != nil {
				t.Fatal(err)
			}
			want := []int64{
				config.Day.Window(at), config.Week.Window(at), config.Month.Window(at),
				config.Month.Ends(at).Unix(), config.Week.Ends(at).Unix() / 86400,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%v: %s", at, diff)
			}
		}
	}
}

// However large or odd the numbers: what leaks in time is never more than the rate allows and, but for less than one unit
// and a little that doubles cannot tell, never less.
func TestBucketsLeakNoMoreThanTheirRate(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	s := opened(t, single(server))
	leak := script("{ARGV[1], ARGV[2]}", `
		local c = {1, tonumber(ARGV[3]), '', tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])}
		local level, at = bucket(ARGV[7], c)
		return {level, at}`)
	random := rand.New(rand.NewPCG(1, 2))
	t.Run("where doubles say too much", func(t *testing.T) {
		for found := 0; found < 20; {
			count, per, after := 1+random.Int64N(int64(config.MaxMoney)), 1+random.Int64N(86_400_000_000), 1+random.Int64N(86_400_000_000)
			exact := new(big.Int).Mul(big.NewInt(after), big.NewInt(count))
			most := exact.Quo(exact, big.NewInt(per)).Int64()
			if naive := math.Floor(float64(after) * float64(count) / float64(per)); naive > 1<<52 || int64(naive) <= most {
				continue
			}
			found++
			now := noon + after
			answer, err := leak.Exec(context.Background(), *s.client.Load(), s.prefix, []string{
				fmt.Sprint(now / 1e6), fmt.Sprint(now % 1e6), "1", fmt.Sprint(count), fmt.Sprint(count), fmt.Sprint(per),
				fmt.Sprintf("%d %d %d", int64(1)<<53, noon, count),
			}).AsIntSlice()
			if err != nil {
				t.Fatal(err)
			}
			if leaked := 1<<53 - answer[0]; leaked > most || leaked < most-2 {
				t.Errorf("%d leaked, not %d", leaked, most)
			}
		}
	})
	// logarithmic gives numbers of all sizes.
	logarithmic := func(most int64) int64 { return 1 + random.Int64N(1<<random.Int64N(int64(big.NewInt(most).BitLen()))) }
	for range 1000 {
		count := logarithmic(int64(config.MaxMoney))
		per := logarithmic((24 * time.Hour).Microseconds())
		level := logarithmic(2 * count)
		start := noon
		total := new(big.Int)
		now, since := start, start
		for range 10 {
			now += logarithmic(per) - 1
			text := string(number(nil, level)) + " " + string(number(nil, since)) + " " + string(number(nil, count))
			answer, err := leak.Exec(context.Background(), *s.client.Load(), s.prefix, []string{
				string(number(nil, now/1e6)), string(number(nil, now%1e6)), "1", string(number(nil, count)),
				string(number(nil, count)), string(number(nil, per)), text,
			}).AsIntSlice()
			if err != nil {
				t.Fatal(err)
			}
			if answer[0] > level || answer[1] < since || answer[1] > now {
				t.Fatalf("from %d at %d it went to %v at %d", level, since, answer, now)
			}
			total.Add(total, big.NewInt(level-answer[0]))
			level, since = answer[0], answer[1]
			// total / (now - start) <= count / per
			most := new(big.Int).Mul(big.NewInt(now-start), big.NewInt(count))
			if new(big.Int).Mul(total, big.NewInt(per)).Cmp(most) > 0 {
				t.Fatalf("%v of %d a %d µs leaked in %d µs", total, count, per, now-start)
			}
			if level == 0 {
				break
			}
			least, _ := new(big.Float).Quo(new(big.Float).SetInt(most), big.NewFloat(float64(per))).Float64()
			got, _ := new(big.Float).SetInt(total).Float64()
			// Each time may lose a microsecond and, in large numbers, a unit.
			if slack := 12 + 12*float64(count)/float64(per) + least*1e-14; got < least-slack {
				t.Fatalf("only %v of %v leaked, of %d a %d µs", got, least, count, per)
			}
		}
	}
}
