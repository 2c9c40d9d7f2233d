// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// awsKey signs what goes to the fake Bedrock, which verifies it.
var awsKey = fakeprovider.AWSKey{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "aws-secret-0123456789"}

// providerTypes are all that a gateway can have in front of it, and where the fake provider has each.
var providerTypes = map[config.ProviderType]string{
	config.OpenAI: "/v1", config.AzureOpenAI: "", config.Anthropic: "", config.Gemini: "", config.VertexAI: "", config.Bedrock: "",
	config.Mistral: "/mistral/v1", config.Cohere: "", config.Ollama: "/ollama/v1", config.OpenAICompatible: "/compatible/v1",
}

// to makes the gateway's provider one of a type, which gets credentials of the kind that it takes.
func to(t testing.TB, kind config.ProviderType) option {
	t.Helper()
	metadata := ""
	if kind == config.VertexAI {
		metadata = metadataServer(t)
	}
	return func(o *options) {
		o.provider.AWSKeys = []fakeprovider.AWSKey{awsKey}
		if metadata != "" {
			o.living.Credentials.Getenv = func(name string) string {
				return map[string]string{"GCE_METADATA_HOST": metadata}[name]
			}
		}
		withDocument(func(d *config.Document) { become(d, &d.Core.Providers[0], kind) })(o)
	}
}

// become turns a provider into one of a type.
func become(d *config.Document, p *config.Provider, kind config.ProviderType) {
	p.Type, p.Endpoint = kind, strings.TrimSuffix(p.Endpoint, "/v1")+providerTypes[kind]
	switch kind {
	case config.VertexAI:
		p.Credential, p.Project, p.Location, p.GCP = "", "acme", "europe-west1", &config.GCPIdentity{}
		delete(d.Secrets, "fake")
	case config.Bedrock:
		p.Credential, p.AWS = "", &config.AWSIdentity{Region: "eu-central-1", AccessKeyID: "aws-id", SecretAccessKey: "aws-secret"}
		d.Secrets = map[string]config.Secret{
			"aws-id": config.NewSecret(awsKey.AccessKeyID), "aws-secret": config.NewSecret(awsKey.SecretAccessKey),
		}
	default:
	}
}

