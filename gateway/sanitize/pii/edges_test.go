// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

import (
	"strings"
	"testing"
)

func TestWhichValuesAreSecrets(t *testing.T) {
	for name, test := range map[string]struct {
		value  string
		kind   secrecy
		signed bool
		want   bool
	}{
		"a key of ten, assigned":           {"a1B2c3D4e5", aKey, true, true},
		"a key of nine, assigned":          {"a1B2c3D4e", aKey, true, false},
		"a key of ten, said":               {"a1B2c3D4e5", aKey, false, false},
		"a key of fifteen, said":           {drawn(15), aKey, false, false},
		"a key of sixteen, said":           {"a1B2c3D4e5F6g7H8", aKey, false, true},
		"a short key without digits":       {"aBcDeFgHiJkL", aKey, true, false},
		"a short key of digits":            {"918273645510", aKey, true, false},
		"a long key of digits":             {"9182736455192834", aKey, true, true},
		"a short word and a number":        {"deployment-12", aKey, true, false},
		"a long name":                      {"deployment-of-the-service-12", aKey, true, false},
		"an URL":                           {"https://a1B2c3D4e5F6g7H8", aKey, true, false},
		"signs more than letters":          {"a1!B2@c3#D4$e5%F6^&", aKey, true, false},
		"nothing":                          {"", aKey, true, false},
		"a variable":                       {"$a1B2c3D4e5F6g7H8", aKey, true, true},
		"a variable without digits":        {"$aBcDeFgHiJkLmNoPqRsT", aKey, true, false},
		"a pointer":                        {"*a1B2c3D4e5F6g7H8", aKey, true, false},
		"a path":                           {"/a1B2c3D4e5F6g7H8", aKey, true, false},
		"a short number in hexadecimal":    {"0xa1b2c3d4e5f6", aKey, true, false},
		"a long number in hexadecimal":     {"0x" + hex64, aKey, true, true},
		"a header of ten, drawn":           {"a1B2c3D4e5", aHeader, false, true},
		"a header of letters":              {"dXNlcjpwYXNzdzByZA==", aHeader, false, true},
		"a header that is a word":          {"authentication", aHeader, false, false},
		"a header that is a long word":     {"authentication-scheme", aHeader, false, false},
		"a password with a digit":          {"hunter2", aPassword, true, true},
		"a password with a sign":           {"hunter!", aPassword, true, true},
		"a password that is a word":        {"hunters", aPassword, true, false},
		"a password of five":               {"hunt2", aPassword, true, false},
		"a password of one character":      {"aaaaaaa1", aPassword, true, false},
		"a password of digits, assigned":   {"918273", aPassword, true, true},
		"a password of digits, said":       {"918273", aPassword, false, false},
		"a password of one digit":          {"111111", aPassword, true, false},
		"a date":                           {"2024-01-02", aPassword, true, false},
		"a password said, with one digit":  {"hunters2", aPassword, false, false},
		"a password said, with two digits": {"hunter22", aPassword, false, true},
		"a password said, with a sign":     {"hunter!", aPassword, false, true},
		"a short password said":            {"hunt22x", aPassword, false, false},
		"a name with a digit":              {"my-config-map-2", aPassword, true, false},
		"a name with digits":               {"my-config-map-2024", aPassword, true, true},
		"an attribute":                     {"self.config.password", aPassword, true, false},
		"a path of words":                  {"configured/somewhere/here2", aPassword, true, false},
		"a type":                           {"sha256", aPassword, true, false},
		"a placeholder":                    {"changeme123", aPassword, true, false},
		"a reference of GitHub":            {"${{secrets.PW1}}", aPassword, true, false},
		"a template":                       {"{{.Password1}}", aPassword, true, false},
		"an element":                       {"<password1>", aPassword, true, false},
		"a list":                           {"[password1]", aPassword, true, false},
		"a percent sign":                   {"hunter%x", aPassword, true, true},
		"a plus sign first":                {"+hunters", aPassword, true, false},
		"a plus sign within":               {"hunt+ers", aPassword, true, true},
		"a colon is not loud":              {"hunt:ers", aPassword, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := secret([]byte(test.value), test.kind, test.signed); got != test.want {
				t.Errorf("%q is a secret: %v, want %v", test.value, got, test.want)
			}
		})
	}
}

