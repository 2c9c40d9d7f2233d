// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Page sizes of the list of models.
const (
	anthropicPage    = 20
	anthropicMaxPage = 1000
)

type anthropicModel struct {
	Type    string `json:"type"`
	ID      string `json:"id"`
	Name    string `json:"display_name"`
	Created string `json:"created_at"`
	Input   int    `json:"max_input_tokens"`
	Output  int    `json:"max_tokens"`
}

func anthropicModelNamed(id string) anthropicModel {
	return anthropicModel{
		Type: "model", ID: id, Name: "Fake " + id, Created: time.Unix(modelsCreated, 0).UTC().Format(time.RFC3339),
		Input: 200_000, Output: 64_000,
	}
}

// listModels gives a page of models: limit, after_id and before_id as the API has them.
func (a anthropic) listModels(r *http.Request, _ []byte) (call, *failure) {
	query, ids, limit := r.URL.Query(), a.server.options.Models, anthropicPage
	if said := query.Get("limit"); said != "" {
		var err error
		if limit, err = strconv.Atoi(said); err != nil || limit < 1 || limit > anthropicMaxPage {
			return nil, refusedf("limit: Input should be between 1 and %d", anthropicMaxPage)
		}
	}
	if before := query.Get("before_id"); before != "" {
		ids = ids[:max(0, slices.Index(ids, before))]
	}
	if after := query.Get("after_id"); after != "" {
		at := slices.Index(ids, after)
		if at < 0 {
			return nil, badRequest("after_id: Invalid cursor")
		}
		ids = ids[at+1:]
	}
	page := ids[:min(limit, len(ids))]
	models := make([]anthropicModel, 0, len(page))
	for _, id := range page {
		models = append(models, anthropicModelNamed(id))
	}
	body := map[string]any{"data": models, "has_more": len(page) < len(ids), "first_id": nil, "last_id": nil}
	if len(page) > 0 {
		body["first_id"], body["last_id"] = page[0], page[len(page)-1]
	}
	return fixedCall{body: marshal(body)}, nil
}

func (a anthropic) getModel(r *http.Request, _ []byte) (call, *failure) {
	id := r.PathValue("id")
	if !slices.Contains(a.server.options.Models, BaseModel(id)) {
		return nil, &failure{status: http.StatusNotFound, message: "model: " + id}
	}
	return fixedCall{about: subject{model: id}, body: marshal(anthropicModelNamed(id))}, nil
}
