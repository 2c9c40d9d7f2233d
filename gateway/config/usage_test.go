// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestTheUseOfOnePeriod(t *testing.T) {
	now := at("2026-03-04T12:00:00Z")
	use := config.HolderUse{Cost: 100,
		Day:   config.WindowUse{Window: config.Day.Window(now), Cost: 1},
		Week:  config.WindowUse{Window: config.Week.Window(now), Cost: 7},
		Month: config.WindowUse{Window: config.Month.Window(now), Cost: 30}}
	tests := map[string]struct {
		calendar config.Calendar
		at       string
		want     config.Money
	}{
		"today":                         {config.Day, "2026-03-04T23:59:59Z", 1},
		"tomorrow nothing is spent":     {config.Day, "2026-03-05T00:00:00Z", 0},
		"of yesterday nothing is known": {config.Day, "2026-03-03T23:59:59Z", 0},
		"this week":                     {config.Week, "2026-03-08T23:59:59Z", 7},
		"next week nothing is spent":    {config.Week, "2026-03-09T00:00:00Z", 0},
		"this month":                    {config.Month, "2026-03-31T23:59:59Z", 30},
		"next month nothing is spent":   {config.Month, "2026-04-01T00:00:00Z", 0},
		"all that was ever spent":       {config.Total, "2036-01-01T00:00:00Z", 100},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := use.In(test.calendar, at(test.at)); got != test.want {
				t.Errorf("in the %s of %s: %d, want %d", test.calendar, test.at, got, test.want)
			}
		})
	}
}

func TestUseIsAdded(t *testing.T) {
	window := func(n int64, cost config.Money) config.WindowUse { return config.WindowUse{Window: n, Cost: cost} }
	use := config.HolderUse{Holder: "key/team/alice", Requests: 1, Tokens: 10, Cost: 100, Last: 5,
		Day: window(20, 1), Week: window(3, 2), Month: window(7, 3)}
	tests := map[string]struct {
		other, want config.HolderUse
	}{
		"nothing": {config.HolderUse{}, use},
		"the same windows": {
			config.HolderUse{Requests: 2, Tokens: 20, Cost: 200, Last: 9, Day: window(20, 10), Week: window(3, 20), Month: window(7, 30)},
			config.HolderUse{Holder: use.Holder, Requests: 3, Tokens: 30, Cost: 300, Last: 9, Day: window(20, 11), Week: window(3, 22), Month: window(7, 33)},
		},
		"a later day in the same month": {
			config.HolderUse{Cost: 200, Last: 9, Day: window(21, 10), Week: window(4, 20), Month: window(7, 30)},
			config.HolderUse{Holder: use.Holder, Requests: 1, Tokens: 10, Cost: 300, Last: 9, Day: window(21, 10), Week: window(4, 20), Month: window(7, 33)},
		},
		"who has not been used since": {
			config.HolderUse{Cost: 200, Last: 1, Day: window(19, 10), Week: window(2, 20), Month: window(6, 30)},
			config.HolderUse{Holder: use.Holder, Requests: 1, Tokens: 10, Cost: 300, Last: 5, Day: window(20, 1), Week: window(3, 2), Month: window(7, 3)},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := use
			got.Add(&test.other)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("sum (-want +got):\n%s", diff)
			}
		})
	}
}

// The order in which processes tell what they counted does not matter.
func TestUseIsTheSameInWhateverOrderItIsAdded(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		parts := make([]config.HolderUse, 5)
		for i := range parts {
			moment := at("2026-01-01T00:00:00Z").Add(time.Duration(random.Int64N(int64(60 * 24 * time.Hour))))
			cost := config.Money(random.Int64N(1000))
			parts[i] = config.HolderUse{Requests: 1, Tokens: random.Int64N(100), Cost: cost, Last: moment.UnixMilli(),
				Day:   config.WindowUse{Window: config.Day.Window(moment), Cost: cost},
				Week:  config.WindowUse{Window: config.Week.Window(moment), Cost: cost},
				Month: config.WindowUse{Window: config.Month.Window(moment), Cost: cost}}
		}
		var one, other config.HolderUse
		for i := range parts {
			one.Add(&parts[i])
		}
		for _, i := range random.Perm(len(parts)) {
			other.Add(&parts[i])
		}
		if diff := cmp.Diff(one, other); diff != "" {
			t.Fatalf("another order gives another sum (-one +other):\n%s", diff)
		}
	}
}

func TestUseIsShortInJSON(t *testing.T) {
	text, err := json.Marshal(config.HolderUse{Holder: "all", Requests: 1})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"h":"all","r":1}`; string(text) != want {
		t.Errorf("%s, want %s", text, want)
	}
}
