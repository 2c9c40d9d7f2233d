// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// pngBytes is the beginning of a PNG, which is what a file is told by.
const pngBytes = "\x89PNG\r\n\x1a\n and more"

// filled makes a form of name, value pairs; a value that begins with @ is a file of what follows.
func filled(t *testing.T, pairs ...string) (body, contentType string) {
	t.Helper()
	var out bytes.Buffer
	writer := multipart.NewWriter(&out)
	for i := 0; i < len(pairs); i += 2 {
		content, isFile := strings.CutPrefix(pairs[i+1], "@")
		if !isFile {
			if err := writer.WriteField(pairs[i], content); err != nil {
				t.Fatal(err)
			}
			continue
		}
		part, err := writer.CreateFormFile(pairs[i], "sent.bin")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), writer.FormDataContentType()
}

func post(t *testing.T, server *fakeprovider.Server, path string, pairs ...string) (*http.Response, []byte) {
	t.Helper()
	body, contentType := filled(t, pairs...)
	return tell(t, server, path, body, "Content-Type", contentType)
}

type pictures struct {
	Created int64
	Data    []struct {
		URL     string
		Bytes   string `json:"b64_json"`
		Revised string `json:"revised_prompt"`
	}
	Usage *struct {
		Input  int `json:"input_tokens"`
		Output int `json:"output_tokens"`
	}
}

func TestImages(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	generate := func(body string) pictures {
		_, content := tell(t, server, "/v1/images/generations", body)
		var got pictures
		decode(t, content, &got)
		return got
	}
	got := generate(`{"model":"gpt-image-1","prompt":"a cat","n":2,"size":"1024x1024","quality":"low"}`)
	if len(got.Data) != 2 || got.Data[0].Bytes == got.Data[1].Bytes || got.Usage.Output == 0 || got.Usage.Input != 2 {
		t.Errorf("%+v", got)
	}
	raw, err := base64.StdEncoding.DecodeString(got.Data[0].Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(raw)); err != nil {
		t.Errorf("no PNG: %v", err)
	}
	if got := generate(`{"model":"dall-e-3","prompt":"a cat"}`); !strings.HasPrefix(got.Data[0].URL, "https://") || got.Data[0].Revised == "" {
		t.Errorf("%+v", got)
	}
	if got := generate(`{"prompt":"a cat","response_format":"b64_json"}`); got.Data[0].Bytes == "" {
		t.Errorf("%+v", got)
	}
	for path, pairs := range map[string][]string{
		"/v1/images/edits":      {"image[]", "@" + pngBytes, "image[]", "@" + pngBytes, "prompt", "a hat", "model", "gpt-image-1", "n", "2"},
		"/v1/images/variations": {"image", "@" + pngBytes, "n", "2", "response_format", "b64_json"},
	} {
		response, content := post(t, server, path, pairs...)
		var got pictures
		decode(t, content, &got)
		if response.StatusCode != 200 || len(got.Data) != 2 || got.Data[1].Bytes == "" {
			t.Errorf("%s: %d %s", path, response.StatusCode, content)
		}
	}
	_, content := tell(t, server, "/v1/images/generations", `{"model":"gpt-image-1","prompt":"a cat","stream":true,"partial_images":2}`)
	types, _ := cohereEvents(t, content) // they name events alike
	if diff := cmp.Diff("image_generation.partial_image image_generation.completed", squeezed(types)); diff != "" || len(types) != 3 {
		t.Errorf("%s%v", diff, types)
	}
}

func TestSpeech(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for format, c := range map[string]struct{ contentType, head string }{
		"": {"audio/mpeg", "ID3"}, "wav": {"audio/wav", "RIFF"}, "opus": {"audio/opus", "OggS"}, "pcm": {"audio/pcm", ""},
	} {
		body := `{"model":"tts-1","voice":"alloy","input":"hello"}`
		if format != "" {
			body = strings.Replace(body, "{", `{"response_format":"`+format+`",`, 1)
		}
		response, content := tell(t, server, "/v1/audio/speech", body)
		if response.Header.Get("Content-Type") != c.contentType || !strings.HasPrefix(string(content), c.head) ||
			!bytes.Contains(content, []byte{0x00, 0xff, 0xfe, 0x80}) {
			t.Errorf("%q: %s, %.8q", format, response.Header.Get("Content-Type"), content)
		}
	}
	_, content := tell(t, server, "/v1/audio/speech", `{"model":"gpt-4o-mini-tts","voice":{"id":"v"},"input":"hello","stream_format":"sse"}`)
	events := payloads(t, content)
	if len(events) != 3 || !strings.Contains(events[0], "speech.audio.delta") || !strings.Contains(events[2], `"output_tokens":2`) {
		t.Errorf("%q", events)
	}
}

