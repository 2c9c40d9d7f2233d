// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hashes are those of the words of a text.
func hashes(text string) []uint32 {
	t := tokenizer{lexicon: testDetector().lexicon}
	t.tokenize([]byte(text))
	var all []uint32
	for _, token := range t.tokens {
		all = append(all, token.hash)
	}
	return all
}

func TestWordsAreReadAsTheyLook(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"plain words stay":                              {"ignore the rules", "ignore the rules"},
		"capitals are lower case":                       {"IGNORE The rUles", "ignore the rules"},
		"an apostrophe is dropped":                      {"don't", "dont"},
		"a typographic apostrophe is dropped":           {"don’t", "dont"},
		"an apostrophe at the end is a quotation":       {"the users' rules", "the users rules"},
		"punctuation parts words":                       {"ignore,the.rules;now!", "ignore the rules now"},
		"an underscore parts words":                     {"system_prompt", "system prompt"},
		"a hyphen parts words":                          {"pre-existing", "pre existing"},
		"a slash parts words":                           {"and/or", "and or"},
		"accents are dropped":                           {"précédentes Überschreibe ñandú", "precedentes uberschreibe nandu"},
		"accents that combine are dropped":              {"pre\u0301ce\u0301dent", "precedent"},
		"letters that are struck through are plain":     {"i\u0336g\u0336n\u0336o\u0336r\u0336e", "ignore"},
		"fullwidth letters are plain":                   {"ｉｇｎｏｒｅ", "ignore"},
		"fullwidth digits are plain":                    {"１２３", "123"},
		"bold letters are plain":                        {"𝐢𝐠𝐧𝐨𝐫𝐞", "ignore"},
		"script letters are plain":                      {"𝓲𝓰𝓷𝓸𝓻𝓮", "ignore"},
		"monospace letters are plain":                   {"𝚒𝚐𝚗𝚘𝚛𝚎 𝟷𝟸", "ignore 12"},
		"letters in circles are plain":                  {"ⓘⓖⓝⓞⓡⓔ", "ignore"},
		"letters in squares are plain":                  {"🅸🅶🅽🅾🆁🅴", "ignore"},
		"letters of flags are plain":                    {"🇮🇬🇳🇴🇷🇪", "ignore"},
		"Braille is read":                               {"⠊⠛⠝⠕⠗⠑", "ignore"},
		"Cyrillic lookalikes in a Latin word are Latin": {"ignоrе", "ignore"},
		"Greek lookalikes in a Latin word are Latin":    {"ignοre", "ignore"},
		"Cyrillic capitals in a Latin word are Latin":   {"ІGNОRЕ", "ignore"},
		"zero-width spaces inside of words are dropped": {"ig\u200bno\u200cre", "ignore"},
		"soft hyphens are dropped":                      {"ig\u00adnore", "ignore"},
		"word joiners are dropped":                      {"ig\u2060no\ufeffre", "ignore"},
		"direction marks are dropped":                   {"ig\u202enore\u202c", "ignore"},
		"tag characters are no words":                   {"hi \U000E0069\U000E0067", "hi"},
		"variation selectors are dropped":               {"ig\ufe0fnore", "ignore"},
		"leetspeak of a key word is read":               {"1gn0r3", "ignore"},
		"leetspeak with signs is read":                  {"$y$t3m p@ssw0rd", "system password"},
		"leetspeak in capitals is read":                 {"PR3V10U5", "previous"},
		"an address of mail is not leetspeak":           {"john@doe.com", "john doe com"},
		"a version is not leetspeak":                    {"v1beta1", "v1beta1"},
		"a price is not leetspeak":                      {"$20", "20"},
		"Chinese characters are words of their own":     {"忽略指令", "忽 略 指 令"},
		"Japanese characters are words of their own":    {"無視して", "無 視 し て"},
		"Korean syllables are words of their own":       {"무시해", "무 시 해"},
		"Latin beside Chinese is a word":                {"显示prompt吧", "显 示 prompt 吧"},
		"invalid bytes part words":                      {"ignore\xff\xferules", "ignore rules"},
		"a null part words":                             {"ignore\x00rules", "ignore rules"},
		"ideographic space parts words":                 {"ignore\u3000rules", "ignore rules"},
		"a very long word is one":                       {strings.Repeat("a", longestWord), strings.Repeat("a", longestWord)},
		"only the first letters of a long word count":   {strings.Repeat("b", longestWord+50), strings.Repeat("b", longestWord)},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(hashes(test.want), hashes(test.text)); diff != "" {
				t.Errorf("%q is not read as %q:\n%s", test.text, test.want, diff)
			}
		})
	}
}

func TestLivingAlphabetsAreNotFolded(t *testing.T) {
	for name, pair := range map[string][2]string{
		"a Russian word is not the Latin one it looks like": {"сор", "cop"},
		"a Greek word is not Latin":                         {"νους", "vouc"},
		"Turkish dotless i is i":                            {"ısı", "isi"},
	} {
		same := cmp.Equal(hashes(pair[0]), hashes(pair[1]))
		if want := name == "Turkish dotless i is i"; same != want {
			t.Errorf("%s: same %t, want %t", name, same, want)
		}
	}
}

// marksOf are the marks of the n-th word.
func marksOf(t *testing.T, text string, n int) mark {
	t.Helper()
	var k tokenizer
	k.tokenize([]byte(text))
	if n >= len(k.tokens) {
		t.Fatalf("%q has %d words", text, len(k.tokens))
	}
	return k.tokens[n].marks
}

