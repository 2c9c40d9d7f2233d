// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/config"
)

// matches are all that a machine finds in a text that comes whole.
func matches(t testing.TB, regex, text string) [][]int {
	t.Helper()
	m, err := newMachine(regex)
	if err != nil {
		t.Fatal(err)
	}
	s := scan{machine: m}
	s.reset()
	var all [][]int
	for {
		match, ok := s.next([]byte(text), 0, true)
		if !ok {
			return all
		}
		all = append(all, []int{match.from, match.to})
	}
}

func TestTheMachineFindsWhatThePackageRegexpDoes(t *testing.T) {
	for _, regex := range []string{
		`a`, `ab`, `a+`, `a+?`, `ab*c`, `a|ab|abc`, `abc|ab|a`, `(a|ab)(c|bcd)`, `a{2,3}`, `a{2,3}?`, `.b`, `(?s).b`, `[^b]c`, `\ba\b`, `\Bb`, `^a`, `a$`, `(?m)^a`, `(?m)a$`,
		`\Aab`, `b\z`, `(?i)AB`, `(?i)k`, `é`, `[à-ü]+`, `\pL+`, `\x{FFFD}`, `a.*b`, `a.*?b`, `a(bc|.*d)`, `a(.*d|bc)`, `(?:a|b)+c`, `\w+@\w+`, `\d+(-\d+)*`, `[[:upper:]]{2}`, `(?U)a+b`,
	} {
		rng := rand.New(rand.NewPCG(3, 3))
		compiled := regexp.MustCompile(regex)
		for range 400 {
			text := randomText(rng, 30)
			want := compiled.FindAllIndex([]byte(text), -1)
			if diff := cmp.Diff(want, matches(t, regex, text), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s in %q: %s", regex, text, diff)
			}
		}
	}
}

// randomText is of characters that the patterns of the tests care for.
func randomText(rng *rand.Rand, most int) string {
	characters := []string{"a", "b", "c", "d", "a", "b", "A", "B", " ", "\n", "é", "ü", "日", "\xff", "K", "1", "-", "@", "k"}
	var text strings.Builder
	for range rng.IntN(most) {
		text.WriteString(characters[rng.IntN(len(characters))])
	}
	return text.String()
}

// randomRegex is one of its own kinds; not all are good.
func randomRegex(rng *rand.Rand, depth int) string {
	atoms := []string{"a", "b", "c", "ab", ".", "[ab]", "[^a]", `\w`, `\b`, "^", "$", "é", "\\s", "(?i:b)", "(?s:.)"}
	if depth == 0 {
		return atoms[rng.IntN(len(atoms))]
	}
	sub := func() string { return randomRegex(rng, depth-1) }
	switch rng.IntN(7) {
	case 0:
		return sub() + "|" + sub()
	case 1:
		return "(?:" + sub() + ")*"
	case 2:
		return "(?:" + sub() + ")+?"
	case 3:
		return "(?:" + sub() + "){1,2}"
	case 4:
		return "(" + sub() + ")"
	default:
		return sub() + sub()
	}
}

func TestTheMachineFindsWhatThePackageRegexpDoesForAnyExpression(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	tried := 0
	for range 3000 {
		regex := randomRegex(rng, 3)
		if config.CheckPattern(regex) != nil {
			continue
		}
		tried++
		compiled := regexp.MustCompile(regex)
		for range 10 {
			text := randomText(rng, 20)
			if diff := cmp.Diff(compiled.FindAllIndex([]byte(text), -1), matches(t, regex, text), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s in %q: %s", regex, text, diff)
			}
		}
	}
	if tried < 500 {
		t.Errorf("only %d expressions were tried", tried)
	}
}

func TestPatternsAreReplacedInPiecesAsInTheWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for range 400 {
		var regexes []string
		for len(regexes) < 1+rng.IntN(3) {
			if regex := randomRegex(rng, 2); config.CheckPattern(regex) == nil {
				regexes = append(regexes, regex)
			}
		}
		cfg := denying(config.SanitizeRedact, regexes...)
		if rng.IntN(4) == 0 {
			cfg.DenyPatterns[0].Mode = config.SanitizeBlock
		}
		if rng.IntN(4) == 0 {
			cfg.DenyPatterns[len(regexes)-1].Mode = config.SanitizeFlag
		}
		wantSameInPieces(t, mustPolicy(t, cfg).Answer(nil).Filter, randomText(rng, 60))
	}
}

func TestOneExpressionIsReplacedAsThePackageRegexpDoes(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 11))
	for range 500 {
		regex := randomRegex(rng, 2)
		if config.CheckPattern(regex) != nil {
			continue
		}
		text := randomText(rng, 40)
		got := whole(mustPolicy(t, denying(config.SanitizeRedact, regex)).Answer(nil).Filter(), text)
		if want := regexp.MustCompile(regex).ReplaceAllLiteralString(text, Placeholder); got.text != want {
			t.Fatalf("%s in %q: %q, want %q", regex, text, got.text, want)
		}
	}
}

