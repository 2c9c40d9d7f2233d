// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// Bounds of what is kept.
const (
	maxFileBytes = 8 << 20
	maxFiles     = 64
	maxBatches   = 256
)

// files is the part of OpenAI's API that keeps files, and works on them in batches.
type files struct {
	openAI
	kept    *shelf[keptFile]
	batches *shelf[batch]
	runs    map[string]operation // what a batch may ask for, by URL
}

func newFiles(s *Server) files {
	o, r := newOpenAI(s), newResponses(s)
	return files{
		openAI: o, kept: newShelf[keptFile](s, maxFiles), batches: newShelf[batch](s, maxBatches),
		runs: map[string]operation{
			"/v1/chat/completions": o.chat, "/v1/completions": o.completions, "/v1/embeddings": o.embeddings,
			"/v1/moderations": o.moderations, "/v1/responses": r.create,
		},
	}
}

func (f files) operations() map[string]operation {
	return map[string]operation{
		"POST /v1/files":               f.upload,
		"GET /v1/files":                f.list,
		"GET /v1/files/{id}":           f.show,
		"GET /v1/files/{id}/content":   f.content,
		"DELETE /v1/files/{id}":        f.remove,
		"POST /v1/batches":             f.createBatch,
		"GET /v1/batches":              f.listBatches,
		"GET /v1/batches/{id}":         f.showBatch,
		"POST /v1/batches/{id}/cancel": f.cancelBatch,
	}
}

// keptFile is a file as it is told of, and what is in it.
type keptFile struct {
	ID        string `json:"id"`
	Object    string `json:"object"`
	Bytes     int    `json:"bytes"`
	CreatedAt int64  `json:"created_at"`
	ExpiresAt *int64 `json:"expires_at"`
	Filename  string `json:"filename"`
	Purpose   string `json:"purpose"`
	Status    string `json:"status"`

	contents []byte
}

// purposes are what a file may be uploaded for.
var purposes = []string{"assistants", "batch", "fine-tune", "vision", "user_data", "evals"}

func (f files) upload(r *http.Request, body []byte) (call, *failure) {
	read, fail := formOf(r, body, "file", "purpose", "expires_after[anchor]", "expires_after[seconds]")
	if fail != nil {
		return nil, fail
	}
	sent, fail := read.required("file")
	if fail != nil {
		return nil, fail
	}
	purpose := read.value("purpose")
	if fail := oneOf("purpose", &purpose, purposes...); fail != nil {
		return nil, fail
	}
	if len(sent.content) > maxFileBytes {
		return nil, &failure{
			status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("The file is larger than %d bytes.", maxFileBytes),
		}
	}
	return &markedCall{render: func(_ directives, s stamp) reply {
		file := keptFile{
			ID: "file-" + s.id, Object: "file", Bytes: len(sent.content), CreatedAt: s.created, Filename: sent.name,
			Purpose: purpose, Status: "processed", contents: sent.content,
		}
		if seconds, err := strconv.ParseInt(read.value("expires_after[seconds]"), 10, 64); err == nil {
			end := s.created + seconds
			file.ExpiresAt = &end
		}
		f.kept.put(file.ID, file)
		return reply{body: marshal(file)}
	}}, nil
}

func (f files) list(r *http.Request, _ []byte) (call, *failure) {
	list := f.kept.list()
	if purpose := r.URL.Query().Get("purpose"); purpose != "" {
		list = slices.DeleteFunc(list, func(file keptFile) bool { return file.Purpose != purpose })
	}
	return paged(r, list, func(file keptFile) string { return file.ID })
}

func (f files) find(r *http.Request) (keptFile, *failure) {
	id := r.PathValue("id")
	file, known := f.kept.get(id)
	if !known {
		return file, &failure{
			status: http.StatusNotFound, param: "id", message: "No such File object: " + clip(id, maxEcho),
		}
	}
	return file, nil
}

func (f files) show(r *http.Request, _ []byte) (call, *failure) {
	file, fail := f.find(r)
	return fixedCall{body: marshal(file)}, fail
}

func (f files) content(r *http.Request, _ []byte) (call, *failure) {
	file, fail := f.find(r)
	return &markedCall{render: func(directives, stamp) reply {
		return reply{body: file.contents, contentType: "application/octet-stream"}
	}}, fail
}

func (f files) remove(r *http.Request, _ []byte) (call, *failure) {
	file, fail := f.find(r)
	if fail != nil {
		return nil, fail
	}
	f.kept.take(file.ID)
	return fixedCall{body: marshal(map[string]any{"id": file.ID, "object": "file", "deleted": true})}, nil
}
