// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

import (
	"bytes"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"net/mail"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// only fails unless the one finding in the text is want.
func only(t *testing.T, text string, want string, kind Kind) {
	t.Helper()
	spans := Find(nil, []byte(text), All)
	if len(spans) != 1 || spans[0].Kind != kind || text[spans[0].Start:spans[0].End] != want {
		t.Errorf("in %q: %v, want %s %q", text, spans, kind, want)
	}
}

// nothingOf fails if there is a finding of the kind.
func nothingOf(t *testing.T, text string, kind Kind) {
	t.Helper()
	for _, s := range Find(nil, []byte(text), All) {
		if s.Kind == kind {
			t.Errorf("in %q: %s %q", text, kind, text[s.Start:s.End])
		}
	}
}

// fours writes a text in groups of four.
func fours(s, sep string) string {
	var groups []string
	for len(s) > 4 {
		groups = append(groups, s[:4])
		s = s[4:]
	}
	return strings.Join(append(groups, s), sep)
}

// madeIBAN gives an account of the country with the check digits that ISO 7064 wants, by arithmetic of its own.
func madeIBAN(r *rand.Rand, country string) string {
	var account strings.Builder
	for range ibanLengths[country] - 4 {
		if r.IntN(4) == 0 {
			account.WriteByte('A' + byte(r.IntN(26)))
		} else {
			account.WriteByte('0' + byte(r.IntN(10)))
		}
	}
	var digits strings.Builder
	for _, c := range account.String() + country + "00" {
		if c >= 'A' {
			fmt.Fprint(&digits, c-'A'+10)
		} else {
			digits.WriteRune(c)
		}
	}
	n, _ := new(big.Int).SetString(digits.String(), 10)
	sum := 98 - n.Mod(n, big.NewInt(97)).Int64()
	return fmt.Sprintf("%s%02d%s", country, sum, account.String())
}

func TestAccountsOfAllCountries(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, country := range slices.Sorted(maps.Keys(ibanLengths)) {
		for range 4 {
			account := madeIBAN(r, country)
			only(t, account, account, IBAN)
			only(t, "to "+fours(account, " ")+", please", fours(account, " "), IBAN)
			only(t, fours(account, "-"), fours(account, "-"), IBAN)
			only(t, strings.ToLower(account), strings.ToLower(account), IBAN)
			// One other character changes the sum: ISO 7064 finds every single error among the digits.
			at := 4 + r.IntN(len(account)-4)
			wrong := []byte(account)
			if wrong[at] >= 'A' {
				continue
			}
			wrong[at] = '0' + (wrong[at]-'0'+byte(1+r.IntN(9)))%10
			nothingOf(t, string(wrong), IBAN)
			nothingOf(t, account+"7", IBAN)
			nothingOf(t, "x"+account, IBAN)
		}
	}
}

// madeCard gives a number that begins so and has the length, with the digit that Luhn's sum wants.
func madeCard(r *rand.Rand, first string, size int) string {
	digits := []byte(first)
	for len(digits) < size-1 {
		digits = append(digits, '0'+byte(r.IntN(10)))
	}
	for last := byte('0'); ; last++ {
		sum := 0
		for i, c := range append(digits, last) {
			d := int(c - '0')
			if (size-i)%2 == 0 {
				d = d*2%10 + d*2/10
			}
			sum += d
		}
		if sum%10 == 0 {
			return string(append(digits, last))
		}
	}
}

func TestCardsOfAllIssuers(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, issuer := range issuers {
		for size := issuer.short; size <= issuer.long; size++ {
			for range 4 {
				first := fmt.Sprint(issuer.from + r.IntN(issuer.to-issuer.from+1))
				card := madeCard(r, first, size)
				only(t, card, card, CreditCard)
				only(t, "Pay with "+card+".", card, CreditCard)
				if size == 16 {
					only(t, fours(card, " "), fours(card, " "), CreditCard)
					only(t, fours(card, "-"), fours(card, "-"), CreditCard)
				}
				wrong := []byte(card)
				at := 6 + r.IntN(size-6)
				wrong[at] = '0' + (wrong[at]-'0'+byte(1+r.IntN(9)))%10
				nothingOf(t, string(wrong), CreditCard)
				nothingOf(t, card+"1234567", CreditCard)
				nothingOf(t, "no"+card, CreditCard)
			}
		}
	}
}

func TestCardsOfAnyLengthWhereOneIsTold(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for size := 12; size <= 19; size++ {
		card := madeCard(r, "50", size)
		only(t, "my credit card "+card+" is lost", card, CreditCard)
		only(t, "cc: "+card, card, CreditCard)
		if size != 16 {
			nothingOf(t, "the item "+card, CreditCard)
		}
	}
	nothingOf(t, "my card "+madeCard(r, "50", 11), CreditCard)
	nothingOf(t, "my card "+madeCard(r, "50", 20), CreditCard)
}

func TestAddressesOfTheInternetInAllForms(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 500 {
		v4 := netip.AddrFrom4([4]byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})
		only(t, v4.String(), v4.String(), IPAddress)
		only(t, "at "+v4.String()+":443/x", v4.String(), IPAddress)
		var b [16]byte
		for i := range b {
			if r.IntN(3) > 0 {
				b[i] = byte(r.Uint32())
			}
		}
		// The first group has a letter and digits, so that it is no word and no clock.
		b[0], b[1] = 0x2a, b[1]|1
		v6 := netip.AddrFrom16(b)
		for _, form := range []string{v6.String(), v6.StringExpanded(), strings.ToUpper(v6.String())} {
			only(t, form, form, IPAddress)
			only(t, "from ["+form+"]:80, now", form, IPAddress)
			only(t, "from "+form+"/64.", form+"/64", IPAddress)
		}
		mapped := "::ffff:" + v4.String()
		only(t, mapped, mapped, IPAddress)
	}
}

