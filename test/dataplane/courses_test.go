// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparkgateway/spark/gateway/admin"
	"github.com/sparkgateway/spark/gateway/config"
)

// course asks a gateway's administrative listener for the course of a request; the status is 404 where it is not kept.
func (s *setup) course(id string) (config.Course, int) {
	s.t.Helper()
	s.settled()
	report := s.report()
	w := httptest.NewRecorder()
	admin.Handler(report.Reloader, report).ServeHTTP(w, httptest.NewRequest(http.MethodGet, config.CoursesPath+id, nil))
	var got config.Course
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			s.t.Fatal(err)
		}
	}
	return got, w.Code
}

// marked asks a route, so that the course is kept.
func (s *setup) marked(a application, stream bool) answer {
	s.t.Helper()
	r := s.ask(a, "hello [[fake tokens=5]]", stream)
	r.Header.Set(config.CourseHeader, "1")
	return s.do(r)
}

func TestACourseHasTheAttemptsThatWereMade(t *testing.T) {
	first := config.CourseAttempt{Kind: "first", Provider: "default/fake", Model: "gpt-4o", UpstreamModel: "gpt-4o", UpstreamStatus: 503,
		Outcome: "provider_failed", Reason: "upstream_status"}
	second := config.CourseAttempt{Kind: "failover", Provider: "default/second", Model: "gpt-4o", UpstreamModel: "gpt-4o", UpstreamStatus: 200,
		Outcome: "ok"}
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("streamed %v", stream), func(t *testing.T) {
			backup := secondProvider(t)
			s := start(t, withDocument(withBackup(backup, nil)))
			mustScript(t, s.provider, "status:503")
			got := s.marked(applications["chat"], stream)
			if got.StatusCode != 200 {
				t.Fatalf("%d: %s", got.StatusCode, got.body)
			}
			want := config.Course{ID: got.Header.Get("X-Request-Id"), Key: "default/alice", Route: "default/smart", Status: 200, Outcome: "ok",
				Attempts: []config.CourseAttempt{first, second}}
			course, _ := s.course(want.ID)
			times := cmpopts.IgnoreFields(config.CourseAttempt{}, "StartMS", "DurationMS", "FirstMS", "Tokens")
			if diff := cmp.Diff(want, course, times, cmpopts.IgnoreFields(config.Course{}, "DurationMS")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if a := course.Attempts; len(a) == 2 && (a[0].DurationMS <= 0 || a[1].StartMS < a[0].StartMS+a[0].DurationMS || a[1].Tokens == 0 || course.DurationMS < a[1].StartMS) {
				t.Errorf("the times do not fit: %+v", course)
			}
		})
	}
}

func TestACourseSaysHowAStreamBroke(t *testing.T) {
	s := start(t)
	mustScript(t, s.provider, "reset-mid-stream:2")
	got := s.marked(applications["chat"], true)
	course, _ := s.course(got.Header.Get("X-Request-Id"))
	if got.StatusCode != 200 || course.Outcome == "ok" || course.Outcome == "" || len(course.Attempts) != 1 || course.Attempts[0].Outcome != course.Outcome {
		t.Errorf("status %d: %+v", got.StatusCode, course)
	}
}

func TestCoursesAreKeptOfThoseWhoAsk(t *testing.T) {
	s := start(t)
	plain := s.smart(applications["chat"], false)
	if _, status := s.course(plain.Header.Get("X-Request-Id")); status != http.StatusNotFound {
		t.Errorf("a course that nobody asked for is kept: status %d", status)
	}
	stranger := s.ask(applications["chat"], "hello", false)
	stranger.Header.Set("Authorization", "Bearer nobody")
	stranger.Header.Set(config.CourseHeader, "1")
	if refused := s.do(stranger); refused.StatusCode != 401 {
		t.Fatalf("status %d", refused.StatusCode)
	} else if _, status := s.course(refused.Header.Get("X-Request-Id")); status != http.StatusNotFound {
		t.Errorf("a stranger's course is kept: status %d", status)
	}
	if _, status := s.course(""); status != http.StatusNotFound {
		t.Errorf("no request has a course: status %d", status)
	}
	oldest := s.marked(applications["chat"], false).Header.Get("X-Request-Id")
	for range 64 {
		if _, status := s.course(oldest); status != http.StatusOK {
			t.Fatalf("the course is forgotten early: status %d", status)
		}
		s.marked(applications["chat"], false)
	}
	if _, status := s.course(oldest); status != http.StatusNotFound {
		t.Errorf("more are kept than may be: status %d", status)
	}
}

func TestACourseHasTheAttemptThatWasOvertaken(t *testing.T) {
	backup := secondProvider(t)
	s := start(t, withDocument(withBackup(backup, func(d *config.Document) {
		d.Core.Routes[0].Hedge = &config.Hedge{After: config.Duration(100 * time.Millisecond), MaxExtraPercent: 50}
	})))
	for range 4 { // what the budget of hedges is made of
		s.smart(applications["chat"], false)
	}
	mustScript(t, s.provider, "hang")
	got := s.marked(applications["chat"], true)
	course, _ := s.course(got.Header.Get("X-Request-Id"))
	var attempts []string
	for _, a := range course.Attempts {
		attempts = append(attempts, a.Kind+" "+a.Provider+" "+a.Outcome)
	}
	want := []string{"first default/fake overtaken", "hedge default/second ok"}
	if diff := cmp.Diff(want, attempts); diff != "" || got.StatusCode != 200 || course.Outcome != "ok" {
		t.Errorf("status %d, %+v (-want +got):\n%s", got.StatusCode, course, diff)
	}
}
