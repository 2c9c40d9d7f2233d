// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func texts(all ...string) []Text {
	var made []Text
	for _, text := range all {
		made = append(made, Text{Role: "user", Text: []byte(text)})
	}
	return made
}

func TestWhatAGuardIsAsked(t *testing.T) {
	for name, test := range map[string]struct {
		question Question
		want     string
	}{
		"a request": {
			Question{
				Direction: config.DirectionRequest, RequestID: "abc", Operation: exchange.Chat, Dialect: exchange.Anthropic, Model: "smart",
				Principal: &exchange.Principal{Kind: exchange.ByKey, ID: "team-a/alice", User: "alice", Team: "search", Master: true},
				Texts:     []Text{{"system", []byte("Be kind.")}, {"user", []byte("Say \"hi\"\n<b>")}},
			},
			`{"version":1,"direction":"request","requestID":"abc","gateway":"team-a/main",` +
				`"principal":{"kind":"key","id":"team-a/alice","user":"alice","team":"search"},` +
				`"operation":"chat","dialect":"anthropic","model":"smart",` +
				`"texts":[{"role":"system","text":"Be kind."},{"role":"user","text":"Say \"hi\"\n<b>"}]}`,
		},
		"an answer to nobody in particular": {
			Question{Direction: config.DirectionResponse, Texts: []Text{{"assistant", []byte("Hello.")}}},
			`{"version":1,"direction":"response","requestID":"","gateway":"team-a/main","operation":"","dialect":"openai","model":"",` +
				`"texts":[{"role":"assistant","text":"Hello."}]}`,
		},
		"what is no text is replaced": {
			Question{Direction: config.DirectionRequest, Model: "a\xffb", Texts: []Text{{"user", []byte("c\xf0\x28d\x00")}}},
			`{"version":1,"direction":"request","requestID":"","gateway":"team-a/main","operation":"","dialect":"openai","model":"a` + "\ufffd" +
				`b","texts":[{"role":"user","text":"c` + "\ufffd" + `(d\u0000"}]}`,
		},
		"an address": {
			Question{Direction: config.DirectionRequest, Principal: &exchange.Principal{Kind: exchange.ByAddress, ID: "10.0.0.1"}},
			`{"version":1,"direction":"request","requestID":"","gateway":"team-a/main",` +
				`"principal":{"kind":"address","id":"10.0.0.1","user":"","team":""},"operation":"","dialect":"openai","model":"","texts":[]}`,
		},
		"the bearer of a token": {
			Question{Direction: config.DirectionRequest, Principal: &exchange.Principal{Kind: exchange.ByToken, ID: "9f", User: "bob"}},
			`{"version":1,"direction":"request","requestID":"","gateway":"team-a/main",` +
				`"principal":{"kind":"token","id":"9f","user":"bob","team":""},"operation":"","dialect":"openai","model":"","texts":[]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := appendQuestion(nil, "team-a/main", &test.question)
			if diff := cmp.Diff(test.want, string(got)); diff != "" || !json.Valid(got) {
				t.Error(diff)
			}
		})
	}
}

func TestWhatAGuardSays(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want Verdict
	}{
		"allow":                         {`{"action":"allow"}`, Verdict{Allow: true}},
		"allow with texts changes none": {`{"action":"allow","texts":[{"text":"x"}]}`, Verdict{Allow: true}},
		"block": {
			`{"action":"block","reason":"no","categories":["violence","hate"]}`,
			Verdict{Reason: "no", Categories: []string{"hate", "violence"}},
		},
		"block without a reason": {`{"action":"block","reason":null,"categories":null}`, Verdict{}},
		"redact": {
			`{"action":"redact","texts":[{"text":"a"},{"text":""}]}`,
			Verdict{Allow: true, Replace: []string{"a", ""}},
		},
		"what we do not know is not read": {`{"action":"allow","score":1,"texts":[{"text":"x","y":[{}]}]}`, Verdict{Allow: true}},
		"categories fit a header": {
			`{"action":"block","categories":["a b\r\nx: y","é","","a b\r\nx: y","self-harm/intent"]}`,
			Verdict{Categories: []string{"__", "a_b__x__y", "self-harm/intent"}},
		},
		"a reason is one line": {`{"action":"block","reason":" a\nb\u0085c "}`, Verdict{Reason: "a b c"}},
		"a reason is bounded": {
			`{"action":"block","reason":"` + strings.Repeat("é", 300) + `"}`, Verdict{Reason: strings.Repeat("é", 126) + "…"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readAnswer([]byte(test.body), 2)
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

func TestWhatIsNoAnswer(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":                       ``,
		"no JSON":                       `ok`,
		"another JSON":                  `[]`,
		"null":                          `null`,
		"no action":                     `{}`,
		"an unknown action":             `{"action":"maybe"}`,
		"an action of another case":     `{"action":"Allow"}`,
		"an action by another name":     `{"Action":"allow"}`,
		"an action that is no text":     `{"action":true}`,
		"two actions":                   `{"action":"block","action":"allow"}`,
		"something behind it":           `{"action":"allow"} {}`,
		"a half":                        `{"action":"allow"`,
		"too few texts":                 `{"action":"redact","texts":[{"text":"a"}]}`,
		"too many texts":                `{"action":"redact","texts":[{"text":"a"},{"text":"b"},{"text":"c"}]}`,
		"no texts":                      `{"action":"redact"}`,
		"a text by another name":        `{"action":"redact","texts":[{"text":"a"},{"txt":"b"}]}`,
		"a text that is null":           `{"action":"redact","texts":[{"text":"a"},{"text":null}]}`,
		"an entry that is null":         `{"action":"redact","texts":[{"text":"a"},null]}`,
		"a text that is a number":       `{"action":"redact","texts":[{"text":"a"},{"text":1}]}`,
		"a text that is not UTF-8":      `{"action":"redact","texts":[{"text":"a"},{"text":"` + "\xff" + `"}]}`,
		"categories that are one":       `{"action":"block","categories":"hate"}`,
		"a depth that nobody needs":     strings.Repeat(`[`, 100_000),
		"a depth in what is not read":   `{"x":` + strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000) + `,"action":"allow"}`,
		"a surrogate without its other": `{"action":"allow","reason":"\ud800"}`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readAnswer([]byte(body), 2)
			if diff := cmp.Diff(Verdict{}, got); diff != "" {
				t.Error(diff)
			}
			if failure := (*Error)(nil); !errors.As(err, &failure) || failure.Failure != FailureMalformed {
				t.Errorf("got %v", err)
			}
		})
	}
}

// checkVerdict holds a verdict to what Verdict promises.
func checkVerdict(t *testing.T, v Verdict, n int) {
	t.Helper()
	if len(v.Reason) > MaxReason || !utf8.ValidString(v.Reason) || strings.ContainsAny(v.Reason, "\r\n\x00") {
		t.Errorf("reason %q", v.Reason)
	}
	if len(v.Categories) > MaxCategories {
		t.Errorf("%d categories", len(v.Categories))
	}
	for _, c := range v.Categories {
		if c == "" || len(c) > MaxCategory || strings.Trim(c, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./") != "" {
			t.Errorf("category %q", c)
		}
	}
	if v.Replace != nil && (len(v.Replace) != n || !v.Allow) {
		t.Errorf("%d texts of %d, allowed %v", len(v.Replace), n, v.Allow)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"action":"allow"}`, `{"action":"block","reason":"x","categories":["a","b c"]}`, `{"action":"redact","texts":[{"text":"a"}]}`, `{`,
	} {
		f.Add([]byte(body), 1)
	}
	f.Fuzz(func(t *testing.T, body []byte, n int) {
		v, err := readAnswer(body, n)
		if err == nil {
			checkVerdict(t, v, n)
			// Whatever another reader makes of it, it does not take a refusal for a permission.
			var told map[string]any
			if json.Unmarshal(body, &told) != nil {
				t.Errorf("%q is no JSON to others", body)
			}
			if action := told["action"]; v.Allow != (action == "allow" || action == "redact") {
				t.Errorf("%v by %q", v.Allow, body)
			}
			return
		}
		if diff := cmp.Diff(Verdict{}, v); diff != "" || err.Error() != "the guard gave no verdict: malformed" {
			t.Errorf("%v %s", err, diff)
		}
	})
}