// What is found must be what the standard library takes for an address, whatever of its characters stand together.
func TestWhatIsFoundIsAnAddress(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	found := 0
	for range 50_000 {
		n := 2 + r.IntN(24)
		text := make([]byte, n)
		for i := range text {
			text[i] = "0123456789abcdef::::....://"[r.IntN(27)]
		}
		for _, s := range Find(nil, text, KindsOf(IPAddress)) {
			found++
			got := string(text[s.Start:s.End])
			_, err := netip.ParseAddr(got)
			if strings.Contains(got, "/") {
				_, err = netip.ParsePrefix(got)
			}
			if err != nil {
				t.Fatalf("in %q: %q, %v", text, got, err)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d addresses were tried", found)
	}
}

func TestAddressesOfMailAreAddresses(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	found := 0
	for range 40_000 {
		text := make([]byte, 6+r.IntN(20))
		for i := range text {
			text[i] = "abcXYZ019..--__@@+% ,"[r.IntN(21)]
		}
		for _, s := range Find(nil, text, KindsOf(Email)) {
			found++
			got := string(text[s.Start:s.End])
			name, domain, _ := strings.Cut(got, "@")
			if strings.Contains(name, "..") {
				continue // people have them, the grammar does not
			}
			if strings.Contains(domain, "@") || !strings.Contains(domain, ".") {
				t.Fatalf("in %q: %q", text, got)
			}
			if _, err := mail.ParseAddress(got); err != nil {
				t.Fatalf("in %q: %q, %v", text, got, err)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d addresses were tried", found)
	}
}

// samples are findings that stand for their kind wherever they are put.
var samples = map[string]Kind{
	"ann.lee@mail.example.org": Email, "jörg@müller.example": Email,
	"+44 20 7946 0958": Phone, "415-555-0132": Phone,
	"4111 1111 1111 1111": CreditCard, "378282246310005": CreditCard,
	"GB82 WEST 1234 5698 7654 32": IBAN, "DE89370400440532013000": IBAN,
	"078-05-1123": SSN, "192.168.0.1": IPAddress, "2001:db8::8a2e:370:7334": IPAddress,
	"ghp_" + drawn(36): APIKey, "sk-ant-api03-" + drawn(80): APIKey, "AKIA" + upperDrawn(16): APIKey,
}

func TestAFindingIsFoundWhereverItStands(t *testing.T) {
	around := [][2]string{
		{"", ""}, {" ", " "}, {"(", ")"}, {"[", "]"}, {"{", "}"}, {"<", ">"}, {`"`, `"`}, {"'", "'"}, {"`", "`"},
		{"so: ", "."}, {"so, ", ", too"}, {"so ", "; and"}, {"is it ", "?"}, {"it is ", "!"}, {"\n", "\n"}, {"\t", "\t"}, {"|", "|"},
		{"**", "**"}, {"so ", " — and"}, {"日本", "語"}, {"«", "»"}, {"“", "”"}, {`{"x":"`, `","y":1}`}, {"\\n", "\\n"}, {"x: ", "\r\n"},
		{"<p>", "</p>"}, {"- ", "\n- x"}, {"1) ", "\n2) x"}, {"🙂 ", " 🙂"}, {"\x00", "\x00"}, {strings.Repeat("word ", 40), " word"},
	}
	for sample, kind := range samples {
		if kind == Phone && sample[0] != '+' {
			continue
		}
		for _, a := range around {
			if a[0] == "`" && kind == Phone {
				continue
			}
			only(t, a[0]+sample+a[1], sample, kind)
		}
	}
}

// What stands further before a finding than a detector looks back does not matter.
func TestNothingFarAwayMatters(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	gap := bytes.Repeat([]byte("- "), lookBack/2+1)
	for range 1000 {
		far, near := mixture(r), mixture(r)
		text := append(append([]byte(nil), gap...), near...)
		want := Find(nil, text, All)
		whole := append(append(append([]byte(nil), far...), " \n"...), text...)
		shift := len(whole) - len(text)
		var got []Span
		for _, s := range Find(nil, whole, All) {
			if s.Start >= shift+len(gap) {
				got = append(got, Span{s.Start - shift, s.End - shift, s.Kind})
			}
		}
		// A tail that is open at the gap, as of a private key without an end, takes what follows with it.
		if bytes.Contains(far, []byte("PRIVATE KEY")) {
			continue
		}
		if !slices.Equal(got, want) {
			t.Fatalf("of %q behind %q: %v, want %v", near, far, got, want)
		}
	}
}

func TestRedactedTextHoldsNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 20))
	for range 1000 {
		text := mixture(r)
		once, _ := Redact(nil, text, KindsOf(Email, CreditCard, IBAN))
		for _, s := range Find(nil, once, KindsOf(Email)) {
			t.Fatalf("in %q, of %q: %q", once, text, once[s.Start:s.End])
		}
	}
}
