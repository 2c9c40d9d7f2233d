// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"strings"
	"testing"
)

// panics says whether a function does.
func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

// compiled is a lexicon with one rule that uses every class of it.
func compiled(t *testing.T, lexicon string) *lexicon {
	t.Helper()
	l := readLexicon(lexicon)
	var rules strings.Builder
	for _, title := range l.titles {
		rules.WriteString("override 1 : @" + title + "\n")
	}
	readRules(rules.String(), l)
	return l
}

// belongs says whether the first word of a text, or the phrase that begins there, is of a class.
func belongs(l *lexicon, text, class string) bool {
	k := tokenizer{lexicon: l}
	k.tokenize([]byte(text))
	l.find(k.tokens)
	set := l.sets[k.tokens[0].set]
	return set.classes.has(l.named[class])
}

func TestWordsBelongToTheirClasses(t *testing.T) {
	l := compiled(t, `// a comment
@verb
 ignore forget* disreg*
 do_anything_now 忽略 forget_the_past
@noun
 rule rules // the rest is a comment
@both
 @verb @noun extra
`)
	for name, test := range map[string]struct {
		text, class string
		want        bool
	}{
		"a word":                  {"ignore", "verb", true},
		"a word in capitals":      {"IGNORE", "verb", true},
		"a word of another class": {"rule", "verb", false},
		"an unknown word":         {"banana", "verb", false},
		"a stem":                  {"disregarding", "verb", true},
		"the stem itself":         {"disreg", "verb", true},
		"a word whose stem is known by a longer word": {"forgetting", "verb", true},
		"a phrase":                             {"do anything now", "verb", true},
		"a phrase with punctuation":            {"do, anything - now", "verb", true},
		"the beginning of a phrase":            {"do anything", "verb", false},
		"a phrase of characters":               {"忽略", "verb", true},
		"half a phrase of characters":          {"忽", "verb", false},
		"a class takes in another":             {"ignore", "both", true},
		"a class takes in a phrase of another": {"do anything now", "both", true},
		"a class has its own words too":        {"extra", "both", true},
		"another class does not have them":     {"extra", "noun", false},
		"a comment is no word":                 {"comment", "noun", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := belongs(l, test.text, test.class); got != test.want {
				t.Errorf("%q of @%s: %t, want %t", test.text, test.class, got, test.want)
			}
		})
	}
}

func TestTheLongestPhraseStands(t *testing.T) {
	l := compiled(t, "@a\n in_the\n@b\n in_the_end\n")
	if !belongs(l, "in the end", "b") || belongs(l, "in the end", "a") {
		t.Error("the shorter phrase stands")
	}
	if !belongs(l, "in the beginning", "a") {
		t.Error("the shorter phrase does not stand alone")
	}
}

func TestMistakesInALexiconAreMistakesOfTheProgram(t *testing.T) {
	for name, text := range map[string]string{
		"a class twice":     "@a\n x\n@a\n y\n",
		"an unknown class":  "@a\n @b\n",
		"a short stem":      "@a\n abc*\n",
		"a long stem":       "@a\n abcdefgh*\n",
		"nothing but signs": "@a\n ---\n",
	} {
		if !panics(func() { readLexicon(text) }) {
			t.Errorf("%s is no mistake", name)
		}
	}
}

func TestTheLexiconKnowsWordsOfManyLanguages(t *testing.T) {
	l := testDetector().lexicon
	for word, class := range map[string]string{
		"ignore": "ignore", "vergiss": "ignore", "oubliez": "ignore", "olvida": "ignore", "dimentica": "ignore", "esqueça": "ignore",
		"negeer": "ignore", "zapomnij": "ignore", "забудь": "ignore", "忽略": "ignore", "無視": "ignore", "무시": "ignore",
		"instructions": "order", "Anweisungen": "order", "consignes": "order", "instrucciones": "order", "istruzioni": "order",
		"instruções": "order", "instructies": "order", "polecenia": "order", "инструкции": "order", "指令": "order", "指示": "order",
		"지시": "order", "previous": "prior", "vorherigen": "prior", "précédentes": "prior", "anteriores": "prior", "precedenti": "prior",
		"acima": "prior", "предыдущие": "prior", "以前": "prior", "이전": "prior", "password": "secret", "Passwort": "secret",
		"contraseña": "secret", "senha": "secret", "пароль": "secret", "密码": "secret", "パスワード": "secret", "비밀번호": "secret",
	} {
		if !belongs(l, word, class) {
			t.Errorf("%q is not of @%s", word, class)
		}
	}
}

func TestOrdinaryWordsAreHardlyKnown(t *testing.T) {
	l := testDetector().lexicon
	k := tokenizer{lexicon: l}
	k.tokenize([]byte(prose))
	l.find(k.tokens)
	known := 0
	for i := range k.tokens {
		if len(l.sets[k.tokens[i].set].anchored) > 0 {
			known++
		}
	}
	if known*5 > len(k.tokens) {
		t.Errorf("rules are looked for at %d of %d words", known, len(k.tokens))
	}
}

func TestHashTable(t *testing.T) {
	const n = 500
	h := newHashTable(n)
	for i := range uint32(n) {
		h.put(i*2654435769+1, uint16(i+1))
	}
	for i := range uint32(n) {
		if got := h.get(i*2654435769 + 1); got != uint16(i+1) {
			t.Errorf("%d is %d", i, got)
		}
	}
	for i := range uint32(n) {
		if got := h.get(i*2654435769 + 2); got != 0 {
			t.Errorf("what was never put is %d", got)
		}
	}
}
