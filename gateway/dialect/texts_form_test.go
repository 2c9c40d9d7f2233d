// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func formOf(boundary string, parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		head, value, _ := strings.Cut(part, "|")
		b.WriteString("--" + boundary + "\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + value + "\r\n")
	}
	return b.String() + "--" + boundary + "--\r\n"
}

func TestTextsOfForms(t *testing.T) {
	const whole = "the whole body"
	for name, test := range map[string]struct {
		boundary, body string
		want           []string
	}{
		"a prompt": {"b", formOf("b", `name="model"|m`, `name="prompt"|P\n"`, `name="n"|1`), []string{`user: P\n"`}},
		"no text":  {"b", formOf("b", `name="model"|m`, `name="image"; filename="a.png"|PNG`), nil},
		"twice, and in other spellings": {
			"b", formOf("b", `name="prompt"|P`, `name="model"|m`, `name="Prompt"|Q`, `name=prompt[]|R`, `name*=utf-8''prompt|S`, `name="negative_prompt"|N`),
			[]string{"user: P", "user: Q", "user: R", "user: S", "user: N"},
		},
		"the model last":              {"b", formOf("b", `name="prompt"|P`, `name="model"|m`), []string{"user: P"}},
		"a part whose name is hidden": {"b", formOf("b", `name="model"|m`, `name="prompt|P`), []string{"user: P"}},
		"a browser's boundary":        {"----WebKitFormBoundaryAbC", formOf("----WebKitFormBoundaryAbC", `name="model"|m`, `name="prompt"|P`), []string{"user: P"}},
		"a boundary with dashes":      {"a--b--", formOf("a--b--", `name="model"|m`, `name="prompt"|P`), []string{"user: P"}},
		"dashes, and the model last":  {"a--b--", formOf("a--b--", `name="prompt"|P`, `name="model"|m`), []string{"user: P"}},
		"a boundary nobody would choose": {
			strings.Repeat("b", 300), formOf(strings.Repeat("b", 300), `name="model"|m`), []string{whole},
		},
		"a body that can be cut in two ways": {
			"a", "--a\r\nX: y\n--a--\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--a--\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nP\r\n--a----",
			[]string{whole},
		},
	} {
		var r Request
		if err := r.DecodeForm(ImageUploads, []byte("multipart/form-data; boundary="+test.boundary), []byte(test.body)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		texts := r.Texts(nil)
		got := tellTexts(texts, []byte(test.body))
		for i := range got {
			if strings.Contains(got[i], test.body) {
				got[i] = whole
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, text := range texts {
			if !text.Plain {
				t.Errorf("%s: the text is said to be JSON", name)
			}
		}
	}
}

func TestFormsAreReplacedAsTheyAre(t *testing.T) {
	body := formOf("b", `name="model"|m`, `name="prompt"|secret`)
	var r Request
	if err := r.DecodeForm(ImageUploads, []byte("multipart/form-data; boundary=b"), []byte(body)); err != nil {
		t.Fatal(err)
	}
	text := r.Texts(nil)[0]
	got := AppendReplaced(nil, []byte(body), []Replacement{{From: text.From, To: text.To, With: []byte(`"quiet"`), Plain: text.Plain}})
	if diff := cmp.Diff(formOf("b", `name="model"|m`, `name="prompt"|"quiet"`), string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
