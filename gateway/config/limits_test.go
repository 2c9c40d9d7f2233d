// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestMoneyIsWrittenExactly(t *testing.T) {
	tests := map[string]struct {
		money config.Money
		want  string
	}{
		"nothing":                      {0, "0.00"},
		"a dollar":                     {config.Dollar, "1.00"},
		"cents":                        {config.Dollar * 3 / 2, "1.50"},
		"a cent":                       {config.Dollar / 100, "0.01"},
		"less than a cent":             {config.Dollar / 1000, "0.001"},
		"a nanodollar":                 {1, "0.000000001"},
		"zeros between":                {config.Dollar + 50, "1.00000005"},
		"a debt":                       {-config.Dollar - 10_000_000, "-1.01"},
		"a debt of less than a cent":   {-1, "-0.000000001"},
		"the most that a limit may be": {config.MaxMoney, "999999.999999999"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.money.String(); got != test.want {
				t.Errorf("%d is written %q, want %q", test.money, got, test.want)
			}
		})
	}
}

func TestMoneyIsReadBackAsItWas(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		money := config.Money(random.Int64N(int64(2*config.MaxMoney))) - config.MaxMoney
		value, ok := new(big.Rat).SetString(money.String())
		if !ok || value.Cmp(big.NewRat(int64(money), int64(config.Dollar))) != 0 {
			t.Fatalf("%d is written %q", money, money)
		}
	}
}

func TestEmptyLimits(t *testing.T) {
	tests := map[string]struct {
		limits config.Limits
		want   bool
	}{
		"the zero value": {config.Limits{}, true},
		"a mode alone":   {config.Limits{Shadow: true}, true},
		"requests":       {config.Limits{Requests: []config.RequestLimit{{}}}, false},
		"tokens":         {config.Limits{Tokens: []config.TokenLimit{{}}}, false},
		"cost":           {config.Limits{Cost: []config.CostLimit{{}}}, false},
		"concurrency":    {config.Limits{Concurrency: 1}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.limits.Empty(); got != test.want {
				t.Errorf("empty: %t, want %t", got, test.want)
			}
		})
	}
}

func at(text string) time.Time {
	moment, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return moment
}

func TestTheEndOfAWindow(t *testing.T) {
	tests := map[string]struct {
		calendar config.Calendar
		at, want string
	}{
		"a day":                            {config.Day, "2026-03-04T12:00:00Z", "2026-03-05T00:00:00Z"},
		"the first moment of a day":        {config.Day, "2026-03-04T00:00:00Z", "2026-03-05T00:00:00Z"},
		"the last moment of a day":         {config.Day, "2026-03-04T23:59:59.999999999Z", "2026-03-05T00:00:00Z"},
		"a day elsewhere is that of UTC":   {config.Day, "2026-03-04T23:30:00-05:00", "2026-03-06T00:00:00Z"},
		"the day before a leap day":        {config.Day, "2028-02-28T10:00:00Z", "2028-02-29T00:00:00Z"},
		"a week begins on Monday":          {config.Week, "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z"},
		"a week ends with Sunday":          {config.Week, "2026-03-08T23:59:59Z", "2026-03-09T00:00:00Z"},
		"a week over the year":             {config.Week, "2026-12-31T00:00:00Z", "2027-01-04T00:00:00Z"},
		"a month":                          {config.Month, "2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z"},
		"a month over the year":            {config.Month, "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		"a month elsewhere is that of UTC": {config.Month, "2026-02-01T00:30:00+02:00", "2026-02-01T00:00:00Z"},
		"a day before 1970":                {config.Day, "1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z"},
		"a week before 1970":               {config.Week, "1969-12-28T23:00:00Z", "1969-12-29T00:00:00Z"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.calendar.Ends(at(test.at)); !got.Equal(at(test.want)) {
				t.Errorf("the %s of %s ends %s, want %s", test.calendar, test.at, got, test.want)
			}
		})
	}
	if got := config.Total.Ends(at("2026-01-01T00:00:00Z")); !got.IsZero() {
		t.Errorf("Total ends %s", got)
	}
}

