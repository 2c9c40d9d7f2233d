// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/gateway/config"
)

func TestPodsTellOfThemselves(t *testing.T) {
	health := config.Health{
		Status: config.HealthDegraded, Reasons: []string{"a breaker is open"}, Gateway: gateway.String(), Pod: "uid",
		Traffic: []config.TrafficMinute{{At: time.Unix(60, 0).UTC(), Requests: 7, Duration: []int64{0, 7}}},
	}
	report := config.ErrorReport{Instance: "i", Groups: []config.ErrorGroup{{Fingerprint: "f", Count: 3}}}
	plan := config.Explanation{Method: "POST", Model: "smart"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+config.HealthPath, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(health) })
	mux.HandleFunc("GET "+config.ErrorsPath, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(report) })
	course := config.Course{ID: "0af7/../x", Status: 200, Attempts: []config.CourseAttempt{{Kind: "first", Provider: "team/a", Outcome: "ok"}}}
	mux.HandleFunc("GET "+config.CoursesPath+"{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") == course.ID {
			_ = json.NewEncoder(w).Encode(course)
		}
	})
	var asked config.ExplainRequest
	mux.HandleFunc("POST "+config.ExplainPath, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("a question of type %q", r.Header.Get("Content-Type"))
		}
		_ = json.NewDecoder(r.Body).Decode(&asked)
		_ = json.NewEncoder(w).Encode(plan)
	})
	data := credentials(t)
	address, connections := serve(t, data, mux)
	c := fleet.NewPatientHTTPCaller()
	t.Cleanup(func() { c.Forget(gateway) })
	target, pod := fleet.Target{Admin: data}, fleet.Pod{UID: "uid", Address: address}

	gotHealth, err := c.Health(t.Context(), gateway, target, pod)
	if diff := cmp.Diff(health, gotHealth); diff != "" || err != nil {
		t.Errorf("health: %v (-want +got):\n%s", err, diff)
	}
	gotReport, err := c.Errors(t.Context(), gateway, target, pod)
	if diff := cmp.Diff(report, gotReport); diff != "" || err != nil {
		t.Errorf("errors: %v (-want +got):\n%s", err, diff)
	}
	question := config.ExplainRequest{Body: []byte(`{"model":"smart"}`), Key: "team/alice"}
	gotPlan, err := c.Explain(t.Context(), gateway, target, pod, question)
	if diff := cmp.Diff(plan, gotPlan); diff != "" || err != nil {
		t.Errorf("explanation: %v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(question, asked); diff != "" {
		t.Errorf("what was asked (-want +got):\n%s", diff)
	}
	gotCourse, err := c.Course(t.Context(), gateway, target, pod, "0af7/../x")
	if diff := cmp.Diff(course, gotCourse); diff != "" || err != nil {
		t.Errorf("course: %v (-want +got):\n%s", err, diff)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("four calls took %d connections", n)
	}
}

func TestPodsThatTellNothing(t *testing.T) {
	data := credentials(t)
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, test := range map[string]struct {
		credentials                                    map[string][]byte
		handler                                        http.HandlerFunc
		wantHealth, wantErrors, wantPlans, wantCourses string
	}{
		"a pod of an older release": {data, http.NotFound,
			"its release does not tell its health", "its release does not group errors", "its release does not explain requests", "it keeps no course of the request"},
		"another status": {data, answer(500, "192.0.2.1 is ill"),
			"it answers with status 500", "it answers with status 500", "it answers with status 500", "it answers with status 500"},
		"something else": {data, answer(200, "hello"),
			"its answer is not its health", "its answer is not a report of errors", "its answer is not an explanation", "its answer is not the course of a request"},
		"half of it": {data, answer(200, `{"pod":"uid","errorGroups":"many","instance":"i","groups":7,"method":"POST","model":{},"id":7}`),
			"its answer is not its health", "its answer is not a report of errors", "its answer is not an explanation", "its answer is not the course of a request"},
		"more than a MiB": {data, answer(200, `{"instance":"`+strings.Repeat("x", 2<<20)+`"}`),
			"its answer is not its health", "its answer is not a report of errors", "its answer is not an explanation", "its answer is not the course of a request"},
		"a question that is wrong": {data, answer(422, "there is no key mallory\n"),
			"there is no key mallory", "there is no key mallory", "there is no key mallory", "there is no key mallory"},
		"a pod of another authority": {credentials(t), answer(200, "{}"),
			"its certificate is not valid", "its certificate is not valid", "its certificate is not valid", "its certificate is not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := serve(t, data, test.handler)
			c := fleet.NewPatientHTTPCaller()
			t.Cleanup(func() { c.Forget(gateway) })
			target, pod := fleet.Target{Admin: test.credentials}, fleet.Pod{Address: address}
			check := func(what, want string, got any, none any, err error) {
				t.Helper()
				if fmt.Sprint(err) != want {
					t.Errorf("%s: error %v, want %s", what, err, want)
				}
				if diff := cmp.Diff(none, got); diff != "" {
					t.Errorf("%s with an error (-want +got):\n%s", what, diff)
				}
			}
			health, err := c.Health(t.Context(), gateway, target, pod)
			check("health", test.wantHealth, health, config.Health{}, err)
			report, err := c.Errors(t.Context(), gateway, target, pod)
			check("errors", test.wantErrors, report, config.ErrorReport{}, err)
			plan, err := c.Explain(t.Context(), gateway, target, pod, config.ExplainRequest{})
			check("explanation", test.wantPlans, plan, config.Explanation{}, err)
			course, err := c.Course(t.Context(), gateway, target, pod, "0af7")
			check("course", test.wantCourses, course, config.Course{}, err)
		})
	}
}

func TestAComplaintIsBounded(t *testing.T) {
	data := credentials(t)
	address, _ := serve(t, data, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, strings.Repeat("ä", 5000))
	}))
	c := fleet.NewPatientHTTPCaller()
	t.Cleanup(func() { c.Forget(gateway) })
	_, err := c.Explain(t.Context(), gateway, fleet.Target{Admin: data}, fleet.Pod{Address: address}, config.ExplainRequest{})
	if want := strings.Repeat("ä", 256); fmt.Sprint(err) != want {
		t.Errorf("%d bytes are told, want %d", len(fmt.Sprint(err)), len(want))
	}
}

func TestAQuestionDoesNotOutliveItsContext(t *testing.T) {
	data := credentials(t)
	ctx, cancel := context.WithCancel(t.Context())
	address, _ := serve(t, data, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	c := fleet.NewPatientHTTPCaller()
	t.Cleanup(func() { c.Forget(gateway) })
	if _, err := c.Health(ctx, gateway, fleet.Target{Admin: data}, fleet.Pod{Address: address}); err == nil {
		t.Error("it answered")
	}
}
