// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/sparkgateway/spark/api/manifest"
)

// refusal is one reason for which an object is not accepted. An API server's and package manifest's are worded
// differently, but they are about the same fields.
type refusal struct{ field, message string }

// verdict is nil for an accepted object.
type verdict []refusal

func (v verdict) fields() []string {
	var fields []string
	for _, r := range v {
		fields = append(fields, r.field)
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// resources are the API paths of kinds below a namespace.
var resources = map[string]string{
	"SparkGateway":   "/apis/sparkgateway.dev/v1alpha1/namespaces/%s/sparkgateways",
	"ProviderPolicy": "/apis/sparkgateway.dev/v1alpha1/namespaces/%s/providerpolicies",
	"ModelRoute":     "/apis/sparkgateway.dev/v1alpha1/namespaces/%s/modelroutes",
	"UsagePolicy":    "/apis/sparkgateway.dev/v1alpha1/namespaces/%s/usagepolicies",
	"APIKey":         "/apis/sparkgateway.dev/v1alpha1/namespaces/%s/apikeys",
	"Secret":         "/api/v1/namespaces/%s/secrets",
}

// judgements gives what the API server and package manifest say of one YAML document.
func judgements(t *testing.T, kind, namespace, document string) (server, offline verdict) {
	t.Helper()
	return dryRun(t, kind, namespace, document), parse(document)
}

func parse(document string) verdict {
	_, problems := manifest.Parse([]manifest.File{{Name: "f.yaml", Content: []byte(document)}})
	var v verdict
	for _, p := range problems {
		v = append(v, refusal{p.Field, p.Reason})
	}
	return v
}

// dryRun creates the object with strict field validation without keeping it. The document is sent as it is, so that
// the API server does all of the decoding.
func dryRun(t *testing.T, kind, namespace, document string) verdict {
	t.Helper()
	client, err := rest.HTTPClientFor(apiServer)
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSuffix(apiServer.Host, "/") + fmt.Sprintf(resources[kind], namespace) + "?dryRun=All&fieldValidation=Strict"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader([]byte(document)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/yaml")
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode == http.StatusCreated {
		return nil
	}
	var status metav1.Status
	if err := json.Unmarshal(body, &status); err != nil {
		t.Fatalf("%s: %s", response.Status, body)
	}
	return refusals(status)
}

func refusals(status metav1.Status) verdict {
	if status.Details == nil || len(status.Details.Causes) == 0 {
		return verdict{{"", cmp.Or(status.Message, string(status.Reason))}}
	}
	var v verdict
	for _, cause := range status.Details.Causes {
		// "Some validation rules were not checked" is about the validation, not the object.
		if cause.Field != "<nil>" || !strings.Contains(cause.Message, "were not checked") {
			v = append(v, refusal{strings.TrimPrefix(cause.Field, "<nil>"), cause.Message})
		}
	}
	return v
}
