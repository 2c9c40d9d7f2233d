// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"math"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// most bounds sums of what was used, so that they do not overflow.
const most = math.MaxInt64 / 4

// period is a config.Calendar as a number.
type period uint8

const (
	day period = iota
	week
	month
	total
)

var calendars = [...]config.Calendar{config.Day, config.Week, config.Month, config.Total}

func periodOf(c config.Calendar) period {
	for i, known := range calendars {
		if known == c {
			return period(i)
		}
	}
	return total // which is the strictest
}

// windows are those of the calendar that are current, from one midnight to the next.
type windows struct {
	numbers [total]int64
	ends    [total]time.Time
}

// windows gives the current ones. A clock that goes back does not bring back former ones: what was spent would be
// forgotten.
func (b *Book) windows(at time.Time) *windows {
	for {
		was := b.calendar.Load()
		if was != nil && config.Day.Window(at) <= was.numbers[day] {
			return was
		}
		next := &windows{}
		for p := range total {
			next.numbers[p], next.ends[p] = calendars[p].Window(at), calendars[p].Ends(at)
		}
		if b.calendar.CompareAndSwap(was, next) {
			return next
		}
	}
}

// spent gives what was spent in the current window of a period.
func (w *windows) spent(u *config.HolderUse, p period) config.Money {
	if u == nil {
		return 0
	}
	var in *config.WindowUse
	switch p {
	case day:
		in = &u.Day
	case week:
		in = &u.Week
	case month:
		in = &u.Month
	default:
		return u.Cost
	}
	if in.Window < w.numbers[p] {
		return 0
	}
	return in.Cost
}

// spend adds a cost to the current windows.
func (w *windows) spend(u *config.HolderUse, cost config.Money) {
	u.Cost = plus(u.Cost, cost)
	for p, in := range [...]*config.WindowUse{&u.Day, &u.Week, &u.Month} {
		if in.Window < w.numbers[p] {
			*in = config.WindowUse{Window: w.numbers[p]}
		}
		in.Cost = plus(in.Cost, cost)
	}
}

// plus adds what is not negative, up to a bound.
func plus[N ~int64](a, b N) N { return min(a+min(b, most), most) }

// larger gives of two accounts of the same the one that knows more of each number.
func larger(a, b config.HolderUse) config.HolderUse {
	a.Requests, a.Tokens, a.Cost = max(a.Requests, b.Requests), max(a.Tokens, b.Tokens), max(a.Cost, b.Cost)
	a.Day, a.Week, a.Month = later(a.Day, b.Day), later(a.Week, b.Week), later(a.Month, b.Month)
	a.Last = max(a.Last, b.Last)
	return a
}

func later(a, b config.WindowUse) config.WindowUse {
	if a.Window > b.Window || a.Window == b.Window && a.Cost > b.Cost {
		return a
	}
	return b
}

// sane bounds what another process told.
func sane(u config.HolderUse) config.HolderUse {
	for _, n := range [...]*config.Money{&u.Cost, &u.Day.Cost, &u.Week.Cost, &u.Month.Cost} {
		*n = min(max(*n, 0), most)
	}
	u.Requests, u.Tokens, u.Last = min(max(u.Requests, 0), most), min(max(u.Tokens, 0), most), max(u.Last, 0)
	return u
}
