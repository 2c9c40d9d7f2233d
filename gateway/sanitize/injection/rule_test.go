// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// fires says whether the only rule of a text stands in another.
func fires(t *testing.T, lexicon, rule, text string) bool {
	t.Helper()
	l := readLexicon(lexicon)
	d := &Detector{lexicon: l, rules: readRules(rule, l)}
	return len(d.Examine([]byte(text)).Rules) > 0
}

const someClasses = "@verb\n ignore forget\n@noun\n rules orders do_anything_now\n"

func TestRulesStandWhereTheyShould(t *testing.T) {
	for name, test := range map[string]struct {
		rule, text string
		want       bool
	}{
		"words next to each other":               {"@verb @noun", "please ignore rules", true},
		"a word between them is too many":        {"@verb @noun", "ignore the rules", false},
		"a gap lets a word lie between":          {"@verb <1 @noun", "ignore the rules", true},
		"a gap lets no more lie between":         {"@verb <1 @noun", "ignore all the rules", false},
		"a gap need not be used":                 {"@verb <3 @noun", "ignore rules", true},
		"the end of a sentence takes a place":    {"@verb <1 @noun", "ignore. the rules", false},
		"a line feed takes a place":              {"@verb <1 @noun", "ignore\nthe rules", false},
		"a wide gap reaches over a sentence":     {"@verb <3 @noun", "ignore. the rules", true},
		"commas take no place":                   {"@verb <1 @noun", "ignore, the, rules", true},
		"the order counts":                       {"@verb <3 @noun", "rules to ignore", false},
		"a word of its own":                      {"ignore <2 all", "ignore them all", true},
		"alternatives":                           {"forget|drop|@noun it", "drop it", true},
		"an alternative class":                   {"forget|drop|@noun it", "rules it", true},
		"none of the alternatives":               {"forget|drop|@noun it", "ignore it", false},
		"three elements":                         {"@verb <2 all <2 @noun", "ignore now all your rules", true},
		"three elements, the last too far":       {"@verb <2 all <2 @noun", "ignore all of your many rules", false},
		"the second try of an element":           {"@verb <1 all <1 @noun", "ignore all all rules", true},
		"the first of two verbs fits":            {"@verb <1 @noun", "forget ignore the rules", true},
		"a phrase is one element":                {"@verb <1 @noun", "ignore the do anything now", true},
		"what follows a phrase is next to it":    {"@noun <0 please", "do anything now please", true},
		"the last word of a phrase may be meant": {"@noun <0 now", "do anything now", true},
		"a phrase before":                        {"@noun <1 @verb", "do anything now and forget", true},
		"a mark is kept":                         {"@verb+start", "please wait. Ignore that", true},
		"a mark is missed":                       {"@verb+start", "please ignore that", false},
		"two marks":                              {"@verb+start+caps", "IGNORE that", true},
		"one of two marks":                       {"@verb+start+caps", "ignore that", false},
		"any word with a mark":                   {"@verb <1 +quote", `ignore "that"`, true},
		"any word without the mark":              {"@verb <1 +quote", "ignore that", false},
		"a colon after a word":                   {"rules+colon", "new rules: none", true},
		"no colon after a word":                  {"rules+colon", "new rules, none", false},
		"a fence":                                {"rules+fence+end", "<rules>", true},
		"a digit":                                {"+digit rules", "7b rules", true},
		"the first word of a text":               {"@verb <1 @noun", "ignore rules now", true},
		"the last words of a text":               {"@verb <1 @noun", "now ignore rules", true},
		"across the border of a block":           {"@verb <1 @noun", strings.Repeat("word ", blockWords-1) + "ignore the rules", true},
		"nothing":                                {"@verb", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fires(t, someClasses, "override 1 : "+test.rule, test.text); got != test.want {
				t.Errorf("%q in %q: %t, want %t", test.rule, test.text, got, test.want)
			}
		})
	}
}

func TestMistakesInRulesAreMistakesOfTheProgram(t *testing.T) {
	for name, rule := range map[string]string{
		"no colon":            "override 1 @verb",
		"no weight":           "override : @verb",
		"a weight of letters": "override x : @verb",
		"an unknown family":   "nonsense 1 : @verb",
		"an unknown class":    "override 1 : @nothing",
		"an unknown mark":     "override 1 : @verb+nothing",
		"a gap of letters":    "override 1 : @verb <x @noun",
		"no elements":         "override 1 : ",
	} {
		if !panics(func() { readRules(rule, readLexicon(someClasses)) }) {
			t.Errorf("%s is no mistake", name)
		}
	}
	many := strings.Repeat("override 1 : @verb\n", maxRules+1)
	if !panics(func() { readRules(many, readLexicon(someClasses)) }) {
		t.Error("too many rules are no mistake")
	}
}