func TestWhereAValueEnds(t *testing.T) {
	for text, want := range map[string]string{
		"=abc def": "abc", "=abc, d": "abc", "=abc;d": "abc", "=abc)": "abc", "=abc\nd": "abc", "=abc": "abc",
		"=abc.": "abc", "=abc...": "abc", "=abc:": "abc", "=abc?": "abc", "=abc!": "abc!", "=a.b:c?d": "a.b:c?d",
		"=abc&x=1": "abc", "=abc&amp;x": "abc", "=abc&x y": "abc&x", "=abc&&": "abc&&", "=a=b==": "a=b==", "=a%20b": "a%20b",
		"\"abc def\"": "abc", "\"abc.\"": "abc.", "\"a,b;c)d\"": "a,b;c)d", "'a\"b'": "a\"b", "`a'b`": "a'b", "\"a\\\"": "a", "\"a<b\"": "a",
		"=" + strings.Repeat("x", 300):  strings.Repeat("x", longest),
		"\"" + strings.Repeat("x", 300): strings.Repeat("x", longest),
	} {
		t.Run(text[:min(len(text), 20)], func(t *testing.T) {
			w := look([]byte(text), 1, true)
			if got := text[1:w.valueEnd()]; got != want {
				t.Errorf("the value of %q is %q, want %q", text, got, want)
			}
		})
	}
}

func TestHowManyDigitsAnInternationalNumberHas(t *testing.T) {
	for name, test := range map[string]struct {
		text  string
		found bool
	}{
		"seven digits":                  {"+4512345", false},
		"nine digits":                   {"+298211234", false},
		"nine digits with a space":      {"+298 211234", true},
		"eight digits with a space":     {"+290 51234", false},
		"eight digits, told":            {"phone +29051234", true},
		"ten digits":                    {"+4512345679", true},
		"fifteen digits":                {"+491234567890123", true},
		"sixteen digits":                {"+4912345678901234", true},
		"seventeen digits":              {"+49123456789012345", false},
		"a long fraction":               {"+12345678901.234", false},
		"letters behind":                {"+4512345679a", false},
		"a sum":                         {"a+4512345679", false},
		"a sum of brackets":             {"(a)+4512345679", false},
		"two signs":                     {"++4512345679", false},
		"a word before with a colon":    {"tel:+4512345679", true},
		"an American one and a number":  {"+1 415 555 0132 77", true},
		"an American one, written as a": {"+14155550132", true},
	} {
		t.Run(name, func(t *testing.T) {
			got := len(Find(nil, []byte(test.text), KindsOf(Phone))) > 0
			if got != test.found {
				t.Errorf("%q is a telephone number: %v, want %v", test.text, got, test.found)
			}
		})
	}
}

func TestNationalForms(t *testing.T) {
	for text, want := range map[string]bool{
		"012 345 678": false, "012-345 678": true, "012 345 6789": true, "01234 567890": true, "012345 678901": false,
		"0123 456 78 91": true, "0 532 123 45 67": true, "0.532 123 45 67": false, "0/5321234567": false, "0 5 3 2 1 2 3 4 5 6 7": false,
		"0123456780": true, "01234567801": true, "012345678012": false, "0012345678": false, "012345678": false,
		"(01) 234567": true, "(1) 2345678": false, "(01234) 567890": false, "(2019) 123456": false, "(0201) 123456": true, "(0201) 123456789": true,
		"(415) 555 0132": true, "(12) 34567": false,
		"123-456-7890": true, "123.456.7890": true, "123/456/7890": false, "123 456 7890": false, "223 456 7890": true, "223 156 7890": false,
		"223 456-7890": true, "223-456 7890": false, "1-223-456-7890": true, "2-223-456-7890": false, "1 223 456 7890": true,
		"532 123 45 67": true, "532-123-45-67": true, "532.123.45.67": false,
		"001-223-456-7890": true, "000-223-456-7890": false, "00385 75 101 012": true, "0038 57510": false,
		"01-23-45-67-89": true, "01 23 45 67 89 0a": false, "a1 01 23 45 67 89": false,
		"223 456 7890%": false, "223-456-7890=": false, "223-456-7890-1": false, "1:223 456 7890": false, "12 223 456 7890": true,
	} {
		t.Run(text, func(t *testing.T) {
			found := false
			for _, s := range Find(nil, []byte("It is "+text+" (Anna)."), KindsOf(Phone)) {
				found = found || s.End > len("It is ")
			}
			if found != want {
				t.Errorf("%q is a telephone number: %v, want %v", text, found, want)
			}
		})
	}
}

