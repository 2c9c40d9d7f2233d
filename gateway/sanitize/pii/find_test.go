// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// row is a text and what is to be found in it, all of one kind.
type row struct {
	text string
	want []string
}

// findings holds the rows of a table against Find: what is found of the kind, and nothing of any other.
func findings(t *testing.T, kind Kind, rows map[string]row) {
	t.Helper()
	for name, test := range rows {
		t.Run(name, func(t *testing.T) {
			var got, others []string
			for _, s := range Find(nil, []byte(test.text), All) {
				if s.Kind == kind {
					got = append(got, test.text[s.Start:s.End])
				} else {
					others = append(others, s.Kind.String()+" "+test.text[s.Start:s.End])
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("in %q (-want +got):\n%s", test.text, diff)
			}
			if others != nil {
				t.Errorf("in %q: %v", test.text, others)
			}
		})
	}
}

// one is a row with one finding.
func one(text, want string) row { return row{text, []string{want}} }

// none is a row without any.
func none(text string) row { return row{text, nil} }

func TestEmail(t *testing.T) {
	findings(t, Email, map[string]row{
		"an address in a sentence":                one("Write to ann.lee@mail.example.org.", "ann.lee@mail.example.org"),
		"an address alone":                        one("a@b.co", "a@b.co"),
		"an address in angle brackets":            one("Ann <ann+lists@example.com>", "ann+lists@example.com"),
		"an address in JSON":                      one(`{"email":"ann_lee@example.com"}`, "ann_lee@example.com"),
		"an address after an escape":              one(`"Dear all,\nann@example.com"`, "ann@example.com"),
		"an address behind mailto":                one("[me](mailto:ann@example.com)", "ann@example.com"),
		"an address in a query":                   one("https://example.com/u?mail=ann@example.com&x=1", "ann@example.com"),
		"capitals":                                one("ANN@EXAMPLE.COM", "ANN@EXAMPLE.COM"),
		"digits and a percent sign":               one("007%x@example.com", "007%x@example.com"),
		"letters with accents":                    one("jörg@müller.de schrieb", "jörg@müller.de"),
		"Cyrillic":                                one("иван@пример.рф", "иван@пример.рф"),
		"punycode":                                one("a@xn--d1acufc.xn--p1ai", "a@xn--d1acufc.xn--p1ai"),
		"Chinese text around without spaces":      one("请联系ann@example.com谢谢", "ann@example.com"),
		"two with a slash":                        {"a@x.org/b@y.org", []string{"a@x.org", "b@y.org"}},
		"a sentence that goes on without a space": one("ann@example.com.Thanks", "ann@example.com.Thanks"),
		"a number behind the domain":              one("ann@example.com.2024", "ann@example.com"),
		"a hyphen behind the domain":              one("ann@example.com-Office", "ann@example.com"),
		"a domain of digits":                      one("ann@163.com", "ann@163.com"),
		"no top level":                            none("ann@localhost or info@example."),
		"a decorator":                             none("@app.route('/x')"),
		"a handle":                                none("thanks @ann.lee and @bob"),
		"a git remote":                            none("git clone git@github.com:org/repo.git"),
		"a host with a user in a URL":             none("ssh://deploy@build.example.com/repo"),
		"a version of a package":                  none("npm i react@18.2.0 and lodash@latest"),
		"a version of a module":                   none("golang.org/toolchain@v0.0.1-go1.99.linux"),
		"an image for dense screens":              none("icon@2x.png"),
		"a local part that is too long":           none("x" + drawnWord(64) + "@"),
		"a dot before the sign":                   none("ann.@example.com"),
		"a sign alone":                            none("meet @ noon, 5 @ 3.50"),
	})
}

// drawnWord is n letters.
func drawnWord(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return string(b)
}

func TestIBAN(t *testing.T) {
	findings(t, IBAN, map[string]row{
		"without spaces":                one("pay to DE89370400440532013000.", "DE89370400440532013000"),
		"in fours":                      one("GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 32"),
		"in fours, text behind":         one("IBAN: NL91 ABNA 0417 1643 00 please", "NL91 ABNA 0417 1643 00"),
		"in fours, a capital behind":    one("an iban GB82 WEST 1234 5698 7654 32 X", "GB82 WEST 1234 5698 7654 32"),
		"with hyphens":                  one("FR14-2004-1010-0505-0001-3M02-606", "FR14-2004-1010-0505-0001-3M02-606"),
		"with spaces that do not break": one("GB82\u202fWEST\u202f1234\u202f5698\u202f7654\u202f32", "GB82\u202fWEST\u202f1234\u202f5698\u202f7654\u202f32"),
		"in small letters":              one("gb82west12345698765432", "gb82west12345698765432"),
		"the shortest":                  one("NO9386011117947", "NO9386011117947"),
		"one of Malta":                  one("MT84MALT011000012345MTLCAST001S", "MT84MALT011000012345MTLCAST001S"),
		"two with a comma":              {"DE89370400440532013000,NO9386011117947", []string{"DE89370400440532013000", "NO9386011117947"}},
		"a wrong sum":                   none("DE89370400440532013001"),
		"a wrong sum in fours":          none("GB82 WEST 1234 5698 7654 33"),
		"too short for its country":     none("DE8937040044053201300"),
		"too long for its country":      none("DE893704004405320130005"),
		"a country without":             none("US89370400440532013000"),
		"letters of both cases":         none("GB82WeST12345698765432"),
		"two spaces between":            none("GB82  WEST 1234 5698 7654 32"),
		"a code that begins like one":   none("DE89 is a model"),
	})
}

func TestCreditCard(t *testing.T) {
	findings(t, CreditCard, map[string]row{
		"Visa":                               one("4111111111111111", "4111111111111111"),
		"Visa in fours":                      one("my card 4111 1111 1111 1111, 12/27", "4111 1111 1111 1111"),
		"Visa with hyphens":                  one("4111-1111-1111-1111", "4111-1111-1111-1111"),
		"Mastercard":                         one("(5555555555554444)", "5555555555554444"),
		"Mastercard of the second range":     one("2223003122003222", "2223003122003222"),
		"American Express":                   one("378282246310005", "378282246310005"),
		"American Express as it is printed":  one("3782 822463 10005", "3782 822463 10005"),
		"Discover":                           one("6011111111111117", "6011111111111117"),
		"Diners":                             one("30569309025904", "30569309025904"),
		"JCB":                                one("3530111333300000", "3530111333300000"),
		"UnionPay":                           one("6212345678901265", "6212345678901265"),
		"spaces that do not break":           one("4111\u00a01111\u00a01111\u00a01111", "4111\u00a01111\u00a01111\u00a01111"),
		"hyphens of typesetting":             one("4111\u20101111\u20101111\u20101111", "4111\u20101111\u20101111\u20101111"),
		"signs that differ":                  none("4111\u20101111 1111\u20101111"),
		"another sign of the same lead":      none("4111\u20261111\u20261111\u20261111"),
		"an expiry behind":                   one("4111 1111 1111 1111 1227", "4111 1111 1111 1111"),
		"in a row of values":                 one("Ann,4111111111111111,123", "4111111111111111"),
		"in a query":                         one("pan=4111111111111111&cvv=123", "4111111111111111"),
		"an odd length where a card is told": one("Please charge card 6304000000000000", "6304000000000000"),
		"thirteen digits where one is told":  one("the limit for card 4222222222222?", "4222222222222"),
		"thirteen digits alone":              none("id 4222222222222"),
		"a wrong sum":                        none("4111111111111112 and 4111-1111-1111-1112"),
		"a wrong sum where a card is told":   none("card number 4012-8888-8888-1882"),
		"no issuer":                          none("9111111111111111"),
		"more digits":                        none("41111111111111111111111"),
		"letters around":                     none("x4111111111111111 4111111111111111x"),
		"a fraction":                         none("0.4111111111111111"),
		"a negative number":                  none("-4111111111111111"),
		"groups of no card":                  none("411 1111 1111 11111"),
		"zeros":                              none("card 0000000000000000"),
		"milliseconds":                       none("1748503543012"),
		"a part of an identifier":            none("4111-1111-1111-1111-1111"),
		"the end of a longer one in fours":   none("RS35 2600 0560 1001 6113 70"),
	})
}

func TestSSN(t *testing.T) {
	findings(t, SSN, map[string]row{
		"with hyphens":                   one("His number is 078-05-1123.", "078-05-1123"),
		"with hyphens, told":             one("SSN: 219-09-9998", "219-09-9998"),
		"with hyphens that do not break": one("078\u201105\u20111123", "078\u201105\u20111123"),
		"with points":                    one("078.05.1123", "078.05.1123"),
		"with spaces, told":              one("my social security number is 219 09 9998", "219 09 9998"),
		"without signs, told":            one(`"ssn": "219099998"`, "219099998"),
		"a number sign before":           one("SSN #219-09-9998", "219-09-9998"),
		"an area of the eight hundreds":  one("887-77-8700", "887-77-8700"),
		"of a taxpayer":                  one("911-70-1234", "911-70-1234"),
		"without signs, not told":        none("part 219099998"),
		"with spaces, not told":          none("219 09 9998 items"),
		"the area 000":                   none("ssn 000-12-3456"),
		"the area 666":                   none("ssn 666-12-3456"),
		"the group 00":                   none("ssn 219-00-9998"),
		"the serial 0000":                none("ssn 219-09-0000"),
		"a taxpayer's group that is not": none("911-89-1234"),
		"of an account":                  none("account number 123-45-6789"),
		"of an order":                    none("Order 219-09-9998"),
		"more digits":                    none("219-09-99981 and 1-219-09-9998"),
		"signs that differ":              none("219-09.9998"),
	})
}

func TestIPAddress(t *testing.T) {
	findings(t, IPAddress, map[string]row{
		"version 4":                       one("ping 192.168.0.1.", "192.168.0.1"),
		"version 4 with a port":           one("http://10.1.2.3:8080/x", "10.1.2.3"),
		"version 4 with a prefix":         one("route 10.0.0.0/8", "10.0.0.0/8"),
		"the loopback":                    one("127.0.0.1", "127.0.0.1"),
		"a range":                         {"10.0.0.1-10.0.0.9", []string{"10.0.0.1", "10.0.0.9"}},
		"a list":                          {"1.1.1.1,8.8.8.8", []string{"1.1.1.1", "8.8.8.8"}},
		"a user before":                   one("root@203.0.113.7", "203.0.113.7"),
		"version 6":                       one("from 2001:db8:85a3:0:0:8a2e:370:7334", "2001:db8:85a3:0:0:8a2e:370:7334"),
		"version 6, compressed":           one("my ip is 2400:c401::5054:ff:fe1b:b031.", "2400:c401::5054:ff:fe1b:b031"),
		"version 6 in capitals":           one("FE80::1", "FE80::1"),
		"version 6 in brackets":           one("http://[2001:db8::1]:80/", "2001:db8::1"),
		"version 6, the loopback":         one("listen on ::1", "::1"),
		"version 6 of a network":          one("2001:db8::/32", "2001:db8::/32"),
		"version 6, any":                  one("::/0", "::/0"),
		"version 4 in version 6":          one("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
		"version 4 behind seven":          one("64:ff9b::192.0.2.33", "64:ff9b::192.0.2.33"),
		"three octets":                    none("192.168.0"),
		"five numbers":                    none("1.2.3.4.5"),
		"an octet too large":              none("192.168.1.256"),
		"an octet with a zero":            none("192.168.01.1"),
		"a version":                       none("version 1.2.3.4 and release 10.0.0.1"),
		"a version of a browser":          none("Chrome/91.0.44.1 Safari"),
		"a version in a file's name":      none("lib-1.2.3.4.tar"),
		"a section":                       none("see section 7.2.7.1"),
		"letters around":                  none("IP192.168.1.1text"),
		"a time":                          none("12:34:56"),
		"a ratio":                         none("1:2:3:4"),
		"a scope of C++":                  none("std::cout << a::b::c"),
		"a pseudo-element":                none("a::before, dd::after"),
		"a slice":                         none("x[::2] y[1::2] z[a::3]"),
		"a module path of Rust":           none("use abc::def; fade::bad"),
		"seven groups":                    none("684D:1111:222:3333:4444:5555:77"),
		"two compressions":                none("2001::db8::1"),
		"a group too long":                none("12345:db8::1"),
		"a MAC address":                   none("00:1A:2B:3C:4D:5E"),
		"an octet too large in version 6": none("::ffff:256.0.0.1"),
	})
}

func TestKindsHaveTheirNames(t *testing.T) {
	for k := range kindCount {
		got, ok := ParseKind(k.String())
		if !ok || got != k {
			t.Errorf("%v is parsed as %v, %v", k, got, ok)
		}
		if p := k.Placeholder(); p[0] != '[' || p[len(p)-1] != ']' {
			t.Errorf("the placeholder of %v is %s", k, p)
		}
	}
	if _, ok := ParseKind("MAC"); ok {
		t.Error("MAC is a kind")
	}
	if got := KindsOf(Email, APIKey); got.Has(Phone) || !got.Has(Email) || !got.Has(APIKey) {
		t.Errorf("the set is %b", got)
	}
	if got, want := kindCount.String()+kindCount.Placeholder(), "Unknown[REDACTED]"; got != want {
		t.Errorf("beyond the kinds is %s", got)
	}
}

func TestRedact(t *testing.T) {
	text := []byte("Ann <ann@example.com> has 4111 1111 1111 1111 at 10.0.0.1; bob@example.com.")
	for name, test := range map[string]struct {
		kinds Kinds
		want  string
		found Counts
	}{
		"all kinds": {All, "Ann <[EMAIL]> has [CREDIT_CARD] at [IP_ADDRESS]; [EMAIL].", Counts{Email: 2, CreditCard: 1, IPAddress: 1}},
		"one kind":  {KindsOf(CreditCard), "Ann <ann@example.com> has [CREDIT_CARD] at 10.0.0.1; bob@example.com.", Counts{CreditCard: 1}},
		"no kind":   {0, string(text), Counts{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, found := Redact(nil, text, test.kinds)
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if found != test.found {
				t.Errorf("found %v, want %v", found, test.found)
			}
			if total := found.Total(); total != test.found.Total() || (total > 0) != (found.Kinds() != 0) {
				t.Errorf("%d findings of the kinds %b", total, found.Kinds())
			}
		})
	}
}