func TestWhatIsHeard(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	audio := "@" + strings.Repeat("la", 1750)
	const path = "/v1/audio/transcriptions"
	for format, c := range map[string]struct{ contentType, begins, holds string }{
		"":     {"application/json", `{"text":"I heard sent.bin, 3500 bytes`, `"type":"tokens"`},
		"text": {"text/plain; charset=utf-8", "I heard sent.bin", "\n"},
		"srt":  {"text/plain; charset=utf-8", "1\n00:00:00,000 --> 00:00:03,500\nI heard", "bytes"},
		"vtt":  {"text/plain; charset=utf-8", "WEBVTT\n\n00:00:00.000 --> 00:00:03.500\nI heard", "bytes"},
		"verbose_json": {"application/json", `{"duration":3.5,"language":"german","segments":[`,
			`"usage":{"seconds":4,"type":"duration"}`},
	} {
		t.Run(format, func(t *testing.T) {
			pairs := []string{"file", audio, "model", "whisper-1", "language", "german"}
			if format != "" {
				pairs = append(pairs, "response_format", format)
			}
			response, content := post(t, server, path, pairs...)
			if response.Header.Get("Content-Type") != c.contentType || !strings.HasPrefix(string(content), c.begins) ||
				!strings.Contains(string(content), c.holds) {
				t.Errorf("%s: %s", response.Header.Get("Content-Type"), content)
			}
		})
	}
	_, content := post(t, server, path, "file", "@"+strings.Repeat("x", 3_665_250), "model", "whisper-1", "response_format", "srt")
	if !strings.Contains(string(content), " --> 01:01:05,250\n") {
		t.Errorf("%s", content)
	}
	_, content = post(t, server, path, "file", audio, "model", "whisper-1", "response_format", "verbose_json", "timestamp_granularities[]", "word")
	if !strings.Contains(string(content), `"words":[{"end":`) {
		t.Errorf("%s", content)
	}
	_, content = post(t, server, path, "file", audio, "model", "gpt-4o-transcribe", "stream", "true")
	events := payloads(t, content)
	if !strings.Contains(events[0], "transcript.text.delta") || !strings.Contains(events[len(events)-1], `"transcript.text.done","usage":{`) {
		t.Errorf("%q", events)
	}
	_, content = post(t, server, "/v1/audio/translations", "file", audio, "model", "whisper-1", "response_format", "verbose_json")
	if !strings.Contains(string(content), `"task":"translate"`) || !strings.Contains(string(content), `"language":"english"`) {
		t.Errorf("%s", content)
	}
}

func TestMediaThatOpenAIRefuses(t *testing.T) {
	server := start(t, fakeprovider.Options{StrictModels: true, Models: []string{"m"}})
	picture := []string{"image", "@" + pngBytes}
	for name, c := range map[string]struct {
		path, body string
		pairs      []string
		status     int
	}{
		"no prompt":              {"/v1/images/generations", `{"model":"m"}`, nil, 400},
		"eleven images":          {"/v1/images/generations", `{"prompt":"a","n":11}`, nil, 400},
		"an odd size":            {"/v1/images/generations", `{"prompt":"a","size":"1x1"}`, nil, 400},
		"another model":          {"/v1/images/generations", `{"prompt":"a","model":"x"}`, nil, 404},
		"an unknown member":      {"/v1/images/generations", `{"prompt":"a","seed":1}`, nil, 400},
		"an edit as JSON":        {"/v1/images/edits", `{"prompt":"a"}`, nil, 400},
		"an edit of nothing":     {"/v1/images/edits", "", []string{"prompt", "a"}, 400},
		"an edit without words":  {"/v1/images/edits", "", picture, 400},
		"an edit of a text":      {"/v1/images/edits", "", []string{"image", "@just words", "prompt", "a"}, 400},
		"a field of no name":     {"/v1/images/edits", "", append(picture, "prompt", "a", "seed", "1"), 400},
		"a number in words":      {"/v1/images/edits", "", append(picture, "prompt", "a", "n", "two"), 400},
		"a variation with words": {"/v1/images/variations", "", append(picture, "prompt", "a"), 400},
		"speech without a voice": {"/v1/audio/speech", `{"model":"m","input":"a"}`, nil, 400},
		"speech of nothing":      {"/v1/audio/speech", `{"model":"m","voice":"v"}`, nil, 400},
		"speech in no format":    {"/v1/audio/speech", `{"model":"m","voice":"v","input":"a","response_format":"mid"}`, nil, 400},
		"speech too fast":        {"/v1/audio/speech", `{"model":"m","voice":"v","input":"a","speed":5}`, nil, 400},
		"hearing nothing":        {"/v1/audio/transcriptions", "", []string{"model", "m"}, 400},
		"hearing for no model":   {"/v1/audio/transcriptions", "", []string{"file", "@a"}, 400},
		"hearing in no format":   {"/v1/audio/transcriptions", "", []string{"file", "@a", "model", "m", "response_format", "pdf"}, 400},
		"words without times":    {"/v1/audio/transcriptions", "", []string{"file", "@a", "model", "m", "timestamp_granularities[]", "word"}, 400},
		"hearing too hot":        {"/v1/audio/transcriptions", "", []string{"file", "@a", "model", "m", "temperature", "2"}, 400},
		"a translation's tongue": {"/v1/audio/translations", "", []string{"file", "@a", "model", "m", "language", "de"}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			var response *http.Response
			var content []byte
			if c.pairs != nil {
				response, content = post(t, server, c.path, c.pairs...)
			} else {
				response, content = tell(t, server, c.path, c.body)
			}
			if response.StatusCode != c.status {
				t.Errorf("%d %s, want %d", response.StatusCode, content, c.status)
			}
		})
	}
	response, _ := tell(t, server, "/v1/images/edits", "--x\r\nbroken", "Content-Type", "multipart/form-data; boundary=x")
	if response.StatusCode != 400 {
		t.Errorf("a broken form: %d", response.StatusCode)
	}
}

func TestMediaSufferFaultsToo(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	body := `{"model":"tts-1","voice":"alloy","input":"hello"}`
	if response, _ := tell(t, server, "/v1/audio/speech", body, fault("status:503")...); response.StatusCode != 503 {
		t.Errorf("%d", response.StatusCode)
	}
	_, content := tell(t, server, "/v1/images/generations", `{"model":"m","prompt":"a"}`, fault("no-usage")...)
	if strings.Contains(string(content), "usage") {
		t.Errorf("%s", content)
	}
}
