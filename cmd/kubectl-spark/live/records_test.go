// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/sparkgateway/spark/controllers/issue"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/ledger"
)

func TestRecords(t *testing.T) {
	data, _, err := issue.Admin(nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	admin := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: render.AdminSecretName("main")}, Data: data}
	from := time.Date(2026, 3, 1, 1, 0, 0, 0, time.FixedZone("", 3600))
	telling := func(scope, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method != "GET" || r.URL.Path != config.RecordsPath || r.URL.Query().Get("from") != "2026-03-01T00:00:00Z" || r.URL.Query().Get("to") != "2026-03-02T00:00:00Z" {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			w.Header().Set(ledger.ScopeHeader, scope)
			_, _ = w.Write([]byte(body))
		}
	}
	refusing := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body, status) }
	}
	breaking := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("b1\n"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	pending := pod("main-p", "main", "False", false)
	pending.Status.Phase = corev1.PodPending
	two := []runtime.Object{admin, pod("main-a", "main", "True", false), pod("main-b", "main", "False", true), pod("other-a", "other", "True", false), pending}
	for name, tt := range map[string]struct {
		objects []runtime.Object
		pods    map[string]http.HandlerFunc
		want    []string
		silent  string
		wrong   string
	}{
		"those of all pods that run":        {two, map[string]http.HandlerFunc{"main-a": telling("pod", "a1\n\na2\n"), "main-b": telling("pod", "b1\n")}, []string{"a1", "a2", "b1"}, "", ""},
		"a store has them all":              {two, map[string]http.HandlerFunc{"main-a": telling("store", "a1\nb1\n")}, []string{"a1", "b1"}, "", ""},
		"a store behind a pod that is dumb": {two, map[string]http.HandlerFunc{"main-b": telling("store", "a1\nb1\n")}, []string{"a1", "b1"}, "", ""},
		"one that cannot be reached":        {two, map[string]http.HandlerFunc{"main-b": telling("pod", "b1\n")}, []string{"b1"}, "pod main-a: forward a port: no route", ""},
		"one that breaks off":               {two, map[string]http.HandlerFunc{"main-a": telling("pod", "a1"), "main-b": breaking}, []string{"a1", "b1"}, "pod main-b: its records break off: ", ""},
		"none can be reached":               {two, nil, nil, "", "pod main-b: forward a port: no route"},
		"older releases":                    {two[:2], map[string]http.HandlerFunc{"main-a": refusing(404, "404 page not found")}, nil, "", "pod main-a: its release keeps no usage records"},
		"no ledger":                         {two[:2], map[string]http.HandlerFunc{"main-a": refusing(404, "This gateway keeps no usage records.")}, nil, "", "pod main-a: This gateway keeps no usage records."},
		"another status":                    {two[:2], map[string]http.HandlerFunc{"main-a": refusing(500, "")}, nil, "", "pod main-a: it answers with status 500"},
		"no pod":                            {two[:1], nil, nil, "", "SparkGateway team/main has no pod that runs"},
		"no gateway":                        {nil, nil, nil, "", "has no Secret main-spark-admin"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &Cluster{Namespace: "team", clients: fake.NewClientset(tt.objects...)}
			stopped, begun := 0, 0
			c.forward = func(_ context.Context, pod string, _ int) (string, func() error, error) {
				if tt.pods[pod] == nil {
					return "", nil, errors.New("no route")
				}
				begun++
				return listener(t, data, tt.pods[pod]), func() error { stopped++; return nil }, nil
			}
			var got []string
			silent, err := c.Records(t.Context(), "main", from, from.Add(24*time.Hour), func(line []byte) error {
				got = append(got, string(line))
				return nil
			})
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("got %v, want %q", err, tt.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || stopped != begun {
				t.Errorf("%s; %d of %d forwards ended", diff, stopped, begun)
			}
			if (tt.silent == "") != (len(silent) == 0) || tt.silent != "" && !strings.Contains(silent[0].Error(), tt.silent) {
				t.Errorf("silent: %v, want %q", silent, tt.silent)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := &Cluster{Namespace: "team", clients: fake.NewClientset(two...)}
	c.forward = func(ctx context.Context, _ string, _ int) (string, func() error, error) { return "", nil, ctx.Err() }
	if _, err := c.Records(ctx, "main", from, from.Add(time.Hour), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a question that was given up: %v", err)
	}
}

func TestLines(t *testing.T) {
	broken, enough := errors.New("broken"), errors.New("enough")
	long := strings.Repeat("x", ledger.MaxLine)
	for name, tt := range map[string]struct {
		from io.Reader
		want []string
		err  error
	}{
		"one after another":               {strings.NewReader("a\nb\r\n\n \nc"), []string{"a", "b", "c"}, nil},
		"nothing":                         {strings.NewReader(""), nil, nil},
		"a long one is cut":               {strings.NewReader("a\n" + long + long + "yz\nb\n"), []string{"a", long, "b"}, nil},
		"a long one at the end":           {strings.NewReader(long + "y"), []string{long}, nil},
		"one that breaks off is not told": {io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), []string{"a"}, broken},
		"who has enough ends it":          {strings.NewReader("a\nend\nb"), []string{"a"}, enough},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			err := Lines(iotest.HalfReader(tt.from), func(line []byte) error {
				if string(line) == "end" {
					return enough
				}
				got = append(got, string(line))
				return nil
			})
			if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) {
				t.Errorf("%v; %s", err, diff)
			}
		})
	}
}
