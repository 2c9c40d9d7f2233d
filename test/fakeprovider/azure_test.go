// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

const (
	azureDated   = "/openai/deployments/prod/chat/completions?api-version=2024-10-21"
	azureCurrent = "/openai/v1/chat/completions"
	azureBody    = `{"messages":[{"role":"user","content":"hi"}]}`
)

// azureFailure reads an error of Azure's own.
func azureFailure(t *testing.T, content []byte) string {
	t.Helper()
	var body struct {
		Error struct{ Code, Message string }
	}
	decode(t, content, &body)
	return body.Error.Code
}

func TestAzureDeployments(t *testing.T) {
	server := start(t, fakeprovider.Options{StrictModels: true, Models: []string{"prod"}, APIKeys: []string{"azure-key-123"}})
	key := []string{"api-key", "azure-key-123"}
	for name, c := range map[string]struct {
		path, body string
		headers    []string
		status     int
		code       string
	}{
		"the dated API, by key":                {azureDated, azureBody, key, 200, ""},
		"the dated API, by a token of Entra":   {azureDated, azureBody, []string{"Authorization", "Bearer azure-key-123"}, 200, ""},
		"the current API":                      {azureCurrent, plainFor("prod"), key, 200, ""},
		"the current API with a version":       {azureCurrent + "?api-version=preview", plainFor("prod"), key, 200, ""},
		"a version that the current lacks":     {azureCurrent + "?api-version=2020-01-01", plainFor("prod"), key, 400, ""},
		"the dated API without a date":         {"/openai/deployments/prod/chat/completions", azureBody, key, 404, "404"},
		"a deployment that there is not":       {strings.Replace(azureDated, "prod", "other", 1), azureBody, key, 404, "DeploymentNotFound"},
		"one that the body names":              {azureCurrent, plainFor("other"), key, 404, "DeploymentNotFound"},
		"the path goes before the body":        {azureDated, plainFor("other"), key, 200, ""},
		"no key":                               {azureDated, azureBody, nil, 401, "401"},
		"another key":                          {azureDated, azureBody, []string{"api-key", "nope"}, 401, "401"},
		"a key where Azure does not look":      {azureDated, azureBody, []string{"x-api-key", "azure-key-123"}, 401, "401"},
		"a body that is none":                  {azureDated, `{`, key, 400, ""},
		"a member that nobody knows":           {azureCurrent, strings.Replace(plainFor("prod"), "{", `{"top_k":1,`, 1), key, 400, "unknown_parameter"},
		"embeddings of a deployment":           {"/openai/deployments/prod/embeddings?api-version=2024-10-21", `{"input":"a"}`, key, 200, ""},
		"embeddings of the current API":        {"/openai/v1/embeddings", `{"model":"prod","input":"a"}`, key, 200, ""},
		"completions of a deployment":          {"/openai/deployments/prod/completions?api-version=2024-10-21", `{"prompt":"a"}`, key, 200, ""},
		"images of a deployment":               {"/openai/deployments/prod/images/generations?api-version=2024-10-21", `{"prompt":"a"}`, key, 200, ""},
		"speech of the current API":            {"/openai/v1/audio/speech", `{"model":"prod","voice":"alloy","input":"a"}`, key, 200, ""},
		"a form that is none":                  {"/openai/deployments/prod/audio/transcriptions?api-version=2024-10-21", `{}`, key, 400, ""},
		"a chat that the models would refuse":  {azureDated, `{"messages":[]}`, key, 400, "invalid_value"},
		"a deployment's name with a directive": {strings.Replace(azureDated, "prod", "prod+fault=rate-limit", 1), azureBody, key, 429, "429"},
	} {
		t.Run(name, func(t *testing.T) {
			response, content := tell(t, server, c.path, c.body, c.headers...)
			if response.StatusCode != c.status {
				t.Fatalf("%d %s, want %d", response.StatusCode, content, c.status)
			}
			if c.code != "" && azureFailure(t, content) != c.code {
				t.Errorf("%s, want code %s", content, c.code)
			}
		})
	}
}

func TestAzureHearsOnDeployments(t *testing.T) {
	server := start(t, fakeprovider.Options{StrictModels: true, Models: []string{"prod"}})
	for path, status := range map[string]int{
		"/openai/deployments/prod/audio/transcriptions?api-version=2024-10-21":  200,
		"/openai/deployments/other/audio/transcriptions?api-version=2024-10-21": 404,
		"/openai/deployments/prod/audio/translations":                           404,
		"/openai/v1/audio/transcriptions":                                       404,
	} {
		if response, content := post(t, server, path, "file", "@abc", "model", "whatever"); response.StatusCode != status {
			t.Errorf("%s: %d %s, want %d", path, response.StatusCode, content, status)
		}
	}
	var list struct{ Data []struct{ ID string } }
	if get(t, server, "/openai/v1/models", &list); len(list.Data) != 1 || list.Data[0].ID != "prod" {
		t.Errorf("%+v", list)
	}
}

