// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
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

// listener is a pod's administrative listener, with credentials as the operator issues them.
func listener(t *testing.T, data map[string][]byte, serve http.HandlerFunc) string {
	t.Helper()
	pair, err := tls.X509KeyPair(data[render.AdminServerCert], data[render.AdminServerKey])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(data[render.AdminCA])
	server := httptest.NewUnstartedServer(serve)
	server.TLS = &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots,
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "https://")
}

func pod(name, gateway string, is corev1.ConditionStatus, leaving bool) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "team", Name: name, Labels: map[string]string{render.GatewayLabel: gateway},
	}}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: "True"}, {Type: corev1.PodReady, Status: is}}
	if leaving {
		p.DeletionTimestamp, p.Finalizers = &metav1.Time{Time: time.Unix(1, 0)}, []string{"x"}
	}
	return p
}

func TestExplainAsksAPod(t *testing.T) {
	data, _, err := issue.Admin(nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := issue.Admin(nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	admin := func(data map[string][]byte) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: render.AdminSecretName("main")}, Data: data}
	}
	told := config.Explanation{Method: "POST", Model: "smart", Targets: []config.ExplainedTarget{{Provider: "team/p", Chance: 0.5}}}
	answering := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var asked config.ExplainRequest
			if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || r.URL.Path != config.ExplainPath || string(asked.Body) != "{}" || asked.Key != "k" {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	good, err := json.Marshal(told)
	if err != nil {
		t.Fatal(err)
	}
	all := []runtime.Object{
		admin(data), pod("main-a", "main", "False", false), pod("main-b", "main", "True", true), pod("main-c", "main", "True", false), pod("other-a", "other", "True", false),
	}
	tests := map[string]struct {
		objects []runtime.Object
		serve   http.HandlerFunc
		pod     string
		broken  error // of the forwarding
		asked   string
		wrong   string
	}{
		"one that is ready":              {objects: all, serve: answering(200, string(good)), asked: "main-c"},
		"the one that is named":          {objects: all, serve: answering(200, string(good)), pod: "main-a", asked: "main-a"},
		"one of another gateway":         {objects: all, pod: "other-a", wrong: "--pod other-a is none of SparkGateway team/main, which has main-a, main-b, main-c"},
		"none is ready":                  {objects: all[:3], wrong: "SparkGateway team/main has no pod that is ready, of main-a, main-b; name one with --pod"},
		"no pod":                         {objects: all[:1], wrong: "has no pod that is ready, of none"},
		"no gateway":                     {wrong: "--gateway main: namespace team has no Secret main-spark-admin, which the operator makes for each SparkGateway"},
		"credentials that are none":      {objects: []runtime.Object{admin(nil)}, wrong: "the Secret main-spark-admin: the client certificate and key do not make a pair"},
		"credentials of another gateway": {objects: append([]runtime.Object{admin(other)}, all[1:]...), serve: answering(200, string(good)), wrong: "pod main-c: "},
		"no way to the pod":              {objects: all, broken: errors.New("no route"), wrong: "pod main-c: forward a port: no route"},
		"a question that is none":        {objects: all, serve: answering(422, "key: none\n"), wrong: "pod main-c: key: none"},
		"an older release":               {objects: all, serve: answering(404, ""), wrong: "pod main-c: its release does not explain requests"},
		"a broken answer":                {objects: all, serve: answering(200, "<"), wrong: "pod main-c: its answer is no explanation"},
		"another status":                 {objects: all, serve: answering(500, ""), wrong: "pod main-c: it answers with status 500"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			stopped := 0
			c := &Cluster{Namespace: "team", clients: fake.NewClientset(tt.objects...)}
			c.forward = func(context.Context, string, int) (string, func() error, error) {
				if tt.broken != nil {
					return "", nil, tt.broken
				}
				return listener(t, data, tt.serve), func() error { stopped++; return nil }, nil
			}
			got, asked, err := c.Explain(t.Context(), "main", tt.pod, config.ExplainRequest{Body: []byte("{}"), Key: "k"})
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("got %v, want %q", err, tt.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(told, got); diff != "" || asked != tt.asked || stopped != 1 {
				t.Errorf("%s was asked, forwarding ended %d times; %s", asked, stopped, diff)
			}
		})
	}
}

// What is dialled is the pod's port, in the namespace of the options, with the rights of the kubeconfig.
func TestConnect(t *testing.T) {
	asked := make(chan string, 10)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization") + " " + r.Header.Get("Upgrade")
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	file := t.TempDir() + "/config"
	write(t, file, `{"apiVersion":"v1","kind":"Config","current-context":"here","contexts":[
		{"name":"here","context":{"cluster":"c","user":"u","namespace":"mine"}},{"name":"there","context":{"cluster":"c","user":"u"}}],
		"clusters":[{"name":"c","cluster":{"insecure-skip-tls-verify":true,"server":"`+server.URL+`"}}],"users":[{"name":"u","user":{"token":"rights"}}]}`)
	for want, o := range map[string]Options{
		"mine": {Kubeconfig: file}, "team": {Kubeconfig: file, Namespace: "team"}, "default": {Kubeconfig: file, Context: "there"},
	} {
		c, err := Connect(o)
		if err != nil || c.Namespace != want {
			t.Fatalf("%+v: %+v, %v", o, c, err)
		}
	}
	if _, err := Connect(Options{Kubeconfig: file, Context: "nowhere"}); err == nil {
		t.Error("a context that there is not")
	}
	c, err := Connect(Options{Kubeconfig: file})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.forward(t.Context(), "main-a", 9443); err == nil {
		t.Error("forwarded without the right to")
	}
	// By WebSocket first, and then as older API servers have it.
	var got []string
	for len(asked) > 0 {
		got = append(got, <-asked)
	}
	const path = "/api/v1/namespaces/mine/pods/main-a/portforward Bearer rights "
	if diff := cmp.Diff([]string{"GET " + path + "websocket", "POST " + path + "SPDY/3.1"}, got); diff != "" {
		t.Error(diff)
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
