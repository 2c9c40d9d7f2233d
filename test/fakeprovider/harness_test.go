// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

// patience bounds every wait of these tests; nothing here takes a tenth of it unless it is broken.
const patience = 10 * time.Second

const (
	chatPath = "/v1/chat/completions"
	plain    = `{"model":"m","messages":[{"role":"user","content":"hi"}]}`
	streamed = `{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}`
	counted  = `{"model":"m","stream":true,"stream_options":{"include_usage":true},` +
		`"messages":[{"role":"user","content":"hi"}]}`
)

func start(t *testing.T, options fakeprovider.Options) *fakeprovider.Server {
	t.Helper()
	server := fakeprovider.New(options)
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return server
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// client sends every request on its own connection and never decompresses or retries.
func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// send makes a request with headers given as name, value pairs. The response may be cut anywhere.
func send(t *testing.T, server *fakeprovider.Server, path, body string, headers ...string) (*http.Response, error) {
	t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(soon(t), method, server.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := client(t).Do(request)
	if err == nil {
		t.Cleanup(func() { response.Body.Close() })
	}
	return response, err
}

// ask sends a chat request that must be answered, and reads all of it.
func ask(t *testing.T, server *fakeprovider.Server, body string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	response, err := send(t, server, chatPath, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	return response, content
}

// get reads a JSON answer of an admin call or a plain GET into value.
func get(t *testing.T, server *fakeprovider.Server, path string, value any) *http.Response {
	t.Helper()
	response, err := send(t, server, path, "")
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	decode(t, content, value)
	return response
}

func decode(t *testing.T, content []byte, value any) {
	t.Helper()
	if err := json.Unmarshal(content, value); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, content)
	}
}

// failureOf reads an OpenAI error body.
func failureOf(t *testing.T, content []byte) (message, kind, code string) {
	t.Helper()
	var body struct {
		Error struct {
			Message, Type string
			Code          *string
		}
	}
	decode(t, content, &body)
	if body.Error.Code != nil {
		code = *body.Error.Code
	}
	return body.Error.Message, body.Error.Type, code
}

// payloads reads a stream as a strict SSE parser does: the data of each event, comments left out.
func payloads(t *testing.T, stream []byte) []string {
	t.Helper()
	var found, lines []string
	text := strings.ReplaceAll(string(stream), "\r\n", "\n")
	for line := range strings.SplitSeq(text, "\n") {
		data, isData := strings.CutPrefix(line, "data: ")
		switch {
		case isData:
			lines = append(lines, data)
		case line == "" && len(lines) > 0:
			found = append(found, strings.Join(lines, "\n"))
			lines = nil
		case line != "" && !strings.HasPrefix(line, ":"):
			t.Fatalf("neither data, comment nor blank: %q", line)
		}
	}
	if len(lines) > 0 {
		t.Fatalf("the stream ends inside an event: %q", lines)
	}
	return found
}

// contentOf joins the content of a whole stream that must end in [DONE].
func contentOf(t *testing.T, stream []byte) string {
	t.Helper()
	events := payloads(t, stream)
	if len(events) == 0 || events[len(events)-1] != "[DONE]" {
		t.Fatalf("the stream does not end in [DONE]: %q", stream)
	}
	var content strings.Builder
	for _, payload := range events[:len(events)-1] {
		var chunk struct {
			Choices []struct{ Delta struct{ Content string } }
		}
		decode(t, []byte(payload), &chunk)
		for _, choice := range chunk.Choices {
			content.WriteString(choice.Delta.Content)
		}
	}
	return content.String()
}

// ended waits until the server has finished with its only request.
func ended(t *testing.T, server *fakeprovider.Server) fakeprovider.Record {
	t.Helper()
	record, err := server.WaitFor(soon(t), func(r fakeprovider.Record) bool { return r.State != fakeprovider.Running })
	if err != nil {
		t.Fatal(err)
	}
	return record
}

func fault(spec string) []string { return []string{"x-fake-fault", spec} }

func count(stream []byte, what string) int { return bytes.Count(stream, []byte(what)) }

func chatBody(model, prompt string, stream bool) string {
	body, err := json.Marshal(map[string]any{
		"model": model, "stream": stream, "messages": []map[string]string{{"role": "user", "content": prompt}},
	})
	if err != nil {
		panic(fmt.Sprint("a chat body always marshals: ", err))
	}
	return string(body)
}
