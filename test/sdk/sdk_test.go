// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sdk runs the official Go SDK through a gateway: only its base URL and key are Spark's. The script beside it
// starts the gateway and a fake provider.
package sdk

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func newClient(t *testing.T, keyVariable string) openai.Client {
	t.Helper()
	url, key := os.Getenv("SPARK_URL"), os.Getenv(keyVariable)
	if url == "" || key == "" {
		t.Fatalf("SPARK_URL and %s are not set: run test/sdk/run", keyVariable)
	}
	return openai.NewClient(option.WithBaseURL(url+"/v1"), option.WithAPIKey(key), option.WithMaxRetries(0))
}

func ask(model, text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    model,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
	}
}

const question = "Say something. [[fake tokens=12]]"

func TestTheSDKListsTheModelsOfTheKey(t *testing.T) {
	client := newClient(t, "SPARK_API_KEY")
	page, err := client.Models.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(page.Data, func(m openai.Model) bool { return m.ID == "fake-model" }) {
		t.Errorf("fake-model is not among %v", page.Data)
	}
}

func TestAChatAnswersWholeWithUsage(t *testing.T) {
	client := newClient(t, "SPARK_API_KEY")
	answer, err := client.Chat.Completions.New(t.Context(), ask("fake-model", question))
	if err != nil {
		t.Fatal(err)
	}
	if got := answer.Usage.CompletionTokens; got != 12 {
		t.Errorf("completion tokens: got %d, want 12", got)
	}
	if answer.Choices[0].Message.Content == "" || answer.Choices[0].FinishReason != "stop" {
		t.Errorf("not a whole answer: %+v", answer.Choices[0])
	}
}

func TestAStreamedChatEqualsTheWholeOne(t *testing.T) {
	client := newClient(t, "SPARK_API_KEY")
	whole, err := client.Chat.Completions.New(t.Context(), ask("fake-model", question))
	if err != nil {
		t.Fatal(err)
	}
	stream := client.Chat.Completions.NewStreaming(t.Context(), ask("fake-model", question))
	accumulated := openai.ChatCompletionAccumulator{}
	chunks := 0
	for stream.Next() {
		chunks++
		if chunk := stream.Current(); !accumulated.AddChunk(chunk) || len(chunk.Choices) != 1 {
			t.Errorf("chunk %d does not fit: %s", chunks, chunk.RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if got, want := accumulated.Choices[0].Message.Content, whole.Choices[0].Message.Content; got != want {
		t.Errorf("streamed %q, whole %q", got, want)
	}
	if chunks < 12 {
		t.Errorf("%d chunks for 12 tokens", chunks)
	}
}

func TestErrorsArriveAsTheSDKsOwn(t *testing.T) {
	for name, tc := range map[string]struct {
		key, model string
		wantStatus int
		wantCode   string
	}{
		"a wrong key":      {"SPARK_WRONG_KEY", "fake-model", 401, "invalid_api_key"},
		"an unknown model": {"SPARK_API_KEY", "no-such-model", 404, "model_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, tc.key)
			_, err := client.Chat.Completions.New(t.Context(), ask(tc.model, question))
			var refused *openai.Error
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want an openai.Error", err)
			}
			if refused.StatusCode != tc.wantStatus || refused.Code != tc.wantCode {
				t.Errorf("got %d %q, want %d %q", refused.StatusCode, refused.Code, tc.wantStatus, tc.wantCode)
			}
		})
	}
}

func TestAStreamThatBreaksIsAnErrorNeverACleanEnd(t *testing.T) {
	client := newClient(t, "SPARK_API_KEY")
	stream := client.Chat.Completions.NewStreaming(t.Context(), ask("fake-model", "[[fake tokens=20 fault=reset-mid-stream:5]]"))
	for stream.Next() {
		_ = stream.Current()
	}
	if stream.Err() == nil {
		t.Error("the stream ended as if it were whole")
	}
}
