// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"strings"
	"unicode"
)

type runeClass uint8

const (
	runeOther runeClass = iota
	runeLetter
	runeMark      // a combining mark: it is dropped
	runeInvisible // zero-width, tag and direction characters: they are dropped and counted
	runeAlone     // a character of a script that is written without spaces: a word of its own
)

// classify says what a character is to the tokenizer.
func classify(r rune) runeClass {
	switch {
	case r < 0x80:
		if k := kinds[byte(r)]; k == kindLetter || k == kindDigit {
			return runeLetter
		}
		return runeOther
	case r >= 0x300 && r < 0x370, r >= 0xFE00 && r < 0xFE10, r >= 0x1AB0 && r < 0x1B00, r >= 0x20D0 && r < 0x2100:
		return runeMark
	case r == 0xAD, r >= 0x200B && r <= 0x200F, r >= 0x202A && r <= 0x202E, r >= 0x2060 && r <= 0x206F, r == 0xFEFF,
		r >= 0xE0000 && r < 0xE0080, r == 0x180E, r == 0x3164, r == 0x115F:
		return runeInvisible
	case r >= 0x2E80 && r < 0x3000, r >= 0x3041 && r < 0xA000, r >= 0xAC00 && r < 0xD7B0, r >= 0xF900 && r < 0xFB00,
		r >= 0x20000 && r < 0x32000, r >= 0x0E00 && r < 0x0EFF, r >= 0x1780 && r < 0x1800:
		return runeAlone
	case r >= 0x1F100 && r < 0x1F200: // letters in circles and squares, and the halves of flags
		return runeLetter
	case r >= 0x2460 && r < 0x24EA, r >= 0x2800 && r < 0x2900:
		return runeLetter
	case unicode.IsLetter(r) || unicode.IsDigit(r):
		return runeLetter
	}
	return runeOther
}

// beyondKind is the kind of a punctuation character beyond ASCII.
func beyondKind(r rune) kind {
	switch r {
	case '。', '！', '？', '…', '।', '‼', '．', '｡':
		return kindStop
	case '“', '”', '„', '«', '»', '「', '」', '『', '』', '‘', '’', '‹', '›', '《', '》', '＂':
		return kindQuote
	case '：':
		return kindColon
	case '\u2028', '\u2029', '\u0085':
		return kindLine
	case '【', '［', '｛', '＜', '〈', '█', '■', '═', '─':
		return kindFence
	case '】', '］', '｝', '＞', '〉':
		return kindClose
	case '，', '、', '；', '（', '）':
		return kindComma
	}
	if r < 0x80 {
		return kinds[byte(r)]
	}
	return kindOther
}

// lookalikes are letters of other scripts that are drawn like a Latin one, by that one.
var lookalikes = map[rune]byte{}

// accents are Latin letters with an accent, or drawn otherwise, by the letter without it.
var accents = map[rune]byte{}

func init() {
	for latin, others := range map[byte]string{
		'a': "аαɑᴀ", 'b': "ЬвƄʙᏏ", 'c': "сϲᴄⅽ", 'd': "ԁɗᴅⅾժ", 'e': "еєҽεᴇ℮", 'f': "ғƒꜰ", 'g': "ɡցɢ", 'h': "һнʜհ",
		'i': "іιїɪⅰӏ", 'j': "јϳᴊ", 'k': "кκᴋ", 'l': "ⅼʟӀ", 'm': "мᴍⅿ", 'n': "пηɴոո", 'o': "оοσᴏօ", 'p': "рρᴘ",
		'q': "ԛʠզ", 'r': "гʀᴦ", 's': "ѕꜱʂ", 't': "тτᴛ", 'u': "υцᴜս", 'v': "νѵᴠⅴ", 'w': "ωшԝᴡա", 'x': "хχⅹ", 'y': "уγүʏ",
		'z': "ᴢʐ",
	} {
		for _, r := range others {
			lookalikes[r] = latin
			if up := unicode.ToUpper(r); up != r && up >= 0x80 {
				lookalikes[up] = latin
			}
		}
	}
	for r, latin := range map[rune]byte{'А': 'a', 'В': 'b', 'С': 'c', 'Е': 'e', 'Н': 'h', 'І': 'i', 'Ј': 'j', 'К': 'k', 'М': 'm',
		'О': 'o', 'Р': 'p', 'Ѕ': 's', 'Т': 't', 'Х': 'x', 'У': 'y', 'Α': 'a', 'Β': 'b', 'Ε': 'e', 'Ζ': 'z', 'Η': 'h', 'Ι': 'i',
		'Κ': 'k', 'Μ': 'm', 'Ν': 'n', 'Ο': 'o', 'Ρ': 'p', 'Τ': 't', 'Υ': 'y', 'Χ': 'x'} {
		lookalikes[r] = latin
	}
	for latin, others := range map[byte]string{
		'a': "àáâãäåāăąǎạảấầẩẫậắằẳẵặª", 'c': "çćĉċč", 'd': "ďđð", 'e': "èéêëēĕėęěẹẻẽếềểễệ", 'g': "ĝğġģ", 'h': "ĥħ", 'i': "ìíîïĩīĭįǐịỉı",
		'j': "ĵ", 'k': "ķ", 'l': "ĺļľŀł", 'n': "ñńņňŉŋǹ", 'o': "òóôõöøōŏőǒọỏốồổỗộớờởỡợơº", 'r': "ŕŗř", 's': "śŝşšſß", 't': "ţťŧț",
		'u': "ùúûüũūŭůűųǔụủứừửữựư", 'w': "ŵ", 'y': "ýÿŷỳỵỷỹ", 'z': "źżž",
	} {
		for _, r := range others {
			accents[r] = latin
			if up := unicode.ToUpper(r); up != r && up >= 0x80 {
				accents[up] = latin
			}
		}
	}
	// Upside down.
	for i, r := range []rune("ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz") {
		if r >= 0x80 {
			lookalikes[r] = byte('a' + i)
		}
	}
	for r := range rune(len(near)) {
		near[r] = [2]byte{accents[r], lookalikes[r]}
	}
}

