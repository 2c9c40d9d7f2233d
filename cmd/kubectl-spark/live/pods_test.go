// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

// fleet is a cluster whose gateway "main" has two pods that run, and what else there is.
type fleet struct {
	*Cluster
	begun, stopped atomic.Int64
}

// newFleet gives one whose pods serve so; to those that do not there is no way.
func newFleet(t *testing.T, without string, pods map[string]http.HandlerFunc) *fleet {
	t.Helper()
	data, _, err := issue.Admin(nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pending := pod("main-p", "main", "False", false)
	pending.Status.Phase = corev1.PodPending
	var there []runtime.Object
	if without != "secret" {
		there = append(there, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: render.AdminSecretName("main")}, Data: data})
	}
	if without != "pods" {
		there = append(there, pod("main-b", "main", "False", true), pod("main-a", "main", "True", false))
	}
	f := &fleet{}
	f.Cluster = &Cluster{Namespace: "team", clients: fake.NewClientset(append(there, pod("other-a", "other", "True", false), pending)...)}
	// Pods that are asked at once must not make their listeners at once: a test has one goroutine.
	addresses := map[string]string{}
	for name, serve := range pods {
		addresses[name] = listener(t, data, serve)
	}
	f.forward = func(_ context.Context, pod string, _ int) (string, func() error, error) {
		if addresses[pod] == "" {
			return "", nil, errors.New("no route")
		}
		f.begun.Add(1)
		return addresses[pod], func() error { f.stopped.Add(1); return nil }, nil
	}
	return f
}

// serving answers what is asked so, and with a status of its own whatever else.
func serving(method, path, asked string, status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || r.Method != method || r.URL.Path != path || string(got) != asked {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// said is a Told whose error is its text.
type said struct {
	Pod    string
	Answer config.CachePurged
	Err    string
}

func TestPurgeTellsEveryPod(t *testing.T) {
	const asked = `{"route":"team/smart"}`
	purging := func(status int, body string) http.HandlerFunc {
		return serving("POST", config.PurgePath, asked, status, body)
	}
	tests := map[string]struct {
		without, pod string
		pods         map[string]http.HandlerFunc
		want         []said
		wrong        string
	}{
		"all that run, those that leave among them": {
			pods: map[string]http.HandlerFunc{"main-a": purging(200, `{"removed":3}`), "main-b": purging(200, `{"removed":4,"shared":true}`)},
			want: []said{{Pod: "main-a", Answer: config.CachePurged{Removed: 3}}, {Pod: "main-b", Answer: config.CachePurged{Removed: 4, Shared: true}}},
		},
		"the one that is named": {
			pod: "main-b", pods: map[string]http.HandlerFunc{"main-b": purging(200, `{"removed":4}`)},
			want: []said{{Pod: "main-b", Answer: config.CachePurged{Removed: 4}}},
		},
		"one that cannot be reached": {
			pods: map[string]http.HandlerFunc{"main-b": purging(200, `{"removed":4}`)},
			want: []said{{Pod: "main-a", Err: "forward a port: no route"}, {Pod: "main-b", Answer: config.CachePurged{Removed: 4}}},
		},
		"one that is older, and one whose store is away": {
			pods: map[string]http.HandlerFunc{"main-a": purging(404, "404 page not found"), "main-b": purging(502, "the shared store could not be told\n")},
			want: []said{{Pod: "main-a", Err: "its release cannot purge its cache"}, {Pod: "main-b", Err: "the shared store could not be told"}},
		},
		"one that breaks, and one that is none": {
			pods: map[string]http.HandlerFunc{"main-a": purging(500, ""), "main-b": purging(200, "<")},
			want: []said{{Pod: "main-a", Err: "it answers with status 500"}, {Pod: "main-b", Err: "its answer cannot be read"}},
		},
		"one of another gateway": {pod: "other-a", wrong: "--pod other-a is none that runs of SparkGateway team/main, which has main-a, main-b"},
		"one that does not run":  {pod: "main-p", wrong: "--pod main-p is none that runs"},
		"no pod":                 {without: "pods", wrong: "SparkGateway team/main has no pod that runs"},
		"no gateway":             {without: "secret", wrong: "has no Secret main-spark-admin"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, tt.without, tt.pods)
			all, err := f.Purge(t.Context(), "main", tt.pod, config.CachePurge{Route: "team/smart"})
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("got %v, want %q", err, tt.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []said
			for _, one := range all {
				s := said{Pod: one.Pod, Answer: one.Answer}
				if one.Err != nil {
					s.Err = one.Err.Error()
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if f.begun.Load() != int64(len(tt.pods)) || f.stopped.Load() != f.begun.Load() {
				t.Errorf("%d of %d forwards ended", f.stopped.Load(), f.begun.Load())
			}
		})
	}
}

// Who waits for one pod does not keep the others waiting: each here answers only once both were asked.
func TestPodsAreAskedAtOnce(t *testing.T) {
	var both sync.WaitGroup
	both.Add(2)
	meeting := func(instance string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			both.Done()
			both.Wait()
			serving("GET", config.ErrorsPath, "", 200, `{"instance":"`+instance+`","groups":[]}`)(w, r)
		}
	}
	f := newFleet(t, "", map[string]http.HandlerFunc{"main-a": meeting("1"), "main-b": meeting("2")})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all, err := f.Errors(ctx, "main", "")
	if err != nil || len(all) != 2 || all[0].Answer.Instance != "1" || all[1].Answer.Instance != "2" || all[0].Err != nil || all[1].Err != nil {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestPodsOfAnOlderReleaseHaveNoErrors(t *testing.T) {
	f := newFleet(t, "", map[string]http.HandlerFunc{"main-a": http.NotFound})
	all, err := f.Errors(t.Context(), "main", "main-a")
	if err != nil || len(all) != 1 || all[0].Err == nil || all[0].Err.Error() != "its release does not group errors" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestAQuestionToAllCanBeGivenUp(t *testing.T) {
	f := newFleet(t, "", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Errors(ctx, "main", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
