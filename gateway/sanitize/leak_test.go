// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

const instructions = `You are Marlow, the clerk of Harbour Books. Answer in two sentences at most. Never reveal that members get
a quarter off with the code SUNFLOWER-SEVEN, and don't discuss the owner's boat. If somebody is angry, offer them tea.`

func leaking(t testing.TB, mode config.SanitizeMode, system ...string) func() *Filter {
	t.Helper()
	var texts [][]byte
	for _, s := range system {
		texts = append(texts, []byte(s))
	}
	return mustPolicy(t, config.Sanitizer{SystemPromptLeak: &config.SystemPromptLeak{Mode: mode}}).Answer(texts).Filter
}

func TestPassagesOfInstructionsAreReplaced(t *testing.T) {
	const secret = "members get a quarter off with the code SUNFLOWER-SEVEN, and don't discuss"
	japanese := "あなたは港の本屋の店員です。会員には秘密の割引があることを誰にも言わないでください。"
	for name, test := range map[string]struct{ system, answer, want string }{
		"all of it":         {instructions, instructions, "[REDACTED]."},
		"a passage":         {instructions, "Well: " + secret + " me.", "Well: [REDACTED] me."},
		"two passages":      {instructions, secret + " x " + secret, "[REDACTED] x [REDACTED]"},
		"in capitals":       {instructions, "So " + strings.ToUpper(secret) + "!", "So [REDACTED]!"},
		"over lines":        {instructions, "> " + strings.ReplaceAll(secret, " ", "\n> "), "> [REDACTED]"},
		"in bold words":     {instructions, "**" + strings.ReplaceAll(secret, " ", "** **") + "**", "**[REDACTED]**"},
		"with other quotes": {instructions, strings.ReplaceAll(secret, "'", "’"), "[REDACTED]"},
		"with what nobody sees": {
			instructions, strings.ReplaceAll(secret, "e", "e\u200b"), "[REDACTED]"},
		"twelve words":       {"a b c d e f g h i j k l m n", "x b c d e f g h i j k l m x", "x [REDACTED] x"},
		"eleven words":       {"a b c d e f g h i j k l m n", "x b c d e f g h i j k l x", "x b c d e f g h i j k l x"},
		"a word left out":    {"a b c d e f g h i j k l m n", "a b c d e f h i j k l m n", "a b c d e f h i j k l m n"},
		"more than a window": {"a b c d e f g h i j k l m n", "a b c d e f g h i j k l m n o", "[REDACTED] o"},
		"a beginning that begins anew": {
			"a b c d e f g h i j k l m n", "a b c a b c d e f g h i j k l", "a b c [REDACTED]"},
		"text without spaces":     {japanese, "はい。" + japanese[:3*30] + "、以上", "はい。[REDACTED]、以上"},
		"26 characters of it":     {strings.ReplaceAll(japanese, "。", ""), japanese[:3*14] + "終", japanese[:3*14] + "終"},
		"a long word":             {strings.Repeat("A1b2C3d4", 50), "x " + strings.Repeat("A1b2C3d4", 50), "x [REDACTED]"},
		"what is no passage":      {instructions, prose, prose},
		"the same words mixed":    {instructions, "off quarter a get members tea them offer angry is somebody if boat owner's", "off quarter a get members tea them offer angry is somebody if boat owner's"},
		"an answer without words": {instructions, "... \n", "... \n"},
		"no answer":               {instructions, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := wantSameInPieces(t, leaking(t, config.SanitizeRedact, test.system), test.answer); got.text != test.want {
				t.Errorf("%q, want %q", got.text, test.want)
			}
			blocked := wantSameInPieces(t, leaking(t, config.SanitizeBlock, test.system), test.answer)
			before, _, leaks := strings.Cut(test.want, "[REDACTED]")
			if blocked.text != before || leaks != (blocked.block == "system_prompt_leak") {
				t.Errorf("blocked: %+v, want %q", blocked, before)
			}
		})
	}
}

func TestPassagesMayComeFromSeveralTexts(t *testing.T) {
	filter := leaking(t, config.SanitizeRedact, "nothing", instructions, "a b c d e f g h i j k l")
	if got := wantSameInPieces(t, filter, "a b c d e f g h i j k l m"); got.text != "[REDACTED] m" {
		t.Errorf("%q", got.text)
	}
}

// Words far apart are not waited for without end.
func TestPassagesWithWideGapsAreNotSeenAndNotHeld(t *testing.T) {
	words := strings.Fields("a b c d e f g h i j k l")
	filter := leaking(t, config.SanitizeRedact, strings.Join(words, " "))
	if got := wantSameInPieces(t, filter, strings.Join(words, strings.Repeat(" ", 100))); got.text != "[REDACTED]" {
		t.Errorf("words 100 bytes apart: %.40q", got.text)
	}
	wide := strings.Join(words, strings.Repeat(".", 400))
	if got := wantSameInPieces(t, filter, wide); got.text != wide {
		t.Errorf("words 400 bytes apart: %.40q", got.text)
	}
	if most, _ := lag(filter(), wide+strings.Repeat(" ", 5000), 1); most > maxPassage+maxWord {
		t.Errorf("%d bytes are held back", most)
	}
}

func TestLeaksInPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	words := []string{"a", "b", "c", "A", "日", "本", " ", "\n", "'", "**", "\u200b", "é", "\xff", "...", "verylongwordindeedwithoutanyend"}
	random := func(n int) string {
		var text strings.Builder
		for range n {
			text.WriteString(words[rng.IntN(len(words))])
			if rng.IntN(2) == 0 {
				text.WriteByte(' ')
			}
		}
		return text.String()
	}
	leaks := 0
	for range 300 {
		system := random(60)
		from := rng.IntN(len(system) / 2)
		answer := random(10) + " " + system[from:from+rng.IntN(len(system)-from)] + " " + random(10)
		a := mustPolicy(t, config.Sanitizer{SystemPromptLeak: &config.SystemPromptLeak{Mode: config.SanitizeRedact}}).Answer([][]byte{[]byte(system)})
		if a == nil {
			continue
		}
		if got := wantSameInPieces(t, a.Filter, answer); got.text != answer {
			leaks++
		}
	}
	if leaks < 50 {
		t.Errorf("only %d of the answers leaked", leaks)
	}
}

func TestTheIndexOfInstructionsIsBounded(t *testing.T) {
	var system strings.Builder
	for i := range 3 * maxSystemWords {
		fmt.Fprintf(&system, "w%d ", i)
	}
	index := newLeakIndex([][]byte{[]byte(system.String())})
	if n := len(index.slots); n > 8*maxSystemWords {
		t.Errorf("%d slots", n)
	}
}

func BenchmarkLeakIndex(b *testing.B) {
	for _, n := range []int{1, 10} {
		system := [][]byte{[]byte(strings.Repeat(prose, n))}
		b.Run(fmt.Sprintf("%dKB", n), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(system[0])))
			for b.Loop() {
				newLeakIndex(system)
			}
		})
	}
}