// metadataServer gives out access tokens as the one of Google Cloud does.
func metadataServer(t testing.TB) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"access_token":"`+providerKey+`","expires_in":3600,"token_type":"Bearer"}`)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// application is how tests speak one dialect of applications.
type application struct {
	// body asks about a text; %s stands for it.
	body string
	// streaming is what a body that asks for a stream begins with, in place of "{".
	streaming string
	// path and streamPath are where; %s stands for the model, which others have in the body.
	path, streamPath string
	// read takes up an answer, or what an event says.
	read func(s *said, data []byte) error
	// array says that a stream is one JSON array.
	array bool
	// terminator is what only a whole stream has.
	terminator string
}

// said is what an answer says, whole or put together of events.
type said struct {
	text string
	// finish is the dialect's own word.
	finish string
	// prompt includes what was cached.
	prompt, completion int64
	// usages counts the objects that told of usage.
	usages int
	// failure is the message of an error; code is its code, type or status, as the dialect has one.
	failure, code string
}

const (
	chatMembers   = `"model":"gpt-4o","messages":[{"role":"user","content":%s}]}`
	geminiMembers = `{"contents":[{"role":"user","parts":[{"text":%s}]}]}`
)

var applications = map[string]application{
	"chat": {
		path: "/v1/chat/completions", body: "{" + chatMembers, terminator: "data: [DONE]\n\n", read: readChat,
		streaming: `{"stream":true,"stream_options":{"include_usage":true},`,
	},
	"responses": {
		path: "/v1/responses", body: `{"model":"gpt-4o","input":%s}`, streaming: `{"stream":true,`,
		terminator: "event: response.completed", read: readResponses,
	},
	"anthropic": {
		path: "/v1/messages", body: `{"max_tokens":1000,` + chatMembers, streaming: `{"stream":true,`,
		terminator: "event: message_stop", read: readAnthropic,
	},
	"gemini": {
		path: "/v1beta/models/%s:generateContent", streamPath: "/v1beta/models/%s:streamGenerateContent?alt=sse",
		body: geminiMembers, terminator: `"finishReason":"`, read: readGemini,
	},
	"gemini array": {
		path: "/v1beta/models/%s:generateContent", streamPath: "/v1beta/models/%s:streamGenerateContent",
		body: geminiMembers, terminator: `"finishReason":"`, read: readGemini, array: true,
	},
}

// ask makes a request that is about a text.
func (s *setup) ask(a application, text string, stream bool) *http.Request {
	s.t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		s.t.Fatal(err)
	}
	body, path := fmt.Sprintf(a.body, quoted), a.path
	if stream {
		path = cmp.Or(a.streamPath, a.path)
		if a.streaming != "" {
			body = a.streaming + body[1:]
		}
	}
	return s.request("POST", strings.Replace(path, "%s", "gpt-4o", 1), body)
}

// heard reads an answer, whole or streamed.
func heard(t testing.TB, a application, body string, stream bool) said {
	t.Helper()
	s := said{}
	for _, data := range pieces(a, body, stream) {
		if data == "[DONE]" {
			continue
		}
		if err := a.read(&s, []byte(data)); err != nil {
			t.Errorf("%v in %q", err, data)
		}
	}
	return s
}

// pieces are the JSON texts of an answer.
func pieces(a application, body string, stream bool) []string {
	switch {
	case !stream:
		return []string{body}
	case a.array:
		return elements(body)
	}
	var all []string
	for block := range strings.SplitSeq(strings.ReplaceAll(body, "\r\n", "\n"), "\n\n") {
		var data []string
		for line := range strings.SplitSeq(block, "\n") {
			if after, ok := strings.CutPrefix(line, "data: "); ok {
				data = append(data, after)
			} else if strings.HasPrefix(line, "{") {
				// Gemini's error, which stands outside of the framing.
				data = append(data, line)
			}
		}
		if len(data) > 0 {
			all = append(all, strings.Join(data, "\n"))
		}
	}
	return all
}

// elements are those of a JSON array, as far as it goes.
func elements(body string) []string {
	var all []string
	decoder := json.NewDecoder(strings.NewReader(body))
	if _, err := decoder.Token(); err != nil {
		return nil
	}
	for decoder.More() {
		var element json.RawMessage
		if decoder.Decode(&element) != nil {
			break
		}
		all = append(all, string(element))
	}
	return all
}

func readChat(s *said, data []byte) error {
	var a struct {
		Choices []struct {
			Message, Delta struct{ Content string }
			Finish         string `json:"finish_reason"`
		}
		Usage *struct {
			Prompt     int64 `json:"prompt_tokens"`
			Completion int64 `json:"completion_tokens"`
		}
		Error *struct{ Message, Type, Code string }
	}
	err := json.Unmarshal(data, &a)
	for _, c := range a.Choices {
		s.text += c.Message.Content + c.Delta.Content
		s.finish = cmp.Or(c.Finish, s.finish)
	}
	if a.Usage != nil {
		s.prompt, s.completion, s.usages = a.Usage.Prompt, a.Usage.Completion, s.usages+1
	}
	if a.Error != nil {
		s.failure, s.code = a.Error.Message, cmp.Or(a.Error.Code, a.Error.Type)
	}
	return err
}

type responseTold struct {
	Status string
	Output []struct {
		Content []struct{ Text string }
	}
	Usage *struct {
		Input  int64 `json:"input_tokens"`
		Output int64 `json:"output_tokens"`
	}
}

func readResponses(s *said, data []byte) error {
	var a struct {
		responseTold
		Type, Message, Code string
		Delta               string
		Response            *responseTold
		Error               *struct{ Message, Type, Code string }
	}
	err := json.Unmarshal(data, &a)
	told := &a.responseTold
	switch a.Type {
	case "response.output_text.delta":
		s.text += a.Delta
	case "error":
		s.failure, s.code = a.Message, a.Code
	}
	if a.Response != nil {
		told = a.Response
	}
	if a.Type == "" {
		for _, o := range told.Output {
			for _, c := range o.Content {
				s.text += c.Text
			}
		}
	}
	if told.Usage != nil {
		s.prompt, s.completion, s.usages = told.Usage.Input, told.Usage.Output, s.usages+1
		s.finish = told.Status
	}
	if s.failure == "" && a.Error != nil {
		s.failure, s.code = a.Error.Message, cmp.Or(a.Error.Code, a.Error.Type)
	}
	return err
}

type anthropicUsage struct {
	Input   *int64 `json:"input_tokens"`
	Written int64  `json:"cache_creation_input_tokens"`
	Read    int64  `json:"cache_read_input_tokens"`
	Output  int64  `json:"output_tokens"`
}

func readAnthropic(s *said, data []byte) error {
	var a struct {
		Type    string
		Message struct{ Usage *anthropicUsage }
		Content []struct{ Text string }
		Delta   struct {
			Text       string
			StopReason string `json:"stop_reason"`
		}
		StopReason string `json:"stop_reason"`
		Usage      *anthropicUsage
		Error      *struct{ Type, Message string }
	}
	err := json.Unmarshal(data, &a)
	s.text += a.Delta.Text
	for _, c := range a.Content {
		s.text += c.Text
	}
	s.finish = cmp.Or(a.StopReason, a.Delta.StopReason, s.finish)
	if u := cmp.Or(a.Usage, a.Message.Usage); u != nil {
		if u.Input != nil {
			s.prompt = *u.Input + u.Written + u.Read
		}
		s.completion, s.usages = u.Output, s.usages+1
	}
	if a.Error != nil {
		s.failure, s.code = a.Error.Message, a.Error.Type
	}
	return err
}

func readGemini(s *said, data []byte) error {
	var a struct {
		Candidates []struct {
			Content struct {
				Parts []struct{ Text string }
			}
			FinishReason string
		}
		UsageMetadata *struct{ PromptTokenCount, CandidatesTokenCount, ThoughtsTokenCount int64 }
		Error         *struct{ Message, Status string }
	}
	err := json.Unmarshal(data, &a)
	for _, c := range a.Candidates {
		for _, p := range c.Content.Parts {
			s.text += p.Text
		}
		s.finish = cmp.Or(c.FinishReason, s.finish)
	}
	if u := a.UsageMetadata; u != nil {
		s.prompt, s.completion, s.usages = u.PromptTokenCount, u.CandidatesTokenCount+u.ThoughtsTokenCount, s.usages+1
	}
	if a.Error != nil {
		s.failure, s.code = a.Error.Message, a.Error.Status
	}
	return err
}

// as gives the same setup to a subtest, whose failures are its own.
func (s *setup) as(t testing.TB) *setup {
	return &setup{
		t: t, provider: s.provider, server: s.server, living: s.living, url: s.url, addr: s.addr, client: s.client, log: s.log,
	}
}

// logged waits for the access log to tell of a request, which it must do once.
func (s *setup) logged(got answer) line {
	s.t.Helper()
	var found []line
	id := got.Header.Get("X-Request-Id")
	eventually(s.t, func() bool {
		found = found[:0]
		for _, l := range s.lines(0) {
			if l.ID == id {
				found = append(found, l)
			}
		}
		return len(found) > 0
	}, func() string { return fmt.Sprintf("no line of request %q in the access log:\n%s", id, s.log) })
	if len(found) > 1 {
		s.t.Errorf("%d lines for one request", len(found))
	}
	return found[0]
}

// everyPair calls f for each dialect of applications at each type of provider, with a setup for each type.
func everyPair(t *testing.T, kinds []config.ProviderType, f func(t *testing.T, s *setup, a application, kind config.ProviderType), opts ...option) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := start(t, append([]option{to(t, kind)}, opts...)...)
			for name, a := range applications {
				t.Run(name, func(t *testing.T) {
					f(t, s.as(t), a, kind)
				})
			}
		})
	}
}
