// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

import "testing"

func TestPhone(t *testing.T) {
	findings(t, Phone, map[string]row{
		"international":                         one("+442079460958", "+442079460958"),
		"international with spaces":             one("ring +44 20 7946 0958.", "+44 20 7946 0958"),
		"international with hyphens":            one("+49-30-1234567", "+49-30-1234567"),
		"international with points":             one("+33.1.23.45.67.89", "+33.1.23.45.67.89"),
		"international with a zero in brackets": one("+41 (0)44 668 18 00", "+41 (0)44 668 18 00"),
		"international with brackets":           one("+44 (20) 7123 4567", "+44 (20) 7123 4567"),
		"international in brackets":             one("(+351) 282 43 50 50", "(+351) 282 43 50 50"),
		"international with two zeros":          one("0044 20 7946 0958", "0044 20 7946 0958"),
		"international from America":            one("011 is not 001-518-640-0854", "001-518-640-0854"),
		"American with text behind":             one("+1 415 555 0132 10 times", "+1 415 555 0132"),
		"American with hyphens":                 one("415-555-0132", "415-555-0132"),
		"American with points":                  one("(office) 415.555.0132", "415.555.0132"),
		"American with spaces":                  one("my number is 415 555 0132", "415 555 0132"),
		"American with brackets":                one("(415) 555-0132", "(415) 555-0132"),
		"American with brackets and no space":   one("(415)555-0132", "(415)555-0132"),
		"American with a one":                   one("1-800-555-0199", "1-800-555-0199"),
		"American with an extension":            one("415-555-0132 ext. 42", "415-555-0132 ext. 42"),
		"American with x":                       one("415-555-0132x4209", "415-555-0132x4209"),
		"in a list, as vCards have them":        {"082 490 1693-Office, 415-555-0132-Fax", []string{"082 490 1693", "415-555-0132"}},
		"French":                                one("01 23 45 67 89", "01 23 45 67 89"),
		"French with points":                    one("01.23.45.67.89", "01.23.45.67.89"),
		"German":                                one("Tel. 030 1234567", "030 1234567"),
		"German with a stroke":                  one("Telefon: 030/1234567", "030/1234567"),
		"Italian":                               one("06 1234 5678", "06 1234 5678"),
		"British":                               one("020 7946 0958", "020 7946 0958"),
		"British, mobile":                       one("07700 900 123", "07700 900 123"),
		"Dutch":                                 one("06-10446904", "06-10446904"),
		"Israeli":                               one("My number is 09-7625400", "09-7625400"),
		"Japanese":                              one("090-1234-5678", "090-1234-5678"),
		"Turkish":                               one("532 123 45 67", "532 123 45 67"),
		"Swiss":                                 one("044 668 18 00", "044 668 18 00"),
		"Australian":                            one("0412 345 678", "0412 345 678"),
		"Australian with brackets":              one("(02) 9876 5432", "(02) 9876 5432"),
		"Philippine without signs":              one("09171234567", "09171234567"),
		"Indian, told":                          one("Mobile: 98765 43210", "98765 43210"),
		"Chinese, told":                         one("手机13800138000", "13800138000"),
		"Chinese, told with a space":            one("电话: 13800138000。", "13800138000"),
		"ten digits, told":                      one("call me at 4155550132", "4155550132"),
		"seven digits, told":                    one("phone: 555-0199", "555-0199"),
		"eight digits, told on the line before": one("Phone:\n9469 9966\n", "9469 9966"),
		"told in JSON":                          one(`{"phone_number": "4155550132"}`, "4155550132"),
		"told in JSON in camel case":            one(`{"cellPhone":"4155550132"}`, "4155550132"),
		"told in a query":                       one("tel=4155550132&x=1", "4155550132"),
		"told behind":                           one("781 1704 office", "781 1704"),
		"told in Spanish":                       one("mi teléfono es 612 345 678", "612 345 678"),
		"told in Russian":                       one("телефон 8 912 345-67-89", "8 912 345-67-89"),
		"a link":                                one("tel:+14155550132", "+14155550132"),
		"in a row of values":                    one("Ann,415-555-0132,12", "415-555-0132"),
		"hyphens that do not break":             one("call 415\u2011555\u20110132 now", "415\u2011555\u20110132"),
		"spaces that do not break":              one("+44\u00a020\u202f7946\u20090958", "+44\u00a020\u202f7946\u20090958"),
		"a short group and a space of these":    one("06\u00a012\u00a034\u00a056\u00a078", "06\u00a012\u00a034\u00a056\u00a078"),
		"in brackets":                           one("(call 415-555-0132)", "415-555-0132"),

		"ten digits":                       none("4155550132"),
		"seven digits":                     none("555 0199 and 5550199"),
		"an order that must be called":     none("call us, order id 41555501"),
		"a date":                           none("2022-10-01 and 01.02.2020 10:30, 05/10/2020"),
		"a date, called":                   none("called on 2022-10-01"),
		"a time":                           none("2021-08-05T10:22:31 at 10:22:31"),
		"a price":                          none("$4155550132 and 1,234,567,890"),
		"a fraction":                       none("3.14159265358979"),
		"an address of the Internet":       none("4.2.2.512"),
		"a version":                        none("1.20.300.4000"),
		"a range of years":                 none("1990-2020"),
		"a sum":                            none("12+34567890"),
		"the difference of counts":         none("0 +12345678"),
		"a timestamp":                      none("at 1700000000 or 1700000000123"),
		"an identifier":                    none("id: 0123456780"),
		"an identifier in a query":         none("?x=0123456780"),
		"digits that count up":             none("0123456789"),
		"bytes in hexadecimal":             none("50 4b 03 04 14 00 00 00 08"),
		"octal numbers":                    none("013 014 015"),
		"a ZIP code":                       none("Boston, MA 02111-1307"),
		"coordinates":                      none("52.5200066, 13.404954"),
		"a book":                           none("ISBN 978-3-16-148410-0"),
		"a UUID of digits":                 none("12345678-1234-1234-1234-123456789012"),
		"a commit":                         none("merge `0706565097`"),
		"numbers in a row":                 none("1 2 3 4 5 6 7 8 9 10 11"),
		"numbers of three digits in a row": none("100 200 300 400"),
		"a percentage":                     none("0123456781%"),
		"part of a name":                   none("file_0412345678 img-0412345678"),
		"an account in fours":              none("AB12 0417 1643 01"),
		"a MAC address":                    none("01-23-45-67-89-AB"),
	})
}

