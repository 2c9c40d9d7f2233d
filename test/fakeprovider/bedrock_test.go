// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/google/go-cmp/cmp"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

const (
	bedrockPath = "/model/anthropic.claude-v2%3A0"
	converse    = `{"messages":[{"role":"user","content":[{"text":"hi"}]}]}`
)

type bedrockAnswer struct {
	Output struct {
		Message struct {
			Role    string
			Content []bedrockPart
		}
	}
	StopReason string
	Usage      *bedrockUsage
	Metrics    struct{ LatencyMs *int }
}

type bedrockPart struct {
	Text      string
	Reasoning *struct {
		Text struct{ Text, Signature string } `json:"reasoningText"`
	} `json:"reasoningContent"`
	Use *struct {
		ID    string `json:"toolUseId"`
		Name  string
		Input object
	} `json:"toolUse"`
}

type bedrockUsage struct {
	Input   int `json:"inputTokens"`
	Output  int `json:"outputTokens"`
	Total   int `json:"totalTokens"`
	Read    int `json:"cacheReadInputTokens"`
	Written int `json:"cacheWriteInputTokens"`
}

// conversed asks for an answer that must be given.
func conversed(t *testing.T, server *fakeprovider.Server, body string, headers ...string) bedrockAnswer {
	t.Helper()
	response, content := call(t, server, bedrockPath+"/converse", body, headers...)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", response.Status, content)
	}
	var got bedrockAnswer
	decode(t, content, &got)
	return got
}

// bedrockFailure reads an error of AWS's, its kind from the header that SDKs read.
func bedrockFailure(t *testing.T, response *http.Response, content []byte) (kind, message string) {
	t.Helper()
	var body struct{ Message string }
	decode(t, content, &body)
	kind, _, _ = strings.Cut(response.Header.Get("x-amzn-errortype"), ":")
	return kind, body.Message
}

// amazonMessage is one message of a binary stream.
type amazonMessage struct {
	kind, name string
	payload    []byte
}

// amazonMessages decodes a stream, both checksums included, until it ends or is wrong.
func amazonMessages(t *testing.T, stream []byte) (messages []amazonMessage, err error) {
	t.Helper()
	decoder, reader := eventstream.NewDecoder(), bytes.NewReader(stream)
	for {
		message, err := decoder.Decode(reader, nil)
		if errors.Is(err, io.EOF) && reader.Len() == 0 {
			return messages, nil
		}
		if err != nil {
			return messages, err
		}
		m := amazonMessage{payload: bytes.Clone(message.Payload), kind: message.Headers.Get(":message-type").String()}
		m.name = message.Headers.Get(":" + m.kind + "-type").String()
		messages = append(messages, m)
	}
}

func amazonNames(messages []amazonMessage) string {
	events := make([]namedEvent, 0, len(messages))
	for _, m := range messages {
		events = append(events, namedEvent{name: m.name})
	}
	return eventNames(events)
}

func TestAConversationHasBedrocksShape(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	response, content := call(t, server, bedrockPath+"/converse", converse)
	if id := response.Header.Get("x-amzn-requestid"); len(id) != 36 || response.Header.Get("content-type") != "application/json" {
		t.Errorf("headers %v", response.Header)
	}
	var got bedrockAnswer
	decode(t, content, &got)
	message := got.Output.Message
	if message.Role != "assistant" || got.StopReason != "end_turn" || got.Metrics.LatencyMs == nil ||
		len(message.Content) != 1 || !strings.Contains(message.Content[0].Text, "«hi»") {
		t.Fatalf("%s", content)
	}
	prompt, spoken := fakeprovider.PromptTokens("hi"), fakeprovider.CountTokens(message.Content[0].Text)
	if diff := cmp.Diff(&bedrockUsage{Input: prompt, Output: spoken, Total: prompt + spoken}, got.Usage); diff != "" {
		t.Error(diff)
	}
	if record := ended(t, server); record.Model != "anthropic.claude-v2:0" || record.CompletionTokens != spoken {
		t.Errorf("record %+v", record)
	}
}

func TestBedrockErrorsByStatus(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for spec, want := range map[string]string{
		"status:400": "ValidationException", "status:403": "AccessDeniedException", "status:404": "ResourceNotFoundException",
		"status:408": "ModelTimeoutException", "status:424": "ModelErrorException", "rate-limit": "ThrottlingException",
		"status:500": "InternalServerException", "status:503": "ServiceUnavailableException",
	} {
		t.Run(spec, func(t *testing.T) {
			for _, method := range []string{"/converse", "/converse-stream"} {
				response, content := call(t, server, bedrockPath+method, converse, fault(spec)...)
				if kind, message := bedrockFailure(t, response, content); kind != want || message == "" {
					t.Errorf("%s: %s %q, want %s", method, kind, message, want)
				}
			}
		})
	}
	response, content := call(t, server, bedrockPath+"/invoke-with-response-stream", converse)
	if kind, _ := bedrockFailure(t, response, content); response.StatusCode != 404 || kind != "UnknownOperationException" {
		t.Errorf("an operation that is not served: %s %s", response.Status, kind)
	}
}

