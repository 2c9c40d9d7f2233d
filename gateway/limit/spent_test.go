// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestSpentIsWhatIsKnownOfAll(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) // a Monday
	const holder = "key/team/alice"
	day, month := config.Day.Window(now), config.Month.Window(now)
	use := func(cost config.Money) *config.HolderUse {
		return &config.HolderUse{
			Holder: holder, Requests: 1, Cost: cost, Day: config.WindowUse{Window: day, Cost: cost}, Month: config.WindowUse{Window: month, Cost: cost},
		}
	}
	type elsewhere struct{ told, learned *config.HolderUse }
	for name, test := range map[string]struct {
		here  config.Money
		other elsewhere
		later time.Duration
		per   config.Calendar
		want  config.Money
		ends  time.Time
	}{
		"nothing":                            {per: config.Day, ends: now.Add(12 * time.Hour)},
		"here":                               {here: 5, per: config.Day, want: 5, ends: now.Add(12 * time.Hour)},
		"here and elsewhere":                 {here: 5, other: elsewhere{told: use(7)}, per: config.Month, want: 12, ends: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)},
		"what the store knows":               {other: elsewhere{learned: use(9)}, per: config.Day, want: 9, ends: now.Add(12 * time.Hour)},
		"in all":                             {here: 5, other: elsewhere{told: use(7)}, per: config.Total, want: 12},
		"a day later":                        {here: 5, later: 24 * time.Hour, per: config.Day, ends: now.Add(36 * time.Hour)},
		"a day later, of the month":          {here: 5, later: 24 * time.Hour, per: config.Month, want: 5, ends: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)},
		"a week, which begins on its Monday": {here: 5, per: config.Week, want: 5, ends: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)},
	} {
		t.Run(name, func(t *testing.T) {
			at := now
			b := NewBook(Options{Now: func() time.Time { return at }})
			if test.here > 0 {
				var c Charge
				var d exchange.Decision
				c.Admit(1, Parts{{Holder: b.Holder(holder)}}, &d)
				c.Settle(1, exchange.Use{Cost: test.here}, true)
			}
			if test.other.told != nil {
				b.SetMode(Gossip(2))
				b.Exchange(2, config.UsageCall{Instance: "i", Replicas: 2, Elsewhere: []config.HolderUse{*test.other.told}}, "i")
			}
			if test.other.learned != nil {
				b.SetMode(Whole())
				b.Learn(holder, test.other.learned)
			}
			at = now.Add(test.later)
			spent, ends := b.Spent(holder, test.per)
			if spent != test.want || !ends.Equal(test.ends) {
				t.Errorf("%s until %s, want %s until %s", spent, ends, test.want, test.ends)
			}
		})
	}
}

func TestAskingWhatWasSpentMakesNoHolder(t *testing.T) {
	b := NewBook(Options{})
	if spent, _ := b.Spent("key/team/nobody", config.Day); spent != 0 || len(b.holders) != 0 {
		t.Errorf("%s, %d holders", spent, len(b.holders))
	}
}
