// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAWindowSeesSoFarAndNoFurther(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789"), 60)
	for name, test := range map[string]struct {
		pos, size int
		final     bool
		at        int
		want      byte
		short     bool
	}{
		"a byte of the text":                       {100, 600, false, 105, '5', false},
		"the last byte of the window":              {100, 600, false, 100 + lookAhead - 1, '5', false},
		"the byte behind the window":               {100, 600, false, 100 + lookAhead, 0, false},
		"a byte that has not arrived":              {100, 110, false, 110, 0, true},
		"a byte that never arrives":                {100, 110, true, 110, 0, false},
		"behind the window, and more may arrive":   {100, 110, false, 100 + lookAhead, 0, true},
		"behind the window of a text that is full": {100, 100 + lookAhead, false, 100 + lookAhead, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := look(text[:test.size], test.pos, test.final)
			if got := w.at(test.at); got != test.want || w.short != test.short {
				t.Errorf("%q, short %v; want %q, %v", got, w.short, test.want, test.short)
			}
		})
	}
	w := look(text, 100, true)
	if got := len(w.before()); got != lookBack {
		t.Errorf("%d bytes are seen before, want %d", got, lookBack)
	}
	if w.prev(1) != '9' || w.prev(lookBack) != '6' || w.prev(lookBack+1) != 0 {
		t.Errorf("before stand %q, %q, %q", w.prev(1), w.prev(lookBack), w.prev(lookBack+1))
	}
	if w := look(text, 3, true); w.prev(3) != '0' || w.prev(4) != 0 || len(w.before()) != 3 {
		t.Errorf("at the beginning %d bytes are seen before", len(w.before()))
	}
}

func TestASpanEndsWithItsClassOrWaits(t *testing.T) {
	for name, test := range map[string]struct {
		text  string
		final bool
		want  int
		short bool
	}{
		"another class":               {"123a", false, 3, false},
		"the end of what has come":    {"123", false, 3, true},
		"the end of the text":         {"123", true, 3, false},
		"nothing of the class":        {"a", false, 0, false},
		"longer than the window":      {strings.Repeat("1", 300), false, lookAhead, false},
		"as long as the window":       {strings.Repeat("1", lookAhead), false, lookAhead, false},
		"one shorter than the window": {strings.Repeat("1", lookAhead-1), false, lookAhead - 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := look([]byte(test.text), 0, test.final)
			if got := w.span(0, digit); got != test.want || w.short != test.short {
				t.Errorf("%d, short %v; want %d, %v", got, w.short, test.want, test.short)
			}
		})
	}
}

