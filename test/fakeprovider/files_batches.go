// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// batch is a batch as it is told of. Every look at it takes it a step on: validating, in_progress, completed.
type batch struct {
	ID          string            `json:"id"`
	Object      string            `json:"object"`
	Endpoint    string            `json:"endpoint"`
	Model       *string           `json:"model"`
	Errors      json.RawMessage   `json:"errors"`
	InputFile   string            `json:"input_file_id"`
	Window      string            `json:"completion_window"`
	Status      string            `json:"status"`
	OutputFile  *string           `json:"output_file_id"`
	ErrorFile   *string           `json:"error_file_id"`
	CreatedAt   int64             `json:"created_at"`
	InProgress  *int64            `json:"in_progress_at"`
	ExpiresAt   int64             `json:"expires_at"`
	CompletedAt *int64            `json:"completed_at"`
	CancelledAt *int64            `json:"cancelled_at"`
	Counts      batchCounts       `json:"request_counts"`
	Metadata    map[string]string `json:"metadata"`
}

type batchCounts struct {
	Total     int `json:"total"`
	Completed int `json:"completed"`
	Failed    int `json:"failed"`
}

type batchRequest struct {
	InputFile   string            `json:"input_file_id"`
	Endpoint    string            `json:"endpoint"`
	Window      string            `json:"completion_window"`
	Metadata    map[string]string `json:"metadata"`
	OutputAfter json.RawMessage   `json:"output_expires_after"`
}

// batchLine is one request of a batch's file.
type batchLine struct {
	CustomID string          `json:"custom_id"`
	Method   string          `json:"method"`
	URL      string          `json:"url"`
	Body     json.RawMessage `json:"body"`
}

const secondsOfDay = 24 * 60 * 60

func (f files) createBatch(_ *http.Request, body []byte) (call, *failure) {
	var request batchRequest
	if fail := decodeOpenAI(body, &request); fail != nil {
		return nil, fail
	}
	file, known := f.kept.get(request.InputFile)
	switch {
	case f.runs[request.Endpoint] == nil:
		return nil, invalid("endpoint", fmt.Sprintf("Invalid value: '%s' for 'endpoint'.", clip(request.Endpoint, maxEcho)))
	case request.Window != "24h":
		return nil, invalid("completion_window", "Invalid value for 'completion_window'. Supported values are: '24h'.")
	case !known:
		return nil, invalid("input_file_id", "Invalid 'input_file_id': no such file.")
	case file.Purpose != "batch":
		return nil, invalid("input_file_id", fmt.Sprintf("Invalid 'input_file_id': its purpose is '%s', not 'batch'.", file.Purpose))
	}
	return &markedCall{render: func(_ directives, s stamp) reply {
		b := batch{
			ID: "batch_" + s.id, Object: "batch", Endpoint: request.Endpoint, InputFile: file.ID, Window: request.Window,
			Status: "validating", CreatedAt: s.created, ExpiresAt: s.created + secondsOfDay, Metadata: request.Metadata,
		}
		f.batches.put(b.ID, b)
		return reply{body: marshal(b)}
	}}, nil
}

func (f files) listBatches(r *http.Request, _ []byte) (call, *failure) {
	return paged(r, f.batches.list(), func(b batch) string { return b.ID })
}

func noBatch(id string) *failure {
	return &failure{
		status: http.StatusNotFound, param: "batch_id", message: fmt.Sprintf("No batch found with id '%s'.", clip(id, maxEcho)),
	}
}

func (f files) showBatch(r *http.Request, _ []byte) (call, *failure) {
	id := r.PathValue("id")
	if _, known := f.batches.get(id); !known {
		return nil, noBatch(id)
	}
	return &markedCall{render: func(_ directives, s stamp) reply {
		b, _ := f.batches.change(id, func(b batch) batch { return f.step(b, s) })
		return reply{body: marshal(b)}
	}}, nil
}

func (f files) cancelBatch(r *http.Request, _ []byte) (call, *failure) {
	b, known := f.batches.change(r.PathValue("id"), func(b batch) batch {
		if b.Status == "validating" || b.Status == "in_progress" {
			b.Status = "cancelling"
		}
		return b
	})
	switch {
	case !known:
		return nil, noBatch(r.PathValue("id"))
	case b.Status != "cancelling" && b.Status != "cancelled":
		return nil, &failure{
			status: http.StatusConflict, message: fmt.Sprintf("Cannot cancel a batch with status '%s'.", b.Status),
		}
	}
	return fixedCall{body: marshal(b)}, nil
}

// step takes a batch on.
func (f files) step(b batch, s stamp) batch {
	now := s.created
	switch b.Status {
	case "validating":
		b.Status, b.InProgress = "in_progress", &now
	case "cancelling":
		b.Status, b.CancelledAt = "cancelled", &now
	case "in_progress":
		output, counts := f.run(b, s)
		file := keptFile{
			ID: "file-" + s.id, Object: "file", Bytes: len(output), CreatedAt: now, Filename: b.ID + "_output.jsonl",
			Purpose: "batch_output", Status: "processed", contents: output,
		}
		f.kept.put(file.ID, file)
		b.Status, b.CompletedAt, b.OutputFile, b.Counts = "completed", &now, &file.ID, counts
	}
	return b
}

// run answers every line of a batch's file.
func (f files) run(b batch, s stamp) ([]byte, batchCounts) {
	input, _ := f.kept.get(b.InputFile) // what was deleted meanwhile has no lines
	var output []byte
	var counts batchCounts
	for raw := range bytes.Lines(input.contents) {
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		counts.Total++
		line := batchLine{}
		_ = json.Unmarshal(raw, &line) // what is none asks for nothing that is there
		status, body := f.answer(b, line, s)
		if status == http.StatusOK {
			counts.Completed++
		} else {
			counts.Failed++
		}
		output = append(output, marshal(map[string]any{
			"id": fmt.Sprintf("batch_req_%s_%d", s.id, counts.Total), "custom_id": line.CustomID, "error": nil,
			"response": map[string]any{"status_code": status, "request_id": s.id, "body": json.RawMessage(body)},
		})...)
		output = append(output, '\n')
	}
	return output, counts
}

func (f files) answer(b batch, line batchLine, s stamp) (status int, body []byte) {
	op := f.runs[line.URL]
	if op == nil || line.URL != b.Endpoint || line.Method != http.MethodPost {
		fail := badRequest("The URL of the line is not the batch's endpoint.")
		return fail.status, f.failureBody(fail)
	}
	c, fail := op(nil, line.Body)
	if fail != nil {
		return fail.status, f.failureBody(fail)
	}
	if c.subject().stream {
		fail := badRequest("Streams cannot be asked for in a batch.")
		return fail.status, f.failureBody(fail)
	}
	return http.StatusOK, c.reply(directives{}, s).body
}
