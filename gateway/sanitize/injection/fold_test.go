// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"testing"
	"unicode"
)

func TestCharactersHaveTheirClass(t *testing.T) {
	for name, test := range map[string]struct {
		chars string
		want  runeClass
	}{
		"Latin letters and digits":       {"azAZ09éßøłŧ", runeLetter},
		"Cyrillic and Greek letters":     {"абвΩλ", runeLetter},
		"Arabic and Hebrew letters":      {"بتאב", runeLetter},
		"Devanagari letters":             {"कख", runeLetter},
		"mathematical letters":           {"𝐚𝒜𝔷𝕏𝖆𝗕𝘤𝙕𝚊", runeLetter},
		"letters in circles and squares": {"ⓐⒶ🄰🅰🅐", runeLetter},
		"halves of flags":                {"🇦🇿", runeLetter},
		"Braille patterns":               {"⠁⠵", runeLetter},
		"accents that combine":           {"\u0300\u0336\u036f\u20dd", runeMark},
		"variation selectors":            {"\ufe00\ufe0f", runeMark},
		"zero-width characters":          {"\u200b\u200c\u200d\u2060\ufeff\u00ad", runeInvisible},
		"directions":                     {"\u200e\u202a\u202e\u2066\u2069", runeInvisible},
		"tag characters":                 {"\U000E0020\U000E0041\U000E007F", runeInvisible},
		"fillers of Hangul":              {"\u3164\u115f", runeInvisible},
		"Chinese characters":             {"中文𠀀", runeAlone},
		"Japanese characters":            {"ひらカタ", runeAlone},
		"Korean syllables":               {"한글", runeAlone},
		"Thai and Khmer letters":         {"กខកខ", runeAlone},
		"signs":                          {"—…“”€©→", runeOther},
		"emoji":                          {"😀🎉", runeOther},
		"spaces":                         {" \u00a0\u3000\t\n", runeOther},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range test.chars {
				if got := classify(r); got != test.want {
					t.Errorf("%q (%U) is %d, want %d", r, r, got, test.want)
				}
			}
		})
	}
}

func TestLettersAreFoldedToWhatTheyShow(t *testing.T) {
	for want, drawn := range map[byte]string{
		'a': "àáâãäåāăąǎạａＡ𝐚𝒂𝓪𝔞𝕒𝖆𝖺𝗮𝘢𝙖𝚊𝐀ⓐⒶ🄰🅐🅰🇦⠁", 'e': "èéêëēęěｅ𝐞𝑒𝓮𝔢ⓔ🇪⠑", 'i': "ìíîïıįｉ𝐢𝓲ⓘ🇮⠊", 'o': "òóôõöøōőｏ𝐨𝓸ⓞ🇴⠕",
		'n': "ñńňｎ𝐧ⓝ⠝", 's': "śşšßｓ𝐬ⓢ⠎", 'z': "źżžｚ𝐳ⓩ⠵", '0': "０𝟎𝟘𝟢𝟬𝟶", '9': "９𝟗𝟡𝟫𝟵𝟿",
	} {
		for _, r := range drawn {
			if got := fold(r); got != want {
				t.Errorf("%q (%U) is folded to %q, want %q", r, r, got, want)
			}
		}
	}
}

func TestLettersOfLivingAlphabetsAreNotFoldedAlone(t *testing.T) {
	for _, r := range "абвгдежзийклмнопрстуфхцчшщъыьэюяαβγδεζηθικλμνξοπρστυφχψω中ひ한กא" {
		if got := fold(r); got != 0 {
			t.Errorf("%q is folded to %q", r, got)
		}
	}
}

func TestLookalikesLookLikeLatin(t *testing.T) {
	for want, drawn := range map[byte]string{
		'a': "аАαΑ", 'c': "сС", 'e': "еЕεΕ", 'i': "іІιΙ", 'o': "оОοΟ", 'p': "рРρΡ", 's': "ѕЅ", 'x': "хХχΧ", 'y': "уУγΥ", 'h': "һнН", 'k': "кКκΚ",
		't': "тТτΤ", 'm': "мМΜ", 'n': "ηΝ", 'b': "ЬВ",
	} {
		for _, r := range drawn {
			if got := lookalike(r); got != want {
				t.Errorf("%q (%U) looks like %q, want %q", r, r, got, want)
			}
		}
	}
	for r := range lookalikes {
		if r < 0x80 {
			t.Errorf("%q is plain", r)
		}
		if unicode.IsMark(r) {
			t.Errorf("%q is a mark", r)
		}
	}
}

// The fast tables say what the maps say.
func TestTheTablesOfNearAlphabetsAgree(t *testing.T) {
	for r := range rune(len(near) + 512) {
		if accent(r) != accents[r] || lookalike(r) != lookalikes[r] {
			t.Errorf("%U: %q and %q, want %q and %q", r, accent(r), lookalike(r), accents[r], lookalikes[r])
		}
	}
}

func TestWordsThatHideLettersAreToldApart(t *testing.T) {
	for word, want := range map[string]bool{
		"paypal": false, "pаypal": true, "раssword": true, "привет": false, "αβγ": false, "café": false, "𝐡𝐞𝐥𝐥𝐨": true, "ｈｅｌｌｏ": true,
		"xα": false, "ⓗⓔⓛⓛⓞ": true, "naïve": false, "Straße": false, "ığdır": false, "iPhone": false, "тест123": false,
	} {
		var w foldedWord
		w.start()
		for _, r := range word {
			w.add(r)
		}
		if got := w.mixed(); got != want {
			t.Errorf("%q: %t, want %t", word, got, want)
		}
	}
}

func TestHexDigits(t *testing.T) {
	for c := range 256 {
		want := byte(0xFF)
		switch {
		case c >= '0' && c <= '9':
			want = byte(c - '0')
		case c >= 'a' && c <= 'f':
			want = byte(c - 'a' + 10)
		case c >= 'A' && c <= 'F':
			want = byte(c - 'A' + 10)
		}
		if got := hexDigit(byte(c)); got != want {
			t.Errorf("%q is %d, want %d", byte(c), got, want)
		}
	}
}