func TestNumerals(t *testing.T) {
	for name, test := range map[string]struct {
		text   string
		digits string
		sizes  []int
		seps   string // before each group but the first; 0 as a dot in the middle
		end    int
		plus   bool
		round  int
		more   bool
	}{
		"one group":                        {"12345 x", "12345", []int{5}, "", 5, false, 0, false},
		"groups with spaces":               {"12 34 567", "1234567", []int{2, 2, 3}, "  ", 9, false, 0, false},
		"groups with several signs":        {"12-34.56/78", "12345678", []int{2, 2, 2, 2}, "-./", 11, false, 0, false},
		"two signs end it":                 {"12--34", "12", []int{2}, "", 2, false, 0, false},
		"a sign at the end":                {"12-34-", "1234", []int{2, 2}, "-", 5, false, 0, false},
		"a comma ends it":                  {"12,34", "12", []int{2}, "", 2, false, 0, false},
		"a line ends it":                   {"12\n34", "12", []int{2}, "", 2, false, 0, false},
		"a plus sign":                      {"+12 34", "1234", []int{2, 2}, " ", 6, true, 0, false},
		"brackets first":                   {"(12)34", "1234", []int{2, 2}, ")", 6, false, 1, false},
		"brackets first, a space behind":   {"(12) 34", "1234", []int{2, 2}, " ", 7, false, 1, false},
		"brackets first, a hyphen behind":  {"(12)-34", "1234", []int{2, 2}, "-", 7, false, 1, false},
		"brackets in the middle":           {"+41 (0)44", "41044", []int{2, 1, 2}, " )", 9, true, 2, false},
		"brackets in the middle, no space": {"41(0)44", "41044", []int{2, 1, 2}, "()", 7, false, 2, false},
		"a plus sign in brackets":          {"(+41) 44", "4144", []int{2, 2}, " ", 8, true, 1, false},
		"brackets that do not close":       {"(12 34 56 78", "123456", []int{2, 2, 2}, "  ", 9, false, 0, false},
		"brackets twice":                   {"(12) (34) 56", "12", []int{2}, "", 4, false, 1, false},
		"more digits than are read":        {strings.Repeat("1", 25), strings.Repeat("1", 20), nil, "", 0, false, 0, true},
		"more groups than are read":        {"1 2 3 4 5 6 7 8 9 1", "1234567891", []int{1, 1, 1, 1, 1, 1, 1, 1, 1}, "        ", 17, false, 0, true},
		"no digits":                        {"+x", "", nil, "", 0, true, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := look([]byte(test.text), 0, true)
			var n numerals
			n.read(&w)
			var digits []byte
			for _, d := range n.digits[:n.n] {
				digits = append(digits, '0'+d)
			}
			if string(digits) != test.digits || n.plus != test.plus || n.round != test.round || n.more != test.more {
				t.Errorf("digits %s, plus %v, round %d, more %v", digits, n.plus, n.round, n.more)
			}
			if diff := cmp.Diff(test.sizes, append([]int(nil), n.size[:n.groups]...)); diff != "" {
				t.Errorf("sizes (-want +got):\n%s", diff)
			}
			if n.groups == 0 {
				return
			}
			if got := string(n.sep[1:n.groups]); got != test.seps || n.end[n.groups-1] != test.end {
				t.Errorf("signs %q, end %d; want %q, %d", got, n.end[n.groups-1], test.seps, test.end)
			}
			if n.upTo[n.groups-1] != n.n && !n.more {
				t.Errorf("%d digits in the groups, %d in all", n.upTo[n.groups-1], n.n)
			}
		})
	}
}

func TestDates(t *testing.T) {
	for text, want := range map[string]bool{
		"2022-10-01": true, "2022/10/01": true, "01.02.2020": true, "31-12-1999": true, "12/31/1999": true, "1.2.2020": true,
		"2022-10-01 10": true, "2022-13-01": false, "2022-10-32": false, "32.10.2020": false, "1822-10-01": false,
		"01-02-03": false, "20-30-2020": true, "0412 345 678": false, "2022-10.01": false, "(20)10 2022": false,
	} {
		t.Run(text, func(t *testing.T) {
			w := look([]byte(text), 0, true)
			var n numerals
			n.read(&w)
			if got := n.dated(n.groups - 1); got != want {
				t.Errorf("%s is a date: %v, want %v", text, got, want)
			}
		})
	}
}

func TestNamesOfSecrets(t *testing.T) {
	for name, want := range map[string]secrecy{
		"api_key": aKey, "apiKey": aKey, "API-KEY": aKey, "X_API_KEY": aKey, "aws_secret_access_key": aKey, "key": aKey,
		"token": aKey, "GITHUB_TOKEN": aKey, "accessToken": aKey, "client_secret": aKey, "key1": aKey, "secret_2": aKey,
		"aws_access_key_id": aKey, "credentials": aKey, "jwt": aKey,
		"password": aPassword, "DB_PASSWORD": aPassword, "userPwd": aPassword, "passphrase": aPassword, "pass": aPassword,
		"Bearer": aHeader, "basic": aHeader,
		"tokens": noSecret, "max_tokens": noSecret, "keyboard": noSecret, "secretary": noSecret, "primary_key": noSecret,
		"cacheKey": noSecret, "publicKey": noSecret, "client_id": noSecret, "": noSecret, "17": noSecret, "name": noSecret,
		strings.Repeat("long_", 20) + "token": aKey,
	} {
		t.Run(name, func(t *testing.T) {
			if got := secrecyOf([]byte(name), true); got != want {
				t.Errorf("%q is %d, want %d", name, got, want)
			}
		})
	}
	if got := secrecyOf([]byte("pass"), false); got != noSecret {
		t.Errorf("the verb pass is %d", got)
	}
}

