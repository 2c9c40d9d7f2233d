// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	operatormetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/test/metrics"
)

const metricsPage = "../../docs/metrics.md"

// scrape gives the metrics of a pod.
func (b *bed) scrape(address string) []byte {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+strings.TrimSuffix(address, "8080")+"9090/metrics", nil)
	if err != nil {
		b.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

func TestWhatIsScrapedIsWhatThePageStates(t *testing.T) {
	b := newBed(t)
	gw, k := gateway(1), apiKey("alice")
	yes := true
	gw.Spec.Telemetry = &v1alpha1.Telemetry{Metrics: &v1alpha1.GatewayMetrics{PerKeyLabels: &yes}}
	b.create(providerSecret(), gw, policy("fake"), k)
	b.becomes(k, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.becomes(gw, v1alpha1.Ready, metav1.ConditionTrue, v1alpha1.ReasonReady)
	address := b.addresses()[0]
	if status, _, body := b.chat(address, b.secretOf("alice"), "fake-model"); status != http.StatusOK {
		t.Fatalf("the pod answers %d %s", status, body)
	}
	b.chat(address, "spark-of-nobody", "fake-model")
	var text []byte
	b.eventually("the request is counted", func() bool {
		text = b.scrape(address)
		return bytes.Contains(text, []byte("spark_key_requests_total{"))
	})
	names := metrics.Check(t, text, metricsPage)
	for _, want := range []string{
		"gen_ai_client_operation_duration_seconds", "gen_ai_client_token_usage", "gen_ai_server_request_duration_seconds",
		"spark_build_info", "spark_config_applied_timestamp_seconds", "spark_config_info",
		"spark_config_reloads_total", "spark_config_sequence", "spark_draining", "spark_key_requests_total", "spark_requests_total",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("the pod does not show %s", want)
		}
	}
	recorded := httptest.NewRecorder()
	promhttp.HandlerFor(operatormetrics.Registry, promhttp.HandlerOpts{}).ServeHTTP(recorded, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	names = metrics.Check(t, recorded.Body.Bytes(), metricsPage)
	want := []string{
		"spark_operator_acks_total", "spark_operator_apply_to_programmed_seconds", "spark_operator_gateways", "spark_operator_pods_lagging",
		"spark_operator_gateway_pods", "spark_operator_pushes_total", "spark_operator_reconciles_total", "spark_operator_status_writes_total",
	}
	for _, name := range want {
		if !slices.Contains(names, name) {
			t.Errorf("the operator does not show %s", name)
		}
	}
}