func TestNumbersThatWordsMustTell(t *testing.T) {
	for text, want := range map[string]bool{
		"61 51 81": true, "9469 9966": true, "28-64-66-98": true, "1234567": true, "123456": false, "12 345": false, "1 2 3 4 5 6 7 8": false,
		"12345678": true, "123 456 789 012 345": true, "(37) 788-063": true,
		"4155550132 ext 5": true, "4155550132 x123456": true, "2022-10-01": false, "01/02/2020": false,
	} {
		t.Run(text, func(t *testing.T) {
			if got := len(Find(nil, []byte("My phone: "+text+"\n"), KindsOf(Phone))) > 0; got != want {
				t.Errorf("told, %q is a telephone number: %v, want %v", text, got, want)
			}
		})
	}
}

func TestExtensions(t *testing.T) {
	for text, want := range map[string]string{
		"415-555-0132x1": "415-555-0132x1", "415-555-0132 x123456": "415-555-0132 x123456", "415-555-0132x1234567": "", "415-555-0132 ext 7": "415-555-0132 ext 7",
		"415-555-0132 ext.7": "415-555-0132 ext.7", "415-555-0132 extra": "415-555-0132", "415-555-0132 x": "415-555-0132", "415-555-0132x7a": "",
		"415-555-0132 x 7": "415-555-0132 x 7",
	} {
		t.Run(text, func(t *testing.T) {
			got := ""
			for _, s := range Find(nil, []byte(text), KindsOf(Phone)) {
				got = text[s.Start:s.End]
			}
			if got != want {
				t.Errorf("of %q: %q, want %q", text, got, want)
			}
		})
	}
}

func TestKeysThatNeedNotLookDrawn(t *testing.T) {
	findings(t, APIKey, map[string]row{
		"words with digits":          one("glptt-Need5_T00-be-exactly-40-chars--ELse_fail", "glptt-Need5_T00-be-exactly-40-chars--ELse_fail"),
		"words without digits":       none("glimt-my-tokens_are-correct-ABC"),
		"one more than it may have":  none("glptt-Need5_T00-be-exactly-40-chars--ELse_fails"),
		"a prefix that is all":       one("bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t", "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t"),
		"a key with few changes":     one("sk_test_7abcdefgqrtpxk", "sk_test_7abcdefgqrtpxk"),
		"a key of words":             none("sk_test_thisismysecretkey"),
		"an attribute of an object":  none("x.hf_" + drawn(34)),
		"a key that ends the window": one("sk-"+strings.Repeat(drawn(50), 8), "sk-"+strings.Repeat(drawn(50), 8)),
	})
}

func TestPasswordsInURLs(t *testing.T) {
	findings(t, APIKey, map[string]row{
		"three characters":            one("a://u:p1w@h", "p1w"),
		"two characters":              none("a://u:p1@h"),
		"a sign at in the password":   one("a://u:p@1w@h/", "p@1w"),
		"a host in brackets":          one("a://u:p1w@[::1]/"[:12], "p1w"),
		"no host":                     none("a://u:p1w@/x"),
		"no sign":                     none("a://h:8080/x@y"),
		"a stroke in between":         none("a://u:p/1w@h"),
		"a long user":                 none("a://" + strings.Repeat("u", 65) + ":p1wx@h"),
		"a user of a common length":   one("mongodb+srv://"+strings.Repeat("u", 14)+":p1wx@h", "p1wx"),
		"a password that is too long": none("a://u:" + strings.Repeat("p1", 70) + "@h"),
		"a word of the documentation": none("a://u:secret@h a://u:password@h"),
		"a variable":                  none("a://u:$PASSWORD1@h a://u:{pw1}@h"),
	})
}