func TestTheNameBeforeAValue(t *testing.T) {
	for text, want := range map[string]struct {
		kind   secrecy
		signed bool
	}{
		"token=":                 {aKey, true},
		"token = ":               {aKey, true},
		"token := \"":            {aKey, true},
		"\"token\": \"":          {aKey, true},
		"'token' => '":           {aKey, true},
		"\\\"token\\\":\\\"":     {aKey, true},
		"<token>":                {aKey, true},
		"setToken(":              {aKey, true},
		"setToken(\"":            {aKey, true},
		"settings['token'] = '":  {aKey, true},
		"**Token:** `":           {aKey, true},
		"token:\n  ":             {aKey, true},
		"the token is ":          {aKey, false},
		"the token is set to ":   {aKey, false},
		"with password ":         {aPassword, false},
		"the password was '":     {aPassword, false},
		"a token of some sort ":  {noSecret, false},
		"tokens: ":               {noSecret, true},
		"":                       {noSecret, false},
		"= ":                     {noSecret, true},
		"Authorization: Bearer ": {aHeader, false},
	} {
		t.Run(text, func(t *testing.T) {
			all := []byte(text + "x")
			w := look(all, len(text), true)
			kind, signed := w.namedBefore()
			if kind != want.kind || signed != want.signed {
				t.Errorf("%q names %d, signed %v; want %d, %v", text, kind, signed, want.kind, want.signed)
			}
		})
	}
}

func TestPlaceholders(t *testing.T) {
	for text, want := range map[string]bool{
		"your-api-key-here": true, "YOUR_TOKEN": true, "xxxxxxxx": true, "XXXX-1234": true, "EXAMPLEKEY": true, "changeme1": true,
		"<redacted>": true, "abc...def": true, "sk-0000000000": true, "insert_key": true, "put-it-here": true,
		drawn(40): false, hex32: false, "hunter2": false, "": false, strings.Repeat("a", 500) + "example": false,
	} {
		if got := placeholder([]byte(text)); got != want {
			t.Errorf("%q is a placeholder: %v, want %v", text, got, want)
		}
	}
}

func TestATailGoesOnHoweverItIsCut(t *testing.T) {
	for name, test := range map[string]struct {
		tail tail
		text string
		want int
	}{
		"no tail":                      {tail{}, "abc", 0},
		"letters":                      {tail{class: letter}, "abc def", 3},
		"letters to the end":           {tail{class: letter}, "abc", 3},
		"no letters":                   {tail{class: letter}, "1abc", 0},
		"a block":                      {tail{pem: true}, "x\n-----END KEY-----\ny", 19},
		"a block of nothing":           {tail{pem: true}, "-----END KEY-----", 17},
		"a block with hyphens":         {tail{pem: true}, "--x-----y------END KEY-----z", 27},
		"a block with another begin":   {tail{pem: true}, "-----BEGIN K-----END KEY-----z", 29},
		"a mark that is broken":        {tail{pem: true}, "-----EN-----END-----.", 20},
		"hyphens within the last line": {tail{pem: true}, "-----END A--B-----.", 18},
		"a block without an end":       {tail{pem: true}, strings.Repeat("x", longestBlock+9), longestBlock},
		"an end at the bound":          {tail{pem: true}, strings.Repeat("x", longestBlock-8) + "-----END-----", longestBlock},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 2, 3, 7, len(test.text)} {
				var s swallower
				s.begin(test.tail)
				got := 0
				for rest := []byte(test.text); len(rest) > 0; {
					piece := rest[:min(size, len(rest))]
					n := s.swallow(piece)
					got += n
					if n < len(piece) {
						if s.on() {
							t.Errorf("the tail stopped at %d and goes on", got)
						}
						break
					}
					rest = rest[len(piece):]
				}
				if got != test.want {
					t.Errorf("in pieces of %d: %d bytes, want %d", size, got, test.want)
				}
			}
		})
	}
}

