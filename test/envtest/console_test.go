// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/console"
)

// nothing is a cluster without gateways.
type nothing struct{}

func (nothing) Gateways(context.Context) ([]v1alpha1.SparkGateway, error) { return nil, nil }

func (nothing) Resources(context.Context, *v1alpha1.SparkGateway) (console.Resources, error) {
	return console.Resources{}, errors.New("there is none")
}

// The API server says who may see the console, by the roles that are installed; the operator needs no more rights than its own to ask.
func TestTheAPIServerSaysWhoSeesTheConsole(t *testing.T) {
	namespace := newNamespace(t)
	installRoles(t)
	operator := account(t, namespace, "operator", "spark-operator-metrics-auth")
	viewer, stranger := account(t, namespace, "viewer", "spark-console-viewer"), account(t, namespace, "stranger", "")
	address := serveConsole(t, operator)
	call := func(method, path, token string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "https://"+address+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		// Its certificate is its own.
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		defer transport.CloseIdleConnections()
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	// The API server takes a moment to hear of its own roles.
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if status, _ := call("GET", "/console/api/overview", viewer); status == http.StatusOK {
			break
		}
	}
	for name, test := range map[string]struct {
		method, path, token string
		want                int
	}{
		"the page needs no token":               {"GET", "/console/", "", 200},
		"without a token":                       {"GET", "/console/api/overview", "", 401},
		"with a token that is none":             {"GET", "/console/api/overview", "canary-token", 401},
		"with a token of somebody who may not":  {"GET", "/console/api/overview", stranger, 403},
		"with a token of somebody who may":      {"GET", "/console/api/overview", viewer, 200},
		"a viewer may not use the playground":   {"POST", "/console/api/play", viewer, 403},
		"one who may asks for what there isn't": {"GET", "/console/api/overview?gateway=a/b", viewer, 404},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := call(test.method, test.path, test.token)
			if status != test.want || test.token != "" && strings.Contains(body, test.token) {
				t.Errorf("status %d, want %d: %s", status, test.want, body)
			}
		})
	}
}

// serveConsole runs a console with the rights of a token, until the test ends.
func serveConsole(t *testing.T, token string) (address string) {
	t.Helper()
	own := rest.AnonymousClientConfig(apiServer)
	own.BearerToken = token
	web, err := rest.HTTPClientFor(own)
	if err != nil {
		t.Fatal(err)
	}
	guard, err := console.Authorized(own, web, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	settings, err := console.Certificate(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &console.Server{Listener: listener, TLS: settings, Handler: console.NewHandler(console.Options{
		Cluster: nothing{}, Version: "test", Guard: guard, Log: func(err error, what string) { t.Errorf("%s: %v", what, err) },
	})}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Error("the console does not end")
		}
	})
	return listener.Addr().String()
}

// installRoles applies the ClusterRoles of config/rbac/metrics_auth.yaml.
func installRoles(t *testing.T) {
	t.Helper()
	content, err := os.ReadFile("../../config/rbac/metrics_auth.yaml")
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	for {
		var role rbacv1.ClusterRole
		if err := decoder.Decode(&role); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		if role.Kind != "ClusterRole" {
			continue
		}
		if err := client.IgnoreAlreadyExists(cluster.Create(t.Context(), &role)); err != nil {
			t.Fatal(err)
		}
	}
}

// account makes a ServiceAccount, bound to a ClusterRole unless that is empty, and gives a token of it.
func account(t *testing.T, namespace, name, role string) (token string) {
	t.Helper()
	of := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := cluster.Create(t.Context(), of); err != nil {
		t.Fatal(err)
	}
	if role != "" {
		binding := &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: namespace + "-" + name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: namespace, Name: name}},
		}
		if err := cluster.Create(t.Context(), binding); err != nil {
			t.Fatal(err)
		}
	}
	request := &authenticationv1.TokenRequest{}
	if err := cluster.SubResource("token").Create(t.Context(), of, request); err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}
