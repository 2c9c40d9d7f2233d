// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
)

// form is a multipart request.
type form struct {
	fields map[string][]string
	files  map[string][]upload
}

type upload struct {
	name, contentType string
	content           []byte
}

// formOf reads a multipart body in which every field is one of those known.
func formOf(r *http.Request, body []byte, known ...string) (*form, *failure) {
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || parameters["boundary"] == "" {
		return nil, badRequest("Unsupported content type: '" + clip(r.Header.Get("Content-Type"), maxEcho) +
			"'. This API method only accepts 'multipart/form-data' requests.")
	}
	read := &form{fields: map[string][]string{}, files: map[string][]upload{}}
	parts := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return read, nil
		}
		if err != nil {
			return nil, badRequest("The multipart body could not be read: " + err.Error())
		}
		content, err := io.ReadAll(part) // it is a part of a body that is bounded
		if err != nil {
			return nil, badRequest("The multipart body could not be read: " + err.Error())
		}
		name := strings.TrimSuffix(part.FormName(), "[]") // how SDKs name the items of a list
		if !slices.Contains(known, name) {
			return nil, &failure{
				status: http.StatusBadRequest, param: name, code: "unknown_parameter",
				message: fmt.Sprintf("Unknown parameter: '%s'.", clip(name, maxEcho)),
			}
		}
		if part.FileName() == "" {
			read.fields[name] = append(read.fields[name], string(content))
			continue
		}
		read.files[name] = append(read.files[name], upload{part.FileName(), part.Header.Get("Content-Type"), content})
	}
}

// value is a field's only value; "" where there is none.
func (f *form) value(name string) string {
	if len(f.fields[name]) == 0 {
		return ""
	}
	return f.fields[name][0]
}

// word is a field's value for checks that tell one that is not given.
func (f *form) word(name string) *string { return orNull(f.value(name)) }

// required finds a file that must be there, and be something.
func (f *form) required(name string) (upload, *failure) {
	if len(f.files[name]) == 0 || len(f.files[name][0].content) == 0 {
		return upload{}, &failure{
			status: http.StatusBadRequest, param: name, code: "missing_required_parameter",
			message: fmt.Sprintf("Missing required parameter: '%s'.", name),
		}
	}
	return f.files[name][0], nil
}

// modelOf is the model that a form names or, on Azure, the deployment of the path.
func (f *form) modelOf(r *http.Request) string {
	if deployment := r.PathValue("deployment"); deployment != "" {
		return deployment
	}
	return f.value("model")
}