func TestPrefixesAreInOrder(t *testing.T) {
	seen := make(map[string]bool)
	for _, p := range prefixes {
		if seen[p.text] {
			t.Errorf("%s stands twice", p.text)
		}
		seen[p.text] = true
		if p.least+len(p.text) < shortestKey && !p.plain && p.least+len(p.text) < 12 {
			t.Errorf("%s asks for %d bytes only", p.text, p.least)
		}
		if p.least+len(p.text) > lookAhead {
			t.Errorf("%s asks for more than a window holds", p.text)
		}
		if p.most > 0 && p.most < p.least {
			t.Errorf("%s has at most %d bytes and at least %d", p.text, p.most, p.least)
		}
	}
	for first, of := range byFirst {
		for i, p := range of {
			if int(p.text[0]) != first || i > 0 && len(of[i-1].text) < len(p.text) {
				t.Errorf("%s is out of order", p.text)
			}
		}
	}
}

func TestClasses(t *testing.T) {
	for name, test := range map[string]struct {
		class classes
		in    string
		out   string
	}{
		"words":             {word, "azAZ09_", "-.@ é"},
		"tokens":            {token, "azAZ09_-", ".+/ "},
		"hexadecimal":       {hex, "09afAF", "gG_-"},
		"base 64":           {base64, "azAZ09+/=", "., "},
		"local parts":       {local, "az09._%+-é", "@,; \"("},
		"values":            {value, "az09!@#$%^&*+/=~", " \"'`,;<>()\\"},
		"the ends of words": {ending, " \n,;!?()\"'/", "az09.-_@:"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []byte(test.in) {
				if !test.class.has(c) {
					t.Errorf("%q is not in the class", c)
				}
			}
			for _, c := range []byte(test.out) {
				if c < 0x80 && test.class.has(c) {
					t.Errorf("%q is in the class", c)
				}
			}
		})
	}
	for b := range roleOf {
		if c := byte(b); word.has(c) && roleOf[b] == nothing {
			t.Errorf("nothing begins with %q", c)
		}
	}
}

func TestResetForgets(t *testing.T) {
	s := NewStream(All)
	s.Write(nil, []byte("ann@example.com -----BEGIN PRIVATE KEY-----"))
	s.Write(nil, bytes.Repeat([]byte("x"), 16<<10))
	s.Write(nil, []byte(" 4111 1111"))
	s.Reset(KindsOf(Email))
	if s.Counts().Total() != 0 || s.Pending() != 0 {
		t.Errorf("%v, %d bytes are left", s.Counts(), s.Pending())
	}
	got := s.Close(s.Write(nil, []byte(" 1111 1111 bob@example.com 10.0.0.1")))
	if want := " 1111 1111 [EMAIL] 10.0.0.1"; string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
	var zero Stream
	if got := string(zero.Close(zero.Write(nil, []byte("ann@example.com")))); got != "ann@example.com" {
		t.Errorf("the zero value gives %q", got)
	}
}

func TestAStreamKeepsLittle(t *testing.T) {
	s := NewStream(All)
	var out []byte
	for range 20_000 {
		out = s.Write(out[:0], []byte("some words, 12 of them; "))
	}
	if got := cap(s.buf); got > 2<<10 {
		t.Errorf("the stream keeps %d bytes", got)
	}
}
