// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// mustPolicy compiles a sanitizer.
func mustPolicy(t testing.TB, cfg config.Sanitizer) *Policy {
	t.Helper()
	p, err := New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// denying is a sanitizer of patterns by name: in both directions and all scopes.
func denying(mode config.SanitizeMode, regexes ...string) config.Sanitizer {
	var cfg config.Sanitizer
	for i, regex := range regexes {
		cfg.DenyPatterns = append(cfg.DenyPatterns, config.DenyPattern{
			Name: string(rune('a' + i)), Regex: regex, Mode: mode, Directions: config.Directions, Scopes: config.TextScopes,
		})
	}
	return cfg
}

func personal(mode config.SanitizeMode) *config.PII {
	return &config.PII{Mode: mode, Kinds: config.PIIKinds, Directions: config.Directions, Scopes: config.TextScopes}
}

// outcome is what a filter made of a text.
type outcome struct {
	text  string
	block string
	found exchange.Findings
}

func outcomeOf(f *Filter, told []byte) outcome {
	found, block := f.Verdict()
	o := outcome{text: string(told), found: found}
	if block != nil {
		o.block = strings.TrimSpace(block.Kind.String() + " " + block.Name)
		o.found = exchange.Findings{}
	}
	return o
}

// whole gives a text to a filter at once.
func whole(f *Filter, text string) outcome {
	return outcomeOf(f, f.Close(f.Write(nil, []byte(text))))
}

// cutAt gives it in pieces of up to most bytes.
func cutAt(f *Filter, text string, rng *rand.Rand, most int) outcome {
	var told []byte
	for rest := text; rest != ""; {
		n := min(1+rng.IntN(most), len(rest))
		chunk := []byte(rest[:n])
		told = f.Write(told, chunk)
		for i := range chunk { // a chunk is not kept
			chunk[i] = '#'
		}
		rest = rest[n:]
	}
	return outcomeOf(f, f.Close(told))
}

// wantSameInPieces checks that a text comes out the same however it is cut, and gives what comes out.
func wantSameInPieces(t testing.TB, filter func() *Filter, text string) outcome {
	t.Helper()
	want := whole(filter(), text)
	rng := rand.New(rand.NewPCG(1, uint64(len(text))))
	for _, most := range []int{1, 2, 5, 17, 200} {
		if got := cutAt(filter(), text, rng, most); got != want {
			t.Fatalf("in pieces of up to %d of %q:\n%+v\nwhole:\n%+v", most, text, got, want)
		}
	}
	return want
}

// lag gives how many bytes a filter holds back at most, and on average, where a text comes in pieces of n bytes.
func lag(f *Filter, text string, n int) (most int, mean float64) {
	told, given, sum, writes := 0, 0, 0, 0
	var buf []byte
	for rest := text; rest != ""; rest = rest[min(n, len(rest)):] {
		piece := rest[:min(n, len(rest))]
		buf = f.Write(buf[:0], []byte(piece))
		given += len(piece)
		told += len(buf)
		most = max(most, given-told)
		sum += given - told
		writes++
	}
	return most, float64(sum) / float64(writes)
}

// prose is of our own.
const prose = `The harbour at Lerwick was quiet when the ferry came in, and the two of them stood by the rail and watched the
gulls. "We could walk up to the fort," she said, "or find some breakfast first." He thought about it for a while. Nobody
was waiting for them, the bags were light, and the rain had stopped somewhere around Fair Isle. In the end they had
breakfast: oatcakes, two eggs each, and a pot of tea that was far too strong. The man behind the counter told them that
the bus to Sumburgh left at ten past eleven; it always did, he said, unless it was late. They talked about the book she
was writing, which had grown to four hundred pages and still had no ending, and about the garden, and about whether
a cat would get on with the hens. Outside, a lorry reversed slowly along the quay. `

func TestAFilterOfManyGivesTheSameInPieces(t *testing.T) {
	cfg := denying(config.SanitizeRedact, `(?i)project\s+\w+`, `[A-Z]{3}-\d+`)
	cfg.PII = personal(config.SanitizeRedact)
	cfg.SystemPromptLeak = &config.SystemPromptLeak{Mode: config.SanitizeRedact}
	cfg.ImageLinks = &config.ImageLinks{Mode: config.SanitizeRedact, AllowedHosts: []string{"ok.example"}}
	system := "You are the helpful clerk of Harbour Books; never tell anybody the discount code, which is sunflower seven."
	a := mustPolicy(t, cfg).Answer([][]byte{[]byte(system)})
	parts := []string{
		"project Atlas", "ABC-123", "anna@example.com", system, system[:60], "![a](https://evil.example/?q=1)", "![b](https://ok.example/b.png)",
		"<img src='//evil.example/x'>", "[r]: https://evil.example", "![r]", " ", "\n", "\n\n", "日本語", "\xff", "pro", "ABC-", "[REDACTED]", "](", "!", "4111 1111 1111 1111",
		`\`, `"`, "{", "}", ":", ",", `{"key": "value"}`,
	}
	rng := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		var text strings.Builder
		for range 1 + rng.IntN(12) {
			text.WriteString(parts[rng.IntN(len(parts))])
		}
		got := wantSameInPieces(t, a.Filter, text.String())
		wantSameInPieces(t, a.FilterArguments, text.String())
		for _, gone := range []string{"project Atlas", "ABC-123", "evil.example/?q"} {
			if strings.Contains(got.text, gone) {
				t.Fatalf("%q still holds %q", got.text, gone)
			}
		}
	}
}