func TestContextIsTheNearestTellingWord(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want topic
	}{
		"nothing":                            {"", noTopic},
		"prose":                              {"the quick brown fox ", noTopic},
		"a word":                             {"phone ", aPhone},
		"capitals":                           {"PHONE: ", aPhone},
		"the nearer of two":                  {"phone for card ", aCard},
		"some words between":                 {"card that I have had for years ", aCard},
		"too many words between":             {"card a a a a a a a a a a a ", noTopic},
		"another thing, near":                {"phone the order ", anotherThing},
		"another thing, far":                 {"order that I would like to have ", noTopic},
		"in a name":                          {"home_phone_no=", aPhone},
		"in camel case":                      {"homePhone: ", aPhone},
		"the first hump":                     {"phoneNumber: ", aPhone},
		"beyond the window":                  {"phone" + string(make([]byte, lookBack)), noTopic},
		"what is seen of a word that is cut": {"telephone" + string(make([]byte, lookBack-5)), aPhone},
		"Japanese":                           {"携帯は", aPhone},
	} {
		t.Run(name, func(t *testing.T) {
			text := []byte(test.text + "1")
			w := look(text, len(text)-1, true)
			if got := w.topic(); got != test.want {
				t.Errorf("%q speaks of %d, want %d", test.text, got, test.want)
			}
		})
	}
}
