// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

// ibanLengths are those of the IBAN registry (SWIFT, release 97), by country.
var ibanLengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28,
	"CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
	"FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
	"IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
	"LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
	"NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
	"SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26,
	"UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
	// Not in the registry, and in use.
	"AO": 25, "BF": 28, "BJ": 28, "CF": 27, "CG": 27, "CI": 28, "CM": 27, "CV": 25, "DZ": 26, "GA": 27, "GQ": 27, "GW": 25,
	"IR": 26, "KM": 27, "MA": 28, "MG": 27, "ML": 28, "MZ": 25, "NE": 28, "SN": 28, "TD": 27, "TG": 28,
}

// ibanLength is ibanLengths by the letters' places.
var ibanLength = func() (table [26 * 26]uint8) {
	for country, n := range ibanLengths {
		table[int(country[0]-'A')*26+int(country[1]-'A')] = uint8(n)
	}
	return table
}()

// iban reads a country, check digits and as many letters and digits as the country has, with single spaces or hyphens
// between them, and checks the sum (ISO 7064, mod 97-10). All its letters are of one case.
func (w *window) iban() (match, bool) {
	a, b := w.at(w.pos), w.at(w.pos+1)
	if !letter.has(a) || !letter.has(b) || !digit.has(w.at(w.pos+2)) || !digit.has(w.at(w.pos+3)) {
		return match{}, false
	}
	if classOf[a]&letter&classOf[b] == 0 {
		return match{}, false
	}
	size := int(ibanLength[int(a&0x1f-1)*26+int(b&0x1f-1)])
	if size == 0 {
		return match{}, false
	}
	text := digit | classOf[a]&letter
	// The country and the check digits count behind the rest.
	sum, i := 0, w.pos+4
	for n := 4; n < size; n++ {
		if sign, size := w.separator(i); sign == ' ' || sign == '-' {
			i += size
		}
		c := w.at(i)
		if !text.has(c) {
			return match{}, false
		}
		sum = mod97(sum, c)
		i++
	}
	for k := range 4 {
		sum = mod97(sum, w.at(w.pos+k))
	}
	if sum != 1 || word.has(w.at(i)) {
		return match{}, false
	}
	return match{start: w.pos, end: i, kind: IBAN}, true
}

func mod97(sum int, c byte) int {
	if digit.has(c) {
		return (sum*10 + int(c-'0')) % 97
	}
	return (sum*100 + int(c&0x1f) + 9) % 97
}