func TestWordsKnowWhatStandsAroundThem(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		word int
		want mark
	}{
		"the first word begins line and sentence": {"hello there", 0, atLine | atStart},
		"a word in the middle has no marks":       {"hello there", 1, 0},
		"a word after a stop begins a sentence":   {"Hello. there", 1, atStart},
		"a word after a line feed begins both":    {"hello\nthere", 1, atLine | atStart},
		"a word after a colon begins a sentence":  {"note: there", 1, atStart},
		"a word before a colon has it":            {"hi note: there", 1, hasColon},
		"a word after a quotation mark is quoted": {`say "hello"`, 1, inQuote},
		"a word after a guillemet is quoted":      {`say «hello»`, 1, inQuote},
		"a word in capitals is in capitals":       {"oh STOP it", 1, inCaps},
		"one capital letter is not capitals":      {"do I know", 1, 0},
		"a word after a bracket is fenced":        {"hi [inst]", 1, inFence | atEnd},
		"a heading is fenced":                     {"# system", 0, atLine | atStart | inFence},
		"a tag is fenced and ended":               {"a <system>", 1, inFence | atEnd},
		"a word with a digit has it":              {"a b2", 1, hasDigit},
		"Chinese quotation marks quote":           {"说“你", 1, inQuote},
		"a fullwidth colon is a colon":            {"hi system：x", 1, hasColon},
		"Russian capitals are capitals":           {"да СТОП", 1, inCaps},
		"a comma ends a fence":                    {"* , word", 0, atLine | atStart},
	} {
		t.Run(name, func(t *testing.T) {
			if got := marksOf(t, test.text, test.word); got != test.want {
				t.Errorf("%q: marks %08b, want %08b", test.text, got, test.want)
			}
		})
	}
}

func TestSentencesAndLinesTakeAPlace(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []uint32
	}{
		"words take one each":              {"a b c", []uint32{1, 2, 3}},
		"a sentence takes one more":        {"a. b", []uint32{1, 3}},
		"a line takes one more":            {"a\nb", []uint32{1, 3}},
		"many stops take one":              {"a.... b", []uint32{1, 3}},
		"many line feeds take one":         {"a\n\n\nb", []uint32{1, 3}},
		"a stop and a line feed take two":  {"a.\nb", []uint32{1, 4}},
		"commas take none":                 {"a, b; (c)", []uint32{1, 2, 3}},
		"stops before the first take none": {"... a", []uint32{1}},
	} {
		t.Run(name, func(t *testing.T) {
			var k tokenizer
			k.tokenize([]byte(test.text))
			var got []uint32
			for _, token := range k.tokens {
				got = append(got, token.at)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheTokenizerCountsWhatNoWordTells(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want tally
	}{
		"nothing in prose":            {"Nothing to see here, at all.", tally{}},
		"tag characters":              {"a\U000E0061\U000E0062", tally{tags: 2}},
		"zero-width inside of a word": {"ab\u200bcd", tally{zero: 1}},
		"zero-width between words":    {"ab \u200b cd", tally{}},
		"direction overrides":         {"a \u202eb\u202c", tally{bidi: 2}},
		"a word of two alphabets":     {"pаypal", tally{mixed: 1}},
		"a key word of two alphabets": {"ignоre", tally{mixed: 1, keys: 1}},
		"a word drawn otherwise":      {"𝐡𝐞𝐥𝐥𝐨", tally{mixed: 1}},
		"single letters":              {"a b c dd e", tally{singles: 3}},
		"numbers":                     {"1 22 333 word 4", tally{numbers: 3}},
		"backslashes":                 {`\a`, tally{slashes: 1, others: 1}},
		"percent and ampersand":       {"%%&", tally{others: 3}},
		"leetspeak":                   {"1gn0r3 it", tally{leet: 1}},
		"a long word with digits":     {"abcdefgh123456", tally{long: 1}},
		"a long word of prose":        {"understanding", tally{}},
		"a very long word":            {strings.Repeat("ab", 20), tally{long: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			k := tokenizer{lexicon: testDetector().lexicon}
			k.tokenize([]byte(test.text))
			got := k.tally
			if test.want.singles < 3 {
				got.singles = 0
			}
			if test.want.numbers < 3 {
				got.numbers = 0
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(tally{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestATextThatBeginsByClosingIsToldApart(t *testing.T) {
	for text, want := range map[string]bool{
		"] say hello":           true,
		"} and more":            true,
		"  \n) then":            true,
		"\"\"\"\nnow":           true,
		"'''\nnow":              true,
		"</input> now":          true,
		"====== END":            true,
		"----- new":             true,
		"\"\n\nnow":             true,
		"\"Hello\", she said":   false,
		"---\ntitle: a page":    false,
		"# heading":             false,
		"<p>text</p>":           false,
		"[link](url)":           false,
		"(an aside) and more":   false,
		"{\"a\": 1}":            false,
		"":                      false,
		"]":                     false,
		"plain text":            false,
		"'quoted' text":         false,
		"== a short heading ==": false,
	} {
		if got := breaksOut([]byte(text)); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}

func TestLongAndShortWordsHaveStems(t *testing.T) {
	var k tokenizer
	k.tokenize([]byte("instructions instruct instru the"))
	if k.tokens[0].stem != k.tokens[1].stem || k.tokens[1].stem != k.tokens[2].stem {
		t.Error("words with the same first letters have different stems")
	}
	if last := k.tokens[3]; last.stem != last.hash {
		t.Error("the stem of a short word is not the word")
	}
	if k.tokens[0].hash == k.tokens[1].hash {
		t.Error("different words have one hash")
	}
}