func TestABlockedTextEndsBeforeTheFinding(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  config.Sanitizer
		text string
		want outcome
	}{
		"a pattern": {denying(config.SanitizeBlock, `secret \w+`), "the secret plan is this", outcome{text: "the ", block: "deny_pattern a"}},
		"the pattern that comes first": {
			denying(config.SanitizeBlock, `plan`, `secret`), "the secret plan", outcome{text: "the ", block: "deny_pattern b"}},
		"two that begin together": {
			denying(config.SanitizeBlock, `secret plan`, `secret`), "the secret plan", outcome{text: "the ", block: "deny_pattern b"}},
		"personal data": {
			config.Sanitizer{PII: personal(config.SanitizeBlock)}, "write to anna@example.com today", outcome{text: "write to ", block: "pii"}},
		"an image": {
			config.Sanitizer{ImageLinks: &config.ImageLinks{Mode: config.SanitizeBlock}}, "see ![a](https://evil.example/b.png) there",
			outcome{text: "see ![a](", block: "image_link"}},
		"nothing": {denying(config.SanitizeBlock, `secret \w+`), "the secret", outcome{text: "the secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := wantSameInPieces(t, mustPolicy(t, test.cfg).Answer(nil).Filter, test.text); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func TestNothingFollowsABlock(t *testing.T) {
	f := mustPolicy(t, denying(config.SanitizeBlock, `stop`)).Answer(nil).Filter()
	told := f.Write(nil, []byte("go stop. And"))
	told = f.Close(f.Write(told, []byte(" more")))
	if string(told) != "go " {
		t.Errorf("told %q", told)
	}
}

// The stage that ends a text first is the one that is told of, although another may end it behind that.
func TestOfTwoBlocksTheFirstInTheTextCounts(t *testing.T) {
	cfg := denying(config.SanitizeBlock, `stop`)
	cfg.PII = personal(config.SanitizeBlock)
	filter := mustPolicy(t, cfg).Answer(nil).Filter
	want := outcome{text: "write to ", block: "pii"}
	if got := wantSameInPieces(t, filter, "write to anna@example.com and stop"); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	want = outcome{text: "", block: "deny_pattern a"}
	if got := wantSameInPieces(t, filter, "stop, anna@example.com"); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestWhatIsFlaggedGoesThroughAtOnce(t *testing.T) {
	cfg := denying(config.SanitizeFlag, `secret \w+`)
	cfg.PII = personal(config.SanitizeFlag)
	cfg.SystemPromptLeak = &config.SystemPromptLeak{Mode: config.SanitizeFlag}
	system := "one two three four five six seven eight nine ten eleven twelve"
	f := mustPolicy(t, cfg).Answer([][]byte{[]byte(system)}).Filter()
	text := "the secret plan: anna@example.com " + system + " héllo"
	for i := range len(text) {
		if got := f.Write(nil, []byte(text[i:i+1])); string(got) != text[i:i+1] {
			t.Fatalf("byte %d is held back", i)
		}
	}
	if rest := f.Close(nil); len(rest) > 0 {
		t.Errorf("%q was held back", rest)
	}
	found, block := f.Verdict()
	if got, want := string(found.AppendHeader(nil)), "pii, deny_pattern, system_prompt_leak"; got != want || block != nil {
		t.Errorf("found %q, %v, want %q", got, block, want)
	}
	if found.Redacted(exchange.FoundPII) {
		t.Error("what is flagged is not redacted")
	}
}

func TestProseFlowsWordByWord(t *testing.T) {
	cfg := denying(config.SanitizeRedact, `(?i)\bproject\s+\w+`, `[A-Z]{3}-\d+`, `\.corp\.example\b`)
	cfg.SystemPromptLeak = &config.SystemPromptLeak{Mode: config.SanitizeRedact}
	cfg.ImageLinks = &config.ImageLinks{Mode: config.SanitizeRedact}
	system := "You are the clerk at the harbour. Be kind, and tell nobody what the man behind the counter said of the bus and the ferry."
	most, mean := lag(mustPolicy(t, cfg).Answer([][]byte{[]byte(system)}).Filter(), strings.Repeat(prose, 3), 4)
	t.Logf("at most %d bytes behind, %.1f on average", most, mean)
	if most > 40 || mean > 8 {
		t.Errorf("at most %d bytes behind, %.1f on average", most, mean)
	}
}

func TestWhereNothingIsLookedForThereIsNoPolicy(t *testing.T) {
	for name, cfg := range map[string]*config.Sanitizer{
		"no sanitizer": nil, "an empty one": {}, "only guards": {Webhook: &config.GuardWebhook{}, Moderation: &config.Moderation{}},
	} {
		p, err := New(cfg)
		if p != nil || err != nil {
			t.Errorf("%s: %v, %v", name, p, err)
		}
		if p.ReadsRequests() || p.ReadsAnswers() || p.ReadsSystem() || p.Answer(nil) != nil {
			t.Errorf("%s: something is looked for", name)
		}
		if result := p.Request([]Text{{Value: []byte("x")}}, &Scratch{}); result.Block != nil || result.Replaced != nil {
			t.Errorf("%s: %+v", name, result)
		}
	}
}

func TestAnswersAreReadOnlyWhereTheyCanBeAtFault(t *testing.T) {
	system := [][]byte{[]byte(strings.Repeat("word by word the same ", 4))}
	for name, test := range map[string]struct {
		cfg            config.Sanitizer
		system         [][]byte
		reads, answers bool
	}{
		"leaks of instructions":       {config.Sanitizer{SystemPromptLeak: &config.SystemPromptLeak{Mode: "Flag"}}, system, true, true},
		"leaks of none":               {config.Sanitizer{SystemPromptLeak: &config.SystemPromptLeak{Mode: "Flag"}}, nil, true, false},
		"leaks of less than leaks":    {config.Sanitizer{SystemPromptLeak: &config.SystemPromptLeak{Mode: "Flag"}}, [][]byte{[]byte("Be kind.")}, true, false},
		"images":                      {config.Sanitizer{ImageLinks: &config.ImageLinks{Mode: "Flag"}}, nil, true, true},
		"what nobody sees in prompts": {config.Sanitizer{ControlCharacters: &config.ControlCharacters{Mode: "Flag", Scopes: config.TextScopes}}, system, false, false},
		"data in requests": {config.Sanitizer{PII: &config.PII{Mode: "Flag", Kinds: config.PIIKinds,
			Directions: config.Directions[:1], Scopes: config.TextScopes}}, system, false, false},
	} {
		p := mustPolicy(t, test.cfg)
		if got := p.ReadsAnswers(); got != test.reads {
			t.Errorf("%s: reads answers: %t", name, got)
		}
		if got := p.Answer(test.system) != nil; got != test.answers {
			t.Errorf("%s: has a policy for the answer: %t", name, got)
		}
	}
}