func TestBedrocksStreamsHoldTheOfficialGrammar(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	thinking := object{"thinking": object{"type": "enabled", "budget_tokens": 1024}}
	for name, c := range map[string]struct {
		members object
		names   string
		reason  string
	}{
		"words": {object{}, "messageStart contentBlockDelta contentBlockStop messageStop metadata", "end_turn"},
		"tools": {object{"toolConfig": bedrockTool("any")},
			"messageStart contentBlockStart contentBlockDelta contentBlockStop messageStop metadata", "tool_use"},
		"thinking": {object{"additionalModelRequestFields": thinking},
			"messageStart contentBlockDelta contentBlockStop contentBlockDelta contentBlockStop messageStop metadata", "end_turn"},
		"a limit": {object{"inferenceConfig": object{"maxTokens": 2}},
			"messageStart contentBlockDelta contentBlockStop messageStop metadata", "max_tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			body := with(t, converse, c.members)
			want := conversed(t, server, body)
			response, stream := call(t, server, bedrockPath+"/converse-stream", body)
			if kind := response.Header.Get("content-type"); kind != "application/vnd.amazon.eventstream" {
				t.Errorf("content-type %s", kind)
			}
			messages, err := amazonMessages(t, stream)
			if err != nil || amazonNames(messages) != c.names {
				t.Fatalf("%v: %s, want %s", err, amazonNames(messages), c.names)
			}
			text, arguments, reason, usage := joinedMessages(t, messages)
			if diff := cmp.Diff(want.Usage, usage); diff != "" || reason != c.reason || want.StopReason != c.reason {
				t.Errorf("reason %s, want %s; %s", reason, c.reason, diff)
			}
			last := want.Output.Message.Content[len(want.Output.Message.Content)-1]
			if last.Use == nil && text != last.Text || last.Use != nil && arguments != encoded(t, last.Use.Input) {
				t.Errorf("the stream says %q %q, want %+v", text, arguments, last)
			}
		})
	}
}

// joinedMessages puts a stream together; every event must carry padding and its block's index.
func joinedMessages(t *testing.T, messages []amazonMessage) (text, arguments, reason string, usage *bedrockUsage) {
	t.Helper()
	for _, m := range messages {
		var got struct {
			P     string
			Index *int `json:"contentBlockIndex"`
			Delta struct {
				Text    string
				ToolUse struct{ Input string }
			}
			StopReason string
			Usage      *bedrockUsage
		}
		decode(t, m.payload, &got)
		if got.P == "" || strings.HasPrefix(m.name, "contentBlock") != (got.Index != nil) || m.kind != "event" {
			t.Errorf("%s %s: %s", m.kind, m.name, m.payload)
		}
		text += got.Delta.Text
		arguments += got.Delta.ToolUse.Input
		reason += got.StopReason
		if got.Usage != nil {
			usage = got.Usage
		}
	}
	return text, arguments, reason, usage
}

func TestFaultsInBedrocksStreams(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	const before = "messageStart contentBlockDelta"
	const all = before + " contentBlockStop messageStop metadata"
	for spec, c := range map[string]struct {
		names string
		whole bool // every message passes its checksums
	}{
		"none": {all, true}, "split-utf8": {all, true}, "big-line:100000": {all, true}, "no-usage": {all, true},
		"no-done":           {before + " contentBlockStop", true},
		"error-event:2:429": {before + " throttlingException", true},
		"error-event:2:424": {before + " modelStreamErrorException", true},
		"error-event:2":     {before + " internalServerException", true},
		"garbage-event:2":   {all, true},
		"bad-checksum:2":    {before, false},
	} {
		t.Run(spec, func(t *testing.T) {
			_, stream := call(t, server, bedrockPath+"/converse-stream", converse, fault(spec)...)
			messages, err := amazonMessages(t, stream)
			if got := amazonNames(messages); got != c.names || (err == nil) != c.whole {
				t.Errorf("%s, %v; want %s", got, err, c.names)
			}
			if last := messages[len(messages)-1]; strings.HasSuffix(c.names, "Exception") && last.kind != "exception" {
				t.Errorf("the error is an %s", last.kind)
			}
			if spec == "no-usage" && count(stream, "inputTokens") > 0 {
				t.Error("usage was told")
			}
		})
	}
	for _, spec := range []string{"crlf", "comments", "multiline-data", "keep-alive", "big-line:9000000"} {
		response, content := call(t, server, bedrockPath+"/converse-stream", converse, fault(spec)...)
		if kind, message := bedrockFailure(t, response, content); kind != "ValidationException" || !strings.Contains(message, "has no meaning") {
			t.Errorf("%s: %s %s", spec, kind, message)
		}
	}
	response, err := send(t, server, bedrockPath+"/converse-stream", converse, fault("truncate-stream:2")...)
	if err != nil {
		t.Fatal(err)
	}
	if stream, err := io.ReadAll(response.Body); !isCut(err) || count(stream, "messageStop") > 0 {
		t.Errorf("%v after %q", err, stream)
	}
}
