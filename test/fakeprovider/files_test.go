// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

type file struct {
	ID, Object, Filename, Purpose, Status string
	Bytes                                 int
	ExpiresAt                             *int64 `json:"expires_at"`
	CreatedAt                             int64  `json:"created_at"`
}

func uploaded(t *testing.T, server *fakeprovider.Server, purpose, content string, pairs ...string) file {
	t.Helper()
	response, body := post(t, server, "/v1/files", append([]string{"purpose", purpose, "file", "@" + content}, pairs...)...)
	if response.StatusCode != 200 {
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	var got file
	decode(t, body, &got)
	return got
}

func TestFilesAreKept(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	first := uploaded(t, server, "user_data", "hello", "expires_after[anchor]", "created_at", "expires_after[seconds]", "3600")
	second := uploaded(t, server, "batch", "{}")
	if first.Bytes != 5 || first.Filename != "sent.bin" || first.Status != "processed" || *first.ExpiresAt != first.CreatedAt+3600 {
		t.Errorf("%+v", first)
	}
	var list struct {
		Data []file
		More bool `json:"has_more"`
	}
	if get(t, server, "/v1/files", &list); len(list.Data) != 2 || list.Data[0].ID != second.ID {
		t.Errorf("newest first: %+v", list)
	}
	if get(t, server, "/v1/files?purpose=user_data", &list); len(list.Data) != 1 || list.Data[0].ID != first.ID {
		t.Errorf("by purpose: %+v", list)
	}
	if get(t, server, "/v1/files?limit=1", &list); len(list.Data) != 1 || !list.More {
		t.Errorf("a page: %+v", list)
	}
	if get(t, server, "/v1/files?after="+second.ID, &list); len(list.Data) != 1 || list.Data[0].ID != first.ID {
		t.Errorf("the next page: %+v", list)
	}
	var again file
	if get(t, server, "/v1/files/"+first.ID, &again); again.ID != first.ID {
		t.Errorf("%+v", again)
	}
	status, content := do(t, server, "GET", "/v1/files/"+first.ID+"/content", "")
	if status != 200 || content != "hello" {
		t.Errorf("%d %q", status, content)
	}
	if status, content := do(t, server, "DELETE", "/v1/files/"+first.ID, ""); status != 200 || !strings.Contains(content, `"deleted":true`) {
		t.Errorf("%d %s", status, content)
	}
	for _, call := range [][2]string{{"GET", ""}, {"GET", "/content"}, {"DELETE", ""}} {
		if status, _ := do(t, server, call[0], "/v1/files/"+first.ID+call[1], ""); status != 404 {
			t.Errorf("%v of a file that is gone: %d", call, status)
		}
	}
	for _, wrong := range [][]string{{"purpose", "batch"}, {"purpose", "fun", "file", "@a"}, {"file", "@a"}} {
		if response, _ := post(t, server, "/v1/files", wrong...); response.StatusCode != 400 {
			t.Errorf("%v: %d", wrong, response.StatusCode)
		}
	}
	server.Reset()
	if get(t, server, "/v1/files", &list); len(list.Data) != 0 {
		t.Errorf("after a reset: %+v", list)
	}
}

func TestOnlySoManyFilesAreKept(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	first := uploaded(t, server, "vision", "a")
	for range 64 {
		uploaded(t, server, "vision", "b")
	}
	if status, _ := do(t, server, "GET", "/v1/files/"+first.ID, ""); status != 404 {
		t.Errorf("the oldest is still there: %d", status)
	}
	response, _ := post(t, server, "/v1/files", "purpose", "vision", "file", "@"+strings.Repeat("x", 8<<20+1))
	if response.StatusCode != 413 {
		t.Errorf("a file that is too large: %d", response.StatusCode)
	}
}

type batch struct {
	ID, Status string
	Output     *string                                `json:"output_file_id"`
	Counts     struct{ Total, Completed, Failed int } `json:"request_counts"`
	Metadata   map[string]string
}

func TestABatchRunsWhatItsFileAsksFor(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	lines := `{"custom_id":"one","method":"POST","url":"/v1/chat/completions","body":` + plain + `}
{"custom_id":"two","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}
{"custom_id":"three","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":"a"}}

{"custom_id":"four","method":"POST","url":"/v1/chat/completions","body":` + streamed + `}
`
	input := uploaded(t, server, "batch", lines)
	body := fmt.Sprintf(`{"input_file_id":%q,"endpoint":"/v1/chat/completions","completion_window":"24h","metadata":{"k":"v"}}`, input.ID)
	_, content := tell(t, server, "/v1/batches", body)
	var got batch
	decode(t, content, &got)
	if got.Status != "validating" || got.Metadata["k"] != "v" {
		t.Fatalf("%s", content)
	}
	for _, want := range []string{"in_progress", "completed", "completed"} {
		if get(t, server, "/v1/batches/"+got.ID, &got); got.Status != want {
			t.Errorf("%s, want %s", got.Status, want)
		}
	}
	if got.Counts.Total != 4 || got.Counts.Completed != 1 || got.Counts.Failed != 3 {
		t.Errorf("%+v", got)
	}
	_, output := do(t, server, "GET", "/v1/files/"+*got.Output+"/content", "")
	for i, line := range strings.Split(strings.TrimSpace(output), "\n") {
		var answer struct {
			CustomID string `json:"custom_id"`
			Response struct {
				Status int `json:"status_code"`
				Body   completion
			}
		}
		decode(t, []byte(line), &answer)
		want := 400
		if i == 0 {
			want = 200
		}
		if answer.CustomID != []string{"one", "two", "three", "four"}[i] || answer.Response.Status != want {
			t.Errorf("line %d: %s", i, line)
		}
		if i == 0 && answer.Response.Body.Usage.PromptTokens != fakeprovider.PromptTokens("hi") {
			t.Errorf("%+v", answer)
		}
	}
}

func TestBatchesAreListedCancelledAndRefused(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	input, other := uploaded(t, server, "batch", "{}"), uploaded(t, server, "vision", "a")
	create := func(id, endpoint, window string) (int, batch) {
		response, content := tell(t, server, "/v1/batches",
			fmt.Sprintf(`{"input_file_id":%q,"endpoint":%q,"completion_window":%q}`, id, endpoint, window))
		var got batch
		decode(t, content, &got)
		return response.StatusCode, got
	}
	for name, c := range map[string][3]string{
		"of no file":             {"file-none", "/v1/embeddings", "24h"},
		"of another file":        {other.ID, "/v1/embeddings", "24h"},
		"of another endpoint":    {input.ID, "/v1/images/generations", "24h"},
		"in another window":      {input.ID, "/v1/embeddings", "1h"},
		"of nothing whatsoever":  {"", "", ""},
		"of a file without name": {"", "/v1/embeddings", "24h"},
	} {
		if status, _ := create(c[0], c[1], c[2]); status != 400 {
			t.Errorf("a batch %s: %d", name, status)
		}
	}
	_, made := create(input.ID, "/v1/embeddings", "24h")
	var got batch
	if status := remake(t, server, "POST", "/v1/batches/"+made.ID+"/cancel", &got); status != 200 || got.Status != "cancelling" {
		t.Errorf("%d %+v", status, got)
	}
	if get(t, server, "/v1/batches/"+made.ID, &got); got.Status != "cancelled" {
		t.Errorf("%+v", got)
	}
	_, done := create(input.ID, "/v1/embeddings", "24h")
	for range 2 {
		get(t, server, "/v1/batches/"+done.ID, &got)
	}
	var failed map[string]any
	if status := remake(t, server, "POST", "/v1/batches/"+done.ID+"/cancel", &failed); status != 409 {
		t.Errorf("one that is done: %d", status)
	}
	for _, call := range [][2]string{{"GET", ""}, {"POST", "/cancel"}} {
		if status := remake(t, server, call[0], "/v1/batches/batch_none"+call[1], &failed); status != 404 {
			t.Errorf("%v: %d", call, status)
		}
	}
	var list struct{ Data []batch }
	if get(t, server, "/v1/batches", &list); len(list.Data) != 2 || list.Data[0].ID != done.ID {
		t.Errorf("%+v", list)
	}
}