func TestBoundsOfMatchesInAnswers(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for name, test := range map[string]struct{ regex, text, want string }{
		"a match of 1024 bytes":                       {`ax*b`, "-a" + x(1022) + "b-", "-[REDACTED]-"},
		"one byte more is not found":                  {`ax*b`, "-a" + x(1023) + "b-", "-a" + x(1023) + "b-"},
		"a match without end is cut":                  {`x+`, x(2000), "[REDACTED][REDACTED]"},
		"what began long before hides no match":       {`a[^b]*b`, "a" + x(1000) + "a" + x(400) + "b", "a" + x(1000) + "[REDACTED]"},
		"nor do many that did":                        {`a[^b]*b`, strings.Repeat("a"+x(200), 20) + "b.", strings.Repeat("a"+x(200), 15) + "[REDACTED]."},
		"a match grows over a gap":                    {`a(.*b)?`, "a" + x(100) + "b.", "[REDACTED]."},
		"but not over a large one":                    {`a(.*b)?`, "a" + x(200) + "b.", "[REDACTED]" + x(200) + "b."},
		"overlapping patterns are one":                {`abc`, "1abc2", "1[REDACTED]2"},
		"the end of a text that ends":                 {`a$`, "ba", "b[REDACTED]"},
		"the end of a word at the end":                {`\bab\b`, "x ab", "x [REDACTED]"},
		"half a character at the end":                 {`a`, "ba\xe6\x97", "b[REDACTED]\xe6\x97"},
		"a match that needs what follows":             {`a\b`, "a-ab", "[REDACTED]-ab"},
		"a match that begins where the last one ends": {`aa`, "aaaa", "[REDACTED][REDACTED]"},
	} {
		t.Run(name, func(t *testing.T) {
			got := wantSameInPieces(t, mustPolicy(t, denying(config.SanitizeRedact, test.regex)).Answer(nil).Filter, test.text)
			if diff := cmp.Diff(test.want, got.text); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPatternsThatOverlapAreReplacedOnce(t *testing.T) {
	filter := mustPolicy(t, denying(config.SanitizeRedact, `abc`, `bcd`, `e`)).Answer(nil).Filter
	if got := wantSameInPieces(t, filter, "1abcde2"); got.text != "1[REDACTED][REDACTED]2" {
		t.Errorf("%q", got.text)
	}
}

// Whatever text comes, a byte of it costs a bounded time.
func TestTheMachineTakesLinearTime(t *testing.T) {
	for _, test := range []struct{ regex, text string }{
		{`x[^y]*y`, "x"}, {`[a-z]+@corp`, "a"}, {`a(.*c)?`, "a"}, {`(a|b|ab)*c`, "ab"}, {`(\w+\s*)+!`, "word "}, {`(.{1,50})\d{5}`, "ab12"},
	} {
		took := func(n int) time.Duration {
			f := mustPolicy(t, denying(config.SanitizeRedact, test.regex)).Answer(nil).Filter()
			began := time.Now()
			piece, told := []byte(strings.Repeat(test.text, 64)), []byte(nil)
			for range n {
				told = f.Write(told[:0], piece)
			}
			f.Close(nil)
			return time.Since(began)
		}
		took(50)
		short, long := took(100), took(800)
		t.Logf("%-16s %6.0f ns a byte", test.regex, float64(long.Nanoseconds())/float64(800*64*len(test.text)))
		if long > 8*4*short+50*time.Millisecond {
			t.Errorf("%s: eight times the text takes %v instead of %v", test.regex, long, short)
		}
	}
}

func FuzzMachine(f *testing.F) {
	for _, regex := range []string{`a+`, `a|ab`, `(?i)k`, `\bab\b`, `a.*?b`, `[^a]$`} {
		f.Add(regex, "aab ab\xff k", uint64(1))
	}
	f.Fuzz(func(t *testing.T, regex, text string, seed uint64) {
		if config.CheckPattern(regex) != nil || len(text) > maxGap {
			t.Skip()
		}
		want := regexp.MustCompile(regex).FindAllIndex([]byte(text), -1)
		if diff := cmp.Diff(want, matches(t, regex, text), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s in %q: %s", regex, text, diff)
		}
		filter := mustPolicy(t, denying(config.SanitizeRedact, regex)).Answer(nil).Filter
		rng := rand.New(rand.NewPCG(seed, 0))
		if got, want := cutAt(filter(), text, rng, 5), whole(filter(), text); got != want {
			t.Fatalf("%+v in pieces, %+v whole", got, want)
		}
	})
}