func plainFor(model string) string { return strings.Replace(plain, `"m"`, `"`+model+`"`, 1) }

func TestAzureSaysWhatItFiltered(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	response, content := tell(t, server, azureDated, azureBody)
	var whole struct {
		Model   string
		Choices []struct {
			Filters map[string]struct{ Filtered bool } `json:"content_filter_results"`
		}
		Prompt []struct {
			Results map[string]struct{ Severity string } `json:"content_filter_results"`
		} `json:"prompt_filter_results"`
	}
	decode(t, content, &whole)
	if whole.Model != "prod" || whole.Prompt[0].Results["hate"].Severity != "safe" || len(whole.Choices[0].Filters) != 4 {
		t.Errorf("%s", content)
	}
	if response.Header.Get("Apim-Request-Id") == "" || response.Header.Get("Openai-Version") != "" {
		t.Errorf("headers %v", response.Header)
	}
	_, stream := tell(t, server, azureDated, strings.Replace(azureBody, "{", `{"stream":true,`, 1))
	got, raw := chunks(t, stream)
	if first := got[0]; first.ID != "" || first.Model != "" || len(first.Choices) != 0 || raw[0]["prompt_filter_results"] == nil {
		t.Errorf("first chunk %s", raw[0])
	}
	for i := range got[1:] {
		if raw[i+1]["prompt_filter_results"] != nil || len(got[i+1].Choices) != 1 {
			t.Errorf("chunk %d: %s", i+1, raw[i+1])
		}
	}
}

func TestAServerOfOpenAIsDialectTakesWhatItDoesNotKnow(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	body := strings.Replace(plain, "{", `{"top_k":5,"guided_choice":["a"],`, 1)
	response, content := tell(t, server, "/compatible/v1/chat/completions", body)
	if response.StatusCode != http.StatusOK || strings.Contains(string(content), "system_fingerprint") {
		t.Errorf("%d %s", response.StatusCode, content)
	}
	response, content = tell(t, server, "/compatible/v1/chat/completions", `{"model":"m","messages":[]}`)
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("%d %s", response.StatusCode, content)
	}
	for _, path := range []string{"/compatible/v1/models", "/ollama/v1/models", "/mistral/v1/models"} {
		var list struct{ Object string }
		if get(t, server, path, &list); list.Object != "list" {
			t.Errorf("%s: %+v", path, list)
		}
	}
}

func TestOllama(t *testing.T) {
	server := start(t, fakeprovider.Options{StrictModels: true, Models: []string{"m"}, APIKeys: []string{"nobody asks"}})
	const path = "/ollama/v1/chat/completions"
	body := strings.Replace(plain, "{", `{"n":2,"reasoning_effort":"low","num_ctx":7,`, 1)
	response, content := tell(t, server, path, body, "x-fake-reasoning", "3")
	var got struct {
		Fingerprint string `json:"system_fingerprint"`
		Choices     []struct {
			Message struct{ Content, Reasoning string }
		}
	}
	decode(t, content, &got)
	if response.StatusCode != 200 || got.Fingerprint != "fp_ollama" || len(got.Choices) != 1 || got.Choices[0].Message.Reasoning == "" {
		t.Errorf("%d %s", response.StatusCode, content)
	}
	// That a tool must be called is not read; the model decides.
	_, words := tell(t, server, path, toolBody(`"required"`, true))
	if spoken, _ := chunks(t, words); spoken[0].Choices[0].Delta["tool_calls"] != nil {
		t.Errorf("tool_choice had an effect: %s", words)
	}
	_, stream := tell(t, server, path, toolBody(`"auto"`, true), "x-fake-calls", "1")
	calls, _ := chunks(t, stream)
	var named []struct {
		Function struct{ Name, Arguments string }
	}
	decode(t, calls[0].Choices[0].Delta["tool_calls"], &named)
	if named[0].Function.Name != "weather" || named[0].Function.Arguments != wantArguments || len(calls) != 2 {
		t.Errorf("a call comes in one piece: %s", stream)
	}
	response, content = tell(t, server, path, plainFor("absent"))
	if _, kind, _ := failureOf(t, content); response.StatusCode != 404 || kind != "not_found_error" {
		t.Errorf("%d %s", response.StatusCode, content)
	}
	for _, wrong := range []string{`{"messages":[{"role":"user","content":"a"}]}`, `{"model":"m"}`} {
		if response, _ := tell(t, server, path, wrong); response.StatusCode != 400 {
			t.Errorf("%s: %d", wrong, response.StatusCode)
		}
	}
}