// near holds accents and lookalikes of the alphabets that are met most, as a map is slow.
var near [0x600][2]byte

func accent(r rune) byte {
	if int(r) < len(near) {
		return near[r][0]
	}
	return accents[r]
}

func lookalike(r rune) byte {
	if int(r) < len(near) {
		return near[r][1]
	}
	return lookalikes[r]
}

// braille is the letters of the patterns that begin at U+2800.
var braille = func() (table [64]byte) {
	for i, p := range strings.Fields("01 03 09 19 11 0B 1B 13 0A 1A 05 07 0D 1D 15 0F 1F 17 0E 1E 25 27 3A 2D 3D 35") {
		table[hexDigit(p[0])<<4|hexDigit(p[1])] = byte('a' + i)
	}
	return table
}()

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0xFF
}

// fold returns the ASCII letter or digit that the character is drawn as, in a compatible form of it or with an accent; 0
// when there is none. Letters of living scripts that only look alike are not folded: see foldedWord.
func fold(r rune) byte {
	switch {
	case r >= 0xFF10 && r <= 0xFF19:
		return byte('0' + r - 0xFF10)
	case r >= 0xFF21 && r <= 0xFF3A:
		return byte('a' + r - 0xFF21)
	case r >= 0xFF41 && r <= 0xFF5A:
		return byte('a' + r - 0xFF41)
	case r >= 0x1D400 && r < 0x1D6A4: // mathematical letters: thirteen alphabets of 52
		return byte('a' + (r-0x1D400)%26)
	case r >= 0x1D7CE && r <= 0x1D7FF:
		return byte('0' + (r-0x1D7CE)%10)
	case r >= 0x249C && r <= 0x24B5:
		return byte('a' + r - 0x249C)
	case r >= 0x24B6 && r <= 0x24E9:
		return byte('a' + (r-0x24B6)%26)
	case r >= 0x1F110 && r <= 0x1F189:
		return byte('a' + (r-0x1F110)%32%26)
	case r >= 0x1F1E6 && r <= 0x1F1FF:
		return byte('a' + r - 0x1F1E6)
	case r >= 0x2800 && r < 0x2840:
		return braille[r-0x2800]
	}
	return accent(r)
}

// foldedWord hashes a word of any script twice: as it is, and as it looks to a reader of Latin letters.
type foldedWord struct {
	raw, rawStem, looks, looksStem uint32
	length, capitals, digits       int
	// latin counts Latin letters, alike those of other scripts that look Latin, foreign the rest, drawn those that
	// only a font or a game would draw.
	latin, alike, foreign, drawn int
}

func (w *foldedWord) start() { *w = foldedWord{raw: hashStart, looks: hashStart} }

func (w *foldedWord) add(r rune) {
	letter := rune(0)
	switch {
	case r < 0x80:
		letter = rune(lower[byte(r)])
		if kinds[byte(r)] == kindDigit {
			w.digits++
		} else {
			w.latin++
			if r < 'a' {
				w.capitals++
			}
		}
	case fold(r) != 0:
		letter = rune(fold(r))
		w.latin++
		if accent(r) == 0 {
			w.drawn++
		}
		if unicode.IsUpper(r) {
			w.capitals++
		}
	}
	raw, looks := letter, letter
	if letter == 0 {
		if unicode.IsUpper(r) {
			w.capitals++
		}
		raw = unicode.ToLower(r)
		looks = raw
		if l := lookalike(r); l != 0 {
			looks = rune(l)
			w.alike++
		} else {
			w.foreign++
		}
	}
	if w.length < longestWord {
		w.raw, w.looks = hashRune(w.raw, raw), hashRune(w.looks, looks)
	}
	if w.length++; w.length == stemLength {
		w.rawStem, w.looksStem = w.raw, w.looks
	}
}

// mixed says that the word hides a foreign letter among Latin ones, or is drawn in letters of a game.
func (w *foldedWord) mixed() bool {
	return w.alike > 0 && w.latin > 0 && w.foreign == 0 && w.length > 2 || w.drawn > 2
}

// hashes tells the word as it looks where Latin letters stand among others, and as it is otherwise.
func (w *foldedWord) hashes() (hash, stem uint32) {
	hash, stem = w.raw, w.rawStem
	if w.alike > 0 && w.latin > 0 && w.foreign == 0 {
		hash, stem = w.looks, w.looksStem
	}
	if w.length < stemLength {
		stem = hash
	}
	return hash, stem
}

func hashRune(h uint32, r rune) uint32 {
	if r < 0x80 {
		return (h ^ uint32(r)) * hashPrime
	}
	h = (h ^ uint32(r&0xFF)) * hashPrime
	return (h ^ uint32(r>>8)) * hashPrime
}
