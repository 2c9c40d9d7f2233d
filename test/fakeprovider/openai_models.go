// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"fmt"
	"net/http"
)

// modelsCreated is when every model of the list was made, so that lists compare equal (Unix seconds).
const modelsCreated = 1_735_689_600

type openAIModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

func modelNamed(id string) openAIModel {
	return openAIModel{ID: id, Object: "model", Created: modelsCreated, OwnedBy: "fake-provider"}
}

// fixedCall answers the same whatever the directives.
type fixedCall struct {
	about subject
	body  []byte
}

func (c fixedCall) subject() subject              { return c.about }
func (c fixedCall) reply(directives, stamp) reply { return reply{body: c.body} }

func (o openAI) listModels(*http.Request, []byte) (call, *failure) {
	models := make([]openAIModel, 0, len(o.server.options.Models))
	for _, id := range o.server.options.Models {
		models = append(models, modelNamed(id))
	}
	return fixedCall{body: marshal(map[string]any{"object": "list", "data": models})}, nil
}

func (o openAI) getModel(r *http.Request, _ []byte) (call, *failure) {
	id := r.PathValue("id")
	for _, known := range o.server.options.Models {
		if known == BaseModel(id) {
			return fixedCall{about: subject{model: id}, body: marshal(modelNamed(id))}, nil
		}
	}
	return nil, modelNotFound(id)
}

func modelNotFound(id string) *failure {
	return &failure{
		status: http.StatusNotFound, code: "model_not_found", param: "model",
		message: fmt.Sprintf("The model '%s' does not exist", id),
	}
}