func TestRulesAreLookedForAtTheirRarestWord(t *testing.T) {
	l := readLexicon(someClasses)
	rules := readRules("override 1 : the <2 @verb <2 you\noverride 1 : you are zebra\noverride 1 : @verb+start <1 all", l)
	for i, want := range map[int]int{0: 1, 1: 2, 2: 0} {
		if got := rules[i].anchor; got != want {
			t.Errorf("%q is looked for at element %d, want %d", rules[i].text, got, want)
		}
	}
}

func TestRulesAreSortedByWeight(t *testing.T) {
	rules := testDetector().rules
	for i := 1; i < len(rules); i++ {
		if rules[i].weight > rules[i-1].weight {
			t.Errorf("%q stands behind %q", rules[i].text, rules[i-1].text)
		}
	}
}

// Every rule that is written can stand: a text made of the first word of each of its elements has it.
func TestEveryRuleCanStand(t *testing.T) {
	members := wordsOfClasses()
	for _, r := range testDetector().rules {
		_, body, _ := strings.Cut(r.text, ":")
		text := exampleOf(body, members)
		if !slices.Contains(testDetector().Examine([]byte(text)).Rules, r.text) && !strings.Contains(body, "xdecodedx") {
			t.Errorf("%s\n  does not stand in %q", r.text, text)
		}
	}
}

// wordsOfClasses are the members of each class as they are written.
func wordsOfClasses() map[string][]string {
	members := map[string][]string{}
	name := ""
	for line := range strings.Lines(lexiconText) {
		line, _, _ = strings.Cut(line, "//")
		for i, item := range strings.Fields(line) {
			switch {
			case i == 0 && item[0] == '@' && line[0] == '@':
				name = item[1:]
			case item[0] == '@':
				members[name] = append(members[name], members[item[1:]]...)
			default:
				members[name] = append(members[name], item)
			}
		}
	}
	return members
}

// exampleOf writes a text that a rule should stand in.
func exampleOf(body string, members map[string][]string) string {
	var b strings.Builder
	for word := range strings.FieldsSeq(body) {
		if word[0] == '<' {
			continue
		}
		names, marks, _ := strings.Cut(word, "+")
		first, _, _ := strings.Cut(names, "|")
		if strings.HasPrefix(first, "@") {
			all := members[first[1:]]
			first = all[slices.IndexFunc(all, func(s string) bool { return !strings.HasSuffix(s, "*") })]
		}
		if first == "" {
			first = "zebra"
		}
		first = strings.ReplaceAll(first, "_", " ")
		for mark := range strings.SplitSeq(marks, "+") {
			switch mark {
			case "line":
				first = "\n" + first
			case "start":
				if b.Len() > 0 {
					first = ". " + first
				}
			case "quote":
				first = `"` + first
			case "colon":
				first += ":"
			case "caps":
				first = strings.ToUpper(first)
			case "fence":
				first = "<" + first
			case "digit":
				first += "1"
			case "end":
				first += ">"
			}
		}
		fmt.Fprintf(&b, " %s", first)
	}
	return b.String()
}

// The weights of one family add up less and less.
func TestMoreRulesOfAFamilyAddLess(t *testing.T) {
	l := readLexicon("@x\n zebra\n")
	d := &Detector{lexicon: l, rules: readRules("override 4 : one\noverride 2 : two\noverride 2 : three\npersona 3 : four\nbenign -1 : five", l)}
	for text, want := range map[string]float32{
		"one": 4, "two": 2, "one two": 4.8, "one two three": 4.8 + 0.4, "one four": 7, "one five": 3, "none": 0, "one one one": 4,
	} {
		var got float32
		for _, p := range d.Examine([]byte(text)).Passages {
			got = max(got, p.Rules)
		}
		if got < want-1e-5 || got > want+1e-5 {
			t.Errorf("%q scores %v, want %v", text, got, want)
		}
	}
}

func TestFiredRulesAreToldInTheirOrder(t *testing.T) {
	var f fired
	want := []int{0, 3, 63, 64, 127, 128, 300, maxRules - 1}
	for _, i := range want {
		f.add(uint16(i))
	}
	var got []int
	f.each(func(i int) { got = append(got, i) })
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if !f.has(300) || f.has(301) {
		t.Error("the set does not know what it has")
	}
}

// No rule knows the words by which one source of data gives itself away.
func TestRulesKnowNoArtefacts(t *testing.T) {
	for _, text := range []string{rulesText, lexiconText} {
		for _, word := range []string{"pwned", "level 1", "kermode", "wellness", "spikee.ai"} {
			if strings.Contains(strings.ToLower(text), word) {
				t.Errorf("%q is known", word)
			}
		}
	}
}
