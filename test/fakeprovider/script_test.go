// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"strings"
	"testing"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"gpt-4o", "gpt-4o", true},
		{"gpt-4o", "gpt-4o-mini", false},
		{"gpt-*", "gpt-4o", true},
		{"*", "", true},
		{"/v1/*", "/v1/chat/completions", true},
		{"*mini", "gpt-4o-mini", true},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"aa*aa", "aaa", false},
		{"*x*", "aaa", false},
	} {
		if got := glob(c.pattern, c.text); got != c.want {
			t.Errorf("glob(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
}

// applied says which of n equal requests the script changes, as a word like "-x-".
func applied(s *script, n int) string {
	var word strings.Builder
	for range n {
		if s.pick("/v1/chat/completions", subject{model: "m", stream: true}).rule != "" {
			word.WriteByte('x')
		} else {
			word.WriteByte('-')
		}
	}
	return word.String()
}

func TestRulesFire(t *testing.T) {
	yes, no := true, false
	for name, c := range map[string]struct {
		rule Rule
		want string
	}{
		"always, when nothing narrows it":            {Rule{Fault: "crlf"}, "xxxxx"},
		"at the nth match only":                      {Rule{Fault: "crlf", Nth: 3}, "--x--"},
		"for the first matches only":                 {Rule{Fault: "crlf", Count: 2}, "xx---"},
		"for the model that matches":                 {Rule{Fault: "crlf", Model: "m*"}, "xxxxx"},
		"not for another model":                      {Rule{Fault: "crlf", Model: "n*"}, "-----"},
		"for the path that matches":                  {Rule{Fault: "crlf", Path: "/v1/chat/*"}, "xxxxx"},
		"not for another path":                       {Rule{Fault: "crlf", Path: "/v1/models"}, "-----"},
		"for streams when streams are wanted":        {Rule{Fault: "hang", Stream: &yes}, "xxxxx"},
		"not for streams when they are not wanted":   {Rule{Fault: "hang", Stream: &no}, "-----"},
		"not for streams when its fault fits bodies": {Rule{Fault: "reset-mid-body"}, "-----"},
		"always with probability one":                {Rule{Fault: "crlf", Probability: 1}, "xxxxx"},
	} {
		t.Run(name, func(t *testing.T) {
			var s script
			if err := s.set([]Rule{c.rule}); err != nil {
				t.Fatal(err)
			}
			if got := applied(&s, len(c.want)); got != c.want {
				t.Errorf("fired %s, want %s", got, c.want)
			}
		})
	}
}

func TestProbabilityIsMetAndRepeatable(t *testing.T) {
	rule := Rule{Fault: "crlf", Probability: 0.25}
	var first, second script
	for _, s := range []*script{&first, &second} {
		if err := s.set([]Rule{rule}); err != nil {
			t.Fatal(err)
		}
	}
	a, b := applied(&first, 2000), applied(&second, 2000)
	if a != b {
		t.Error("two runs differ")
	}
	if hits := strings.Count(a, "x"); hits < 400 || hits > 600 {
		t.Errorf("%d of 2000 fired, want about 500", hits)
	}
	if list := first.list(); list[0].Matched != 2000 || list[0].Fired != strings.Count(a, "x") {
		t.Errorf("counts are %d of %d", list[0].Fired, list[0].Matched)
	}
}

func TestTheFirstRuleThatFiresWins(t *testing.T) {
	var s script
	if err := s.set([]Rule{{Name: "once", Fault: "hang", Count: 1}, {Tokens: 5}}); err != nil {
		t.Fatal(err)
	}
	got := []string{s.pick("/", subject{model: "m"}).rule, s.pick("/", subject{model: "m"}).rule}
	if got[0] != "once" || got[1] != "rule-2" {
		t.Errorf("rules = %v, want once, then rule-2", got)
	}
}

func TestWrongRulesLeaveTheScriptAlone(t *testing.T) {
	var s script
	if err := s.set([]Rule{{Fault: "hang"}}); err != nil {
		t.Fatal(err)
	}
	for reason, rule := range map[string]Rule{
		"fault: unknown fault":           {Fault: "explode"},
		"delay: \"fast\" is not":         {Delay: "fast"},
		"has no effect":                  {Model: "m"},
		"nth and count exclude":          {Fault: "hang", Nth: 1, Count: 1},
		"must not be negative":           {Fault: "hang", Nth: -1},
		"probability must lie":           {Fault: "hang", Probability: 1.5},
		"tokens must lie":                {Tokens: -1},
		"rule 1 (mine): fault: unknown ": {Name: "mine", Fault: "x"},
	} {
		if err := s.set([]Rule{rule}); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("error = %v, want one about %q", err, reason)
		}
	}
	if applied(&s, 1) != "x" {
		t.Error("the script in force was lost")
	}
}

func TestParseRulesIsStrict(t *testing.T) {
	for body, reason := range map[string]string{
		`{"fault":"hang"}`:     "not a JSON list",
		`[{"fualt":"hang"}]`:   "unknown field",
		`[{"fault":"hang"}] x`: "something follows",
		``:                     "not a JSON list",
	} {
		if _, err := parseRules([]byte(body)); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: error = %v, want one about %q", body, err, reason)
		}
	}
}