// Two moments are in one window exactly when the calendar, as the standard library has it, says that they are in one period;
// and a window's end is the first moment of the next.
func TestWindowsAreThePeriodsOfTheCalendar(t *testing.T) {
	type period struct{ a, b, c int }
	periods := map[config.Calendar]func(time.Time) period{
		config.Day: func(at time.Time) period { y, m, d := at.UTC().Date(); return period{y, int(m), d} },
		config.Week: func(at time.Time) period {
			y, w := at.UTC().ISOWeek()
			return period{y, w, 0}
		},
		config.Month: func(at time.Time) period { y, m, _ := at.UTC().Date(); return period{y, int(m), 0} },
		config.Total: func(time.Time) period { return period{} },
	}
	random := rand.New(rand.NewPCG(3, 4))
	zones := []*time.Location{time.UTC, time.FixedZone("east", 14*3600), time.FixedZone("west", -12*3600)}
	begin, years := at("1960-01-01T00:00:00Z").Unix(), int64(150*366*86400)
	for range 20_000 {
		a := time.Unix(begin+random.Int64N(years), random.Int64N(1e9)).In(zones[random.IntN(3)])
		// Often near, as two moments far apart tell little.
		b := a.Add(time.Duration(random.Int64N(int64(40*24*time.Hour))) - 20*24*time.Hour).In(zones[random.IntN(3)])
		for calendar, of := range periods {
			if same := of(a) == of(b); (calendar.Window(a) == calendar.Window(b)) != same {
				t.Fatalf("%s and %s are in one %s: %t, and their windows are %d and %d", a, b, calendar, same, calendar.Window(a), calendar.Window(b))
			}
			if a.Before(b) && calendar.Window(a) > calendar.Window(b) {
				t.Fatalf("the later %s has the lower window of %s", b, calendar)
			}
			if calendar == config.Total {
				continue
			}
			end := calendar.Ends(a)
			if calendar.Window(end) != calendar.Window(a)+1 || calendar.Window(end.Add(-1)) != calendar.Window(a) {
				t.Fatalf("the %s of %s ends %s, where window %d begins, and not %d", calendar, a, end, calendar.Window(end), calendar.Window(a)+1)
			}
		}
	}
}

func TestCalendarsAreKnown(t *testing.T) {
	for _, calendar := range config.Calendars {
		if !calendar.Known() {
			t.Errorf("%s is not known", calendar)
		}
	}
	if config.Calendar("Year").Known() {
		t.Error("Year is known")
	}
}

func TestARequirementHolds(t *testing.T) {
	of := func(operator config.Operator, values ...string) config.Requirement {
		return config.Requirement{Label: "team", Operator: operator, Values: values}
	}
	tests := map[string]struct {
		requirement config.Requirement
		labels      []string
		want        bool
	}{
		"in one of them":                            {of(config.In, "a", "b"), []string{"b"}, true},
		"in none of them":                           {of(config.In, "a", "b"), []string{"c"}, false},
		"in without a label":                        {of(config.In, "a"), nil, false},
		"in by one of several values":               {of(config.In, "a"), []string{"x", "a"}, true},
		"in of the empty value":                     {of(config.In, ""), []string{""}, true},
		"not in one of them":                        {of(config.NotIn, "a", "b"), []string{"b"}, false},
		"not in none of them":                       {of(config.NotIn, "a", "b"), []string{"c"}, true},
		"not in without a label":                    {of(config.NotIn, "a"), nil, true},
		"not in with one value too much":            {of(config.NotIn, "a"), []string{"x", "a"}, false},
		"there":                                     {of(config.Exists), []string{""}, true},
		"not there though it must be":               {of(config.Exists), nil, false},
		"absent":                                    {of(config.DoesNotExist), nil, true},
		"there though it must not be":               {of(config.DoesNotExist), []string{"a"}, false},
		"an operator that nobody knows holds never": {of("Gt", "1"), []string{"2"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.requirement.Holds(test.labels); got != test.want {
				t.Errorf("%s %v holds for %q: %t, want %t", test.requirement.Operator, test.requirement.Values, test.labels, got, test.want)
			}
		})
	}
}
