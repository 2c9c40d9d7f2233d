// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryShapeIsRead(t *testing.T) {
	for name, tc := range map[string]struct {
		shape *Shape
		body  string
		want  what
	}{
		"a completion of one prompt": {Completions, `{"model":"m","prompt":"abc","max_tokens":7,"stream":true}`, what{Model: "m", Stream: true, Max: 7, MaxParam: "max_tokens", Messages: 1, Text: 3}},
		"a completion of several":    {Completions, `{"model":"m","prompt":["a","bc"]}`, what{Model: "m", Messages: 2, Text: 3}},
		"embeddings of tokens":       {Embeddings, `{"model":"m","input":[[1,2],[3]]}`, what{Model: "m", Messages: 2}},
		"embeddings of texts":        {Embeddings, `{"model":"m","input":["ab","c"],"encoding_format":"base64"}`, what{Model: "m", Messages: 2, Text: 3}},
		"a response":                 {Response, `{"model":"m","instructions":"abc","input":"de","max_output_tokens":9,"stream":true}`, what{Model: "m", Stream: true, Max: 9, MaxParam: "max_output_tokens", Messages: 1, Text: 5}},
		"a response to items":        {Response, `{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"abc"}]}]}`, what{Model: "m", Messages: 1, Text: 3}},
		"a message":                  {Messages, `{"model":"m","system":"ab","max_tokens":5,"messages":[{"role":"user","content":"cde"}]}`, what{Model: "m", Max: 5, MaxParam: "max_tokens", Messages: 1, Text: 5}},
		"a count":                    {CountTokens, `{"model":"m","messages":[{"role":"user","content":"cde"}]}`, what{Model: "m", Messages: 1, Text: 3}},
		"a tool's input is no text":  {Messages, `{"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","input":{"a":"bcd"}}]}]}`, what{Model: "m", Messages: 1}},
		"Gemini's, which names no model": {
			Generate, `{"contents":[{"parts":[{"text":"abc"}]}],"generationConfig":{"temperature":1,"maxOutputTokens":6}}`,
			what{Max: 6, MaxParam: "generationConfig.maxOutputTokens", Messages: 1, Text: 3},
		},
		"Gemini's in snake case": {
			Generate, `{"contents":[],"generationConfig":{"max_output_tokens":6}}`, what{Max: 6, MaxParam: "generationConfig.max_output_tokens"},
		},
		"Gemini's with a model of its own": {Generate, `{"model":"x","contents":[],"generationConfig":null}`, what{}},
		"the gateway's own":                {Generation, `{"prompt":"abc","maxOutputTokens":4}`, what{Max: 4, MaxParam: "maxOutputTokens", Text: 3}},
		"the gateway's own, of no model":   {Generation, `{"prompt":"abc","model":null}`, what{Text: 3}},
		"a document to rank":               {Rerank, `{"model":"m","query":"ab","documents":["c","d"]}`, what{Model: "m", Messages: 2, Text: 4}},
		"speech":                           {Speech, `{"model":"m","input":"abc","voice":"v"}`, what{Model: "m", Messages: 1, Text: 3}},
		"only a model":                     {ModelOnly, `{"model":"m","image":"x"}`, what{Model: "m"}},
	} {
		t.Run(name, func(t *testing.T) {
			var r Request
			if err := r.Decode(tc.shape, []byte(tc.body)); err != nil {
				t.Fatalf("%v: %s", err, err.Message)
			}
			if diff := cmp.Diff(tc.want, whatOf(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestShapesRefuse(t *testing.T) {
	for name, tc := range map[string]struct {
		shape           *Shape
		body, wantParam string
	}{
		"a response without input":              {Response, `{"model":"m"}`, "input"},
		"input that is null":                    {Response, `{"model":"m","input":null}`, "input"},
		"a message without messages":            {Messages, `{"model":"m"}`, "messages"},
		"Gemini's without contents":             {Generate, `{}`, "contents"},
		"a configuration that is a list":        {Generate, `{"contents":[],"generationConfig":[]}`, "generationConfig"},
		"a bound within it that is a string":    {Generate, `{"contents":[],"generationConfig":{"maxOutputTokens":"6"}}`, "generationConfig.maxOutputTokens"},
		"documents that are none":               {Rerank, `{"model":"m","documents":"x"}`, "documents"},
		"a bound twice":                         {Messages, `{"model":"m","messages":[],"max_tokens":1,"max_tokens":2}`, "max_tokens"},
		"the gateway's own, of a model as list": {Generation, `{"prompt":"a","model":[]}`, "model"},
	} {
		var r Request
		if err := r.Decode(tc.shape, []byte(tc.body)); err == nil || err.Param != tc.wantParam || err.Status != 400 {
			t.Errorf("%s: %+v, want %q", name, err, tc.wantParam)
		}
	}
}

func TestMistralIsToldInItsOwnWords(t *testing.T) {
	for name, tc := range map[string]struct{ body, want string }{
		"nothing to change but the model": {`{"model":"m","messages":[]}`, `{"model":"up","messages":[]}`},
		"a seed and a bound":              {`{"model":"m","seed": 3,"max_completion_tokens":5,"messages":[]}`, `{"model":"up","random_seed": 3,"max_tokens":5,"messages":[]}`},
		"options first":                   {`{"stream_options":{"include_usage":true}, "model":"m","messages":[],"stream":true}`, `{ "model":"up","messages":[],"stream":true}`},
		"options between":                 {`{"model":"m","stream_options":null,"messages":[]}`, `{"model":"up","messages":[]}`},
		"options last":                    {`{"model":"m","messages":[] , "stream_options":{}}`, `{"model":"up","messages":[] }`},
		"usage is not asked for":          {`{"model":"m","messages":[],"stream":true}`, `{"model":"up","messages":[],"stream":true}`},
	} {
		var r Request
		if err := r.Decode(Chat, []byte(tc.body)); err != nil {
			t.Fatal(err)
		}
		got := r.AppendEdited(nil, Edit{Model: "up", QuotedModel: []byte(`"up"`), AskUsage: true, Mistral: true})
		if string(got) != tc.want || !valid(got) {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, tc.want)
		}
	}
}

// formBody builds a form with a file behind the given fields.
func formBody(t *testing.T, fields ...string) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	file, err := w.CreateFormFile("file", "a.wav")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte("\r\n--not the boundary\r\n\x00\xff")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

func TestAFormsModelIsReadAndEditedInPlace(t *testing.T) {
	contentType, body := formBody(t, "language", "de", "model", "whisper", "stream", "true")
	var r Request
	if err := r.DecodeForm(ImageUploads, []byte(contentType), body); err != nil {
		t.Fatal(err.Message)
	}
	if string(r.Model) != "whisper" || !r.Stream {
		t.Errorf("model %q, stream %t", r.Model, r.Stream)
	}
	_, want := formBody(t, "language", "de", "model", "whisper-1", "stream", "true")
	got := r.AppendEdited(nil, Edit{Model: "whisper-1"})
	boundary := func(b []byte) []byte { return b[:bytes.IndexByte(b, '\r')] }
	if want = bytes.ReplaceAll(want, boundary(want), boundary(body)); !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if !r.Untouched(Edit{Model: "whisper"}) || r.Untouched(Edit{Model: "other"}) {
		t.Error("Untouched does not look at the model")
	}
}

func TestWhatIsNoFormIsRefused(t *testing.T) {
	contentType, body := formBody(t, "model", "m")
	_, twice := formBody(t, "model", "m", "model", "n")
	twiceType := "multipart/form-data; boundary=" + strings.TrimPrefix(string(twice[:bytes.IndexByte(twice, '\r')]), "--")
	none, noModel := formBody(t)
	for name, tc := range map[string]struct {
		contentType string
		body        []byte
		wantStatus  int
		wantParam   string
	}{
		"another type":              {"application/json", body, 415, ""},
		"no boundary":               {"multipart/form-data", body, 415, ""},
		"another boundary":          {"multipart/form-data; boundary=x", body, 400, ""},
		"half a form":               {contentType, body[:len(body)-8], 400, ""},
		"nothing":                   {contentType, nil, 400, ""},
		"a model twice":             {twiceType, twice, 400, ""},
		"no model":                  {none, noModel, 400, "model"},
		"a part without its header": {contentType, append(bytes.SplitAfter(body, []byte("\r\n"))[0], "x\r\n"...), 400, ""},
	} {
		var r Request
		if err := r.DecodeForm(ImageUploads, []byte(tc.contentType), tc.body); err == nil || err.Status != tc.wantStatus || err.Param != tc.wantParam {
			t.Errorf("%s: %+v", name, err)
		}
	}
}

// FuzzForm: nothing panics, and an edit changes the model only.
func FuzzForm(f *testing.F) {
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b--"), "up")
	f.Add([]byte("--b\r\n\r\n--b\r\n--b--"), "x")
	f.Fuzz(func(t *testing.T, body []byte, model string) {
		var r Request
		if r.DecodeForm(ImageUploads, []byte("multipart/form-data; boundary=b"), body) != nil {
			return
		}
		got := r.AppendEdited(nil, Edit{Model: model})
		if len(got) != len(body)-len(r.Model)+len(model) || !bytes.Contains(got, []byte(model)) {
			t.Errorf("%q became %q", body, got)
		}
	})
}

func TestSeveralAnswersAreCounted(t *testing.T) {
	for name, tc := range map[string]struct {
		shape *Shape
		body  string
		want  int64
		param string
	}{
		"one":                      {Chat, `{"model":"m","messages":[]}`, 1, ""},
		"some":                     {Chat, `{"model":"m","messages":[],"n":3}`, 3, ""},
		"null":                     {Chat, `{"model":"m","messages":[],"n":null}`, 1, ""},
		"less than one":            {Chat, `{"model":"m","messages":[],"n":-3}`, 1, ""},
		"beyond belief":            {Chat, `{"model":"m","messages":[],"n":1000000000}`, maxChoices, ""},
		"no number":                {Chat, `{"model":"m","messages":[],"n":"3"}`, 0, "n"},
		"the best of some":         {Completions, `{"model":"m","prompt":"p","n":2,"best_of":5}`, 5, ""},
		"pictures":                 {Images, `{"model":"m","prompt":"p","n":4}`, 4, ""},
		"edits of a picture":       {ImageUploads, `{"model":"m","prompt":"p","n":4}`, 4, ""},
		"candidates":               {Generate, `{"contents":[],"generationConfig":{"candidateCount":2}}`, 2, ""},
		"candidates in snake case": {Generate, `{"contents":[],"generationConfig":{"candidate_count":2}}`, 2, ""},
		"candidates are no number": {Generate, `{"contents":[],"generationConfig":{"candidateCount":[]}}`, 0, "generationConfig.candidateCount"},
	} {
		r := &Request{}
		err := r.Decode(tc.shape, []byte(tc.body))
		if (err != nil) != (tc.param != "") || err != nil && err.Param != tc.param || err == nil && r.Choices != tc.want {
			t.Errorf("%s: %d, %v", name, r.Choices, err)
		}
	}
}

func TestSeveralAnswersAreCountedInAForm(t *testing.T) {
	for name, tc := range map[string]struct {
		shape  *Shape
		fields []string
		want   int64
		refuse bool
		param  string
	}{
		"one":                             {ImageUploads, nil, 1, false, ""},
		"some":                            {ImageUploads, []string{"n", "3"}, 3, false, ""},
		"less than one":                   {ImageUploads, []string{"n", "-3"}, 1, false, ""},
		"beyond belief":                   {ImageUploads, []string{"n", "1000000000"}, maxChoices, false, ""},
		"no number":                       {ImageUploads, []string{"n", "three"}, 0, true, "n"},
		"a number of another kind":        {ImageUploads, []string{"n", "3.0"}, 0, true, "n"},
		"a number that is too long":       {ImageUploads, []string{"n", strings.Repeat("9", 30)}, 0, true, "n"},
		"nothing":                         {ImageUploads, []string{"n", ""}, 0, true, "n"},
		"twice":                           {ImageUploads, []string{"n", "1", "n", "9"}, 0, true, ""},
		"in another case":                 {ImageUploads, []string{"N", "9"}, 0, true, ""},
		"what an endpoint does not count": {ModelOnly, []string{"n", "3", "N", "x"}, 1, false, ""},
	} {
		contentType, body := formBody(t, append([]string{"model", "m"}, tc.fields...)...)
		r := &Request{}
		err := r.DecodeForm(tc.shape, []byte(contentType), body)
		if (err != nil) != tc.refuse || err != nil && (err.Param != tc.param || err.Status != 400) || err == nil && r.Choices != tc.want {
			t.Errorf("%s: %d, %+v", name, r.Choices, err)
		}
	}
}
