// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package errortrack

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestWhatASampleTells(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"words":                            {"connection refused by the peer", "connection refused by the peer"},
		"a reason word":                    {"upstream_first_token_timeout after 30s", "upstream_first_token_timeout after 30s"},
		"a status":                         {"status 503, want 200", "status 503, want 200"},
		"an e-mail address":                {"no mailbox for jane.doe@example.com.", "no mailbox for [email]."},
		"an OpenAI key":                    {"Incorrect API key provided: sk-abcd1234", "Incorrect API key provided: [key]"},
		"a key without a prefix":           {"used 9f86d081884c7d659a2f", "used [key]"},
		"an AWS key":                       {"(AKIAIOSFODNN7EXAMPLE)", "([key])"},
		"a key of letters":                 {"was QmFzZVNpeHR5Rm91clRleHRI", "was [key]"},
		"a bearer":                         {"Authorization: Bearer abc", "Authorization: Bearer [redacted]"},
		"a basic one in small letters":     {"authorization=basic abc", "authorization=basic [redacted]"},
		"a password":                       {"password=hunter2 failed", "password=[redacted] failed"},
		"a password behind a space":        {"Password: hunter2", "Password: [redacted]"},
		"a password in JSON":               {`{"password":"hunter2","n":1}`, `{"password":[redacted],"n":1}`},
		"a password in quotes":             {`client_secret = 'x y'`, `client_secret = [redacted]`},
		"a secret's name alone":            {"the token expired", "the token expired"},
		"a token's type":                   {"unexpected token '<' here", "unexpected token '<' here"},
		"a card":                           {"card 4111 1111 1111 1111 declined", "card [number] declined"},
		"a telephone":                      {"call +1 (555) 123-4567 now", "call [number] now"},
		"a social security number":         {"ssn 078-05-1120", "ssn [number]"},
		"a number within a word":           {"user12345678 is", "[key] is"},
		"an address":                       {"dial tcp 10.2.3.4:443: refused", "dial tcp [address]:443: refused"},
		"an address of IPv6":               {"dial tcp [2001:db8::17]:443: refused", "dial tcp [[address]]:443: refused"},
		"a loopback of IPv6":               {"to ::1 now", "to [address] now"},
		"a version is no address":          {"want 1.2.3 of it", "want 1.2.3 of it"},
		"a URL":                            {"get https://api.example.com/v1/x?key=abc now", "get https://api.example.com/… now"},
		"a URL of a host only":             {"get https://api.example.com now", "get https://api.example.com now"},
		"a URL with credentials":           {"get https://u:p@api.example.com/x now", "get https://[redacted] now"},
		"a URL with a slash in a password": {"get https://u:p/w@api.example.com/x", "get https://[redacted]"},
		"a URL that hides in brackets":     {"get https://h.example/(a,b) x", "get https://h.example/… x"},
		"a URL of an address":              {"get http://10.1.2.3:80/x", "get http://[address]/…"},
		"a file":                           {"open /etc/ssl/key.pem: denied", "open [path]: denied"},
		"a file of Windows":                {`open C:\Users\jane\x now`, `open C:[path] now`},
		"a media type":                     {"want application/json here", "want application/json here"},
		"a short quotation":                {`unknown role "wizard"`, `unknown role "wizard"`},
		"a secret in a quotation":          {`unknown key "sk-abcd1234"`, `unknown key "[key]"`},
		"a long quotation":                 {`said "` + strings.Repeat("tell me ", 9) + `" here`, "said [text] here"},
		"a quotation that is not closed":   {`said "tell me how`, "said [text]"},
		"an apostrophe":                    {"can't do it", "can't do it"},
		"lines":                            {"one\ntwo\r\n\x1b[31mthree", "one two   [31mthree"},
		"bytes that are no text":           {"a\xff\xfeb", "a?b"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sample(&Event{Message: test.text}, nil); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestASampleIsTheMessageAndTheCause(t *testing.T) {
	upper := func(dst, text []byte) []byte { return append(dst, strings.ToUpper(string(text))...) }
	for name, test := range map[string]struct {
		event Event
		also  func(dst, text []byte) []byte
		want  string
	}{
		"both":                      {Event{Message: "It failed.", Cause: errors.New("because")}, nil, "It failed.: because"},
		"the message alone":         {Event{Message: "It failed."}, nil, "It failed."},
		"the cause alone":           {Event{Cause: errors.New("because")}, nil, "because"},
		"neither":                   {Event{}, nil, ""},
		"redacted once more":        {Event{Message: "mail a@b.c"}, upper, "MAIL [EMAIL]"},
		"a secret across the joint": {Event{Message: "token", Cause: errors.New("abc")}, nil, "token: [redacted]"},
		"a redactor that makes it longer": {Event{Message: "x"}, func(dst, _ []byte) []byte {
			return append(dst, strings.Repeat("é", 400)...)
		}, strings.Repeat("é", 254) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sample(&test.event, test.also); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// A secret that the bound on what is read would cut in two must not show its first half.
func TestASecretAtTheBoundIsNotCut(t *testing.T) {
	text := strings.Repeat("x ", maxCause/2-3) + "sk-abcdefgh12345678 more"
	if got := head(text); len(got) < maxCause-9 || strings.Contains(got, "sk-a") {
		t.Errorf("%d bytes, …%q", len(got), got[len(got)-20:])
	}
	if got := head(strings.Repeat("x", maxCause+1)); got != "" {
		t.Errorf("one long word: %d bytes", len(got))
	}
}

func FuzzSample(f *testing.F) {
	for _, text := range []string{"", "a@b", `"`, `'`, "://", "http://", "1.1.1.1:", "::", "+(", "password:", "Bearer ", "\xff", "a'b' c'", `\`, "/"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const secret, mail, card = "sk-Zq81kfPw20dmXbn4", "jane.roe@example.org", "5500 0000 0000 0004"
		// Whatever stands before: a word of its own is seen for what it is, or is gone with the rest.
		got := sample(&Event{Message: text, Cause: errors.New(secret + " " + mail + " , " + card)}, nil)
		if !utf8.ValidString(got) || len(got) > config.MaxErrorSample || strings.ContainsAny(got, "\r\n\x00") {
			t.Errorf("%d bytes: %q", len(got), got)
		}
		for _, leak := range []string{"kfPw20", "jane.roe", "0000 0004"} {
			if strings.Contains(got, leak) && !strings.Contains(text, leak) {
				t.Errorf("%q shows %q", got, leak)
			}
		}
	})
}
