// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

// spokenStream is a stream of one dialect in one framing.
type spokenStream struct {
	path, body, kind string
	headers          []string
	event            string // occurs once an event, or a little more often
	end              string // occurs in whole streams only
}

func spokenStreams() map[string]spokenStream {
	streaming := strings.Replace(message, "{", `{"stream":true,`, 1)
	return map[string]spokenStream{
		"Anthropic": {messagesPath, streaming, "text/event-stream; charset=utf-8", claude, "event: ", "message_stop"},
		"Gemini in an array": {geminiPath + ":streamGenerateContent", contents, "application/json; charset=UTF-8", nil,
			`"candidates":`, "finishReason"},
		"Gemini in events": {geminiPath + ":streamGenerateContent?alt=sse", contents, "text/event-stream", nil, "data: ", "finishReason"},
		"Bedrock": {bedrockPath + "/converse-stream", converse, "application/vnd.amazon.eventstream", nil, ":event-type",
			"messageStop"},
	}
}

func TestStreamsBreakOffInEveryFraming(t *testing.T) {
	for name, c := range spokenStreams() {
		for spec, is := range map[string]func(error) bool{
			"reset-mid-stream:2": isReset, "truncate-stream:2": isCut, "reset-mid-stream:99": isReset, "truncate-stream:99": isCut,
			"no-done": func(err error) bool { return err == nil },
		} {
			t.Run(name+" "+spec, func(t *testing.T) {
				server := start(t, fakeprovider.Options{})
				headers := append(append(fault(spec), "x-fake-tokens", "5"), c.headers...)
				response, err := send(t, server, c.path, c.body, headers...)
				if err != nil {
					t.Fatal(err)
				}
				stream, err := io.ReadAll(response.Body)
				if !is(err) || count(stream, c.end) > 0 || count(stream, c.event) < 2 {
					t.Errorf("%v after %q", err, stream)
				}
				record := ended(t, server)
				if early := strings.HasSuffix(spec, ":2"); record.State != fakeprovider.Faulted || (record.EventsSent == 2) != early {
					t.Errorf("record %+v", record)
				}
			})
		}
	}
}

func TestStreamsAreCompressedInEveryFraming(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range spokenStreams() {
		response, stream := call(t, server, c.path, c.body, append(fault("gzip"), c.headers...)...)
		unpacked, err := gzip.NewReader(bytes.NewReader(stream))
		if err != nil {
			t.Fatal(name, err)
		}
		plain, err := io.ReadAll(unpacked)
		if err != nil || count(plain, c.end) == 0 || response.Header.Get("content-type") != c.kind {
			t.Errorf("%s: %v, %s: %q", name, err, response.Header.Get("content-type"), plain)
		}
	}
}

func TestNoiseComesUnderEveryContentType(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	for name, c := range spokenStreams() {
		response, noise := call(t, server, c.path, c.body, append(fault("garbage"), c.headers...)...)
		if response.Header.Get("content-type") != c.kind || count(noise, "garbage") == 0 || count(noise, c.event) > 0 {
			t.Errorf("%s: %s %q", name, response.Header.Get("content-type"), noise)
		}
		_, stream := call(t, server, c.path, c.body, append(fault("garbage-event:2"), c.headers...)...)
		if count(stream, ",,not json") != 1 || count(stream, c.end) == 0 {
			t.Errorf("%s: noise amid %q", name, stream)
		}
	}
}

func TestUsageGoesWrongInEveryDialect(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	answers := spokenStreams()
	for name, c := range map[string]spokenStream{
		"a message":      {path: messagesPath, body: message, headers: claude},
		"content":        {path: geminiPath + ":generateContent", body: contents},
		"a conversation": {path: bedrockPath + "/converse", body: converse},
		"an embedding":   {path: geminiPath + ":embedContent", body: `{"content":{"parts":[{"text":"x"}]}}`},
	} {
		answers[name] = c
	}
	for name, c := range answers {
		_, missing := call(t, server, c.path, c.body, append(fault("no-usage"), c.headers...)...)
		_, wrong := call(t, server, c.path, c.body, append(fault("bad-usage"), c.headers...)...)
		if count(missing, "_tokens")+count(missing, "Tokens")+count(missing, "TokenCount") > 0 {
			t.Errorf("%s: usage is told: %s", name, missing)
		}
		if count(wrong, `"many"`) == 0 {
			t.Errorf("%s: usage is not wrong: %s", name, wrong)
		}
	}
}
