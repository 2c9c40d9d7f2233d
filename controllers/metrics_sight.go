// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// lookTimeout bounds the look at the cache, which answers at once.
const lookTimeout = 2 * time.Second

// Sight shows how the cluster is when somebody looks. It is safe for concurrent use, as far as its functions are.
type Sight struct {
	// Gateways counts SparkGateways by the status of their condition Ready; where they cannot be had, ok is false.
	Gateways func() (ready map[metav1.ConditionStatus]int, ok bool)
	// Lagging counts the pods that have not said that they run what they should.
	Lagging func() int
}

var (
	gatewaysSeen = prometheus.NewDesc("spark_operator_gateways",
		"SparkGateways, by the status of their condition Ready: True, False or Unknown.", []string{"ready"}, nil)
	laggingSeen = prometheus.NewDesc("spark_operator_pods_lagging",
		"Gateway pods that have not said that they run the configuration that is wanted of them.", nil, nil)
)

// Register makes this the sight of a registry, in place of a former one.
func (s Sight) Register(reg prometheus.Registerer) error {
	c := &s
	err := reg.Register(c)
	var there prometheus.AlreadyRegisteredError
	if errors.As(err, &there) {
		reg.Unregister(there.ExistingCollector)
		err = reg.Register(c)
	}
	return err
}

// Describe implements prometheus.Collector.
func (s *Sight) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- gatewaysSeen
	descriptions <- laggingSeen
}

// Collect implements prometheus.Collector.
func (s *Sight) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.MustNewConstMetric(laggingSeen, prometheus.GaugeValue, float64(s.Lagging()))
	ready, ok := s.Gateways()
	if !ok {
		return
	}
	for _, status := range []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown} {
		metrics <- prometheus.MustNewConstMetric(gatewaysSeen, prometheus.GaugeValue, float64(ready[status]), string(status))
	}
}

// readyGateways counts by a reader, which is the cache.
func readyGateways(reader client.Reader) (ready map[metav1.ConditionStatus]int, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	var all v1alpha1.SparkGatewayList
	if err := reader.List(ctx, &all); err != nil {
		return nil, false
	}
	ready = map[metav1.ConditionStatus]int{}
	for i := range all.Items {
		is := conditionOf(all.Items[i].Status.Conditions, v1alpha1.Ready).Status
		if is == "" {
			is = metav1.ConditionUnknown
		}
		ready[is]++
	}
	return ready, true
}
