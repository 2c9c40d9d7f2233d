// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/gateway/config"
)

// maxProblem bounds what is told of a pod's complaint about a question.
const maxProblem = 512

// question is a call whose answer is JSON. The words say what it means that a pod has nothing at the path, or that its answer is
// something else.
type question struct {
	method, path        string
	body                any
	unknown, unreadable string
}

// Health asks a pod for all that it says of itself. Its errors are in stable words, as Call's.
func (h *HTTPCaller) Health(ctx context.Context, gateway types.NamespacedName, t Target, pod Pod) (config.Health, error) {
	return put[config.Health](ctx, h, destination{gateway, t, pod}, question{
		method: http.MethodGet, path: config.HealthPath,
		unknown: "its release does not tell its health", unreadable: "its answer is not its health",
	})
}

// Errors asks a pod how requests failed, in such words too.
func (h *HTTPCaller) Errors(ctx context.Context, gateway types.NamespacedName, t Target, pod Pod) (config.ErrorReport, error) {
	return put[config.ErrorReport](ctx, h, destination{gateway, t, pod}, question{
		method: http.MethodGet, path: config.ErrorsPath,
		unknown: "its release does not group errors", unreadable: "its answer is not a report of errors",
	})
}

// Explain asks a pod what it would do with a request. What is wrong with the question is said in the pod's own words.
func (h *HTTPCaller) Explain(ctx context.Context, gateway types.NamespacedName, t Target, pod Pod, asked config.ExplainRequest) (config.Explanation, error) {
	return put[config.Explanation](ctx, h, destination{gateway, t, pod}, question{
		method: http.MethodPost, path: config.ExplainPath, body: asked,
		unknown: "its release does not explain requests", unreadable: "its answer is not an explanation",
	})
}

// Course asks a pod what became of a request that bore config.CourseHeader and is over.
func (h *HTTPCaller) Course(ctx context.Context, gateway types.NamespacedName, t Target, pod Pod, id string) (config.Course, error) {
	return put[config.Course](ctx, h, destination{gateway, t, pod}, question{
		method: http.MethodGet, path: config.CoursesPath + url.PathEscape(id),
		unknown: "it keeps no course of the request", unreadable: "its answer is not the course of a request",
	})
}

// destination is a pod, and the way there.
type destination struct {
	gateway types.NamespacedName
	target  Target
	pod     Pod
}

// put asks a question.
func put[T any](ctx context.Context, h *HTTPCaller, to destination, q question) (T, error) {
	var none, told T
	var body []byte
	if q.body != nil {
		var err error
		if body, err = json.Marshal(q.body); err != nil {
			return none, problem("the question cannot be encoded")
		}
	}
	ctx, cancel := context.WithTimeout(ctx, h.ask)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, q.method, "https://"+to.pod.Address+q.path, bytes.NewReader(body))
	if err != nil {
		return none, problem("its address is not usable")
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	status, answer, err := h.do(request, to.gateway, to.target, maxState)
	switch {
	case err != nil:
		return none, err
	case status == http.StatusNotFound:
		return none, problem(q.unknown)
	case status == http.StatusUnprocessableEntity && len(answer) > 0:
		return none, problem(strings.TrimSpace(strings.ToValidUTF8(string(answer[:min(len(answer), maxProblem)]), "")))
	case status != http.StatusOK:
		return none, unexpected(status)
	}
	if json.Unmarshal(answer, &told) != nil {
		return none, problem(q.unreadable)
	}
	return told, nil
}
