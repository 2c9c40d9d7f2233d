// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

import "bytes"

// topic is what the words before a candidate speak of.
type topic uint8

const (
	noTopic topic = iota
	aPhone
	aCard
	anSSN
	anAddress
	aVersion
	anotherThing // an order, an account, an identifier: a number that is none of ours
)

// mostWords bounds the words before a candidate that are asked.
const mostWords = 10

// reach is how many words back a word may stand to count: one that only says what a number is not must be near.
func reach(t topic) int {
	switch t {
	case aVersion:
		return 2
	case anotherThing:
		return 4
	}
	return mostWords
}

// topic gives what the nearest telling word before the candidate speaks of.
func (w *window) topic() topic {
	before := w.before()
	i := len(before)
	for n := range mostWords {
		for i > 0 && !(letter | continued).has(before[i-1]) {
			i--
		}
		end := i
		for i > 0 && classOf[before[i-1]]&letter != 0 || i > 0 && before[i-1] >= 0x80 {
			i--
		}
		if i == end {
			break
		}
		if t := topicOf(before[i:end]); t != noTopic && n < reach(t) {
			return t
		}
	}
	return noTopic
}

// topicOf gives what one word speaks of. A word in a name like cellPhone or phone_number counts by itself.
func topicOf(name []byte) topic {
	if name[0] >= 0x80 {
		for _, s := range unspaced {
			if bytes.Contains(name, s) {
				return aPhone
			}
		}
	}
	// The last hump of a name in camel case.
	for i := len(name) - 1; i > 0; i-- {
		if upper.has(name[i]) && lower.has(name[i-1]) {
			if t := topicOfWord(name[i:]); t != noTopic {
				return t
			}
			name = name[:i]
		}
	}
	return topicOfWord(name)
}

func topicOfWord(name []byte) topic {
	var buf [16]byte
	if len(name) > len(buf) {
		return noTopic
	}
	for i, c := range name {
		if upper.has(c) {
			c |= 0x20
		}
		buf[i] = c
	}
	return topics[string(buf[:len(name)])]
}

// unspaced are words for telephones in scripts that put no space around words.
var unspaced = [][]byte{
	[]byte("电话"), []byte("電話"), []byte("手机"), []byte("手機"), []byte("联系"), []byte("携帯"), []byte("전화"), []byte("연락처"),
}

var topics = func() map[string]topic {
	table := make(map[string]topic)
	set := func(t topic, words ...string) {
		for _, s := range words {
			table[s] = t
		}
	}
	set(aPhone, "phone", "phones", "telephone", "tel", "cell", "cellphone", "mobile", "mob", "fax", "call", "called",
		"calling", "calls", "dial", "dialed", "ring", "sms", "texting", "messages", "whatsapp", "viber", "reach", "contact",
		"hotline", "helpline", "landline", "gsm", "ph", "telefon", "telefono", "teléfono", "telefone", "téléphone",
		"telefoon", "telefonnummer", "telefonnr", "rufnummer", "handy", "handynummer", "móvil", "movil", "celular",
		"mobil", "cellulare", "tél", "telf", "numaram", "телефон", "тел", "τηλέφωνο", "phonenumber", "msisdn")
	set(aCard, "card", "cards", "credit", "debit", "visa", "mastercard", "amex", "maestro", "cc", "ccn", "creditcard",
		"cardnumber", "paid", "pay", "payment", "charge", "charged", "purchase", "billed", "kreditkarte", "tarjeta", "carte", "cartão", "diners", "unionpay", "jcb")
	set(anSSN, "ssn", "ssns", "social", "itin", "ss")
	set(anAddress, "ip", "ipv", "host", "server", "subnet", "addr")
	set(aVersion, "version", "versions", "ver", "v", "release", "section", "chapter", "clause", "firmware", "build", "rev",
		"revision", "oid")
	set(anotherThing, "account", "acct", "accounts", "order", "orders", "invoice", "id", "ids", "identifier", "ref",
		"reference", "ticket", "case", "zip", "postal", "postcode", "code", "isbn", "issn", "doi", "model", "serial", "sku",
		"part", "item", "passport", "license", "licence", "aadhaar", "aadhar", "pan", "tax", "vat", "tin", "ein",
		"population", "timestamp", "epoch", "commit", "port", "pid", "bytes", "tracking", "imei", "price", "cost",
		"total", "amount", "routing", "aba", "iban", "bic", "pnr", "booking", "policy", "patent", "sum", "index", "seed",
		"offset", "size", "length", "width", "height", "lat", "lon", "latitude", "longitude", "date", "gene", "rs", "pmid",
		"hash", "issue", "bug", "pr", "arxiv", "page", "pages", "row", "line", "lines", "usd", "eur", "gbp")
	return table
}()
