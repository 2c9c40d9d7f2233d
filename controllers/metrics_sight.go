// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/fleet"
)

// lookTimeout bounds the look at the cache, which answers at once.
const lookTimeout = 2 * time.Second

// Sight shows how the cluster is when somebody looks. Every pod of the operator shows the gateways, and only the one that leads
// knows of pods that lag: sums over the operator's pods are of no use, maxima are. It is safe for concurrent use, as far as its
// functions are.
type Sight struct {
	// Gateways gives what there is; where that cannot be had, ok is false.
	Gateways func() (all []GatewaySight, ok bool)
	// Lagging counts the pods that have not said that they run what they should, of each gateway by what they say instead.
	Lagging func() map[types.NamespacedName]map[fleet.AckResult]int
}

// GatewaySight is what a SparkGateway's status says.
type GatewaySight struct {
	Name types.NamespacedName
	// Ready is the status of that condition, Unknown before it is there.
	Ready metav1.ConditionStatus
	// Pods are nil before they were counted.
	Pods *v1alpha1.PodCounts
}

var (
	gatewaysSeen = prometheus.NewDesc("spark_operator_gateways",
		"SparkGateways, by the status of their condition Ready: True, False or Unknown. Each is counted as 1.", []string{"namespace", "gateway", "ready"}, nil)
	podsSeen = prometheus.NewDesc("spark_operator_gateway_pods",
		"Pods of a SparkGateway, as its status counts them: desired, ready, programmed.", []string{"namespace", "gateway", "state"}, nil)
	laggingSeen = prometheus.NewDesc("spark_operator_pods_lagging",
		"Gateway pods that have not said that they run the configuration that is wanted of them: behind (another revision), rejected, or silent.",
		[]string{"namespace", "gateway", "reason"}, nil)
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
	descriptions <- podsSeen
	descriptions <- laggingSeen
}

// Collect implements prometheus.Collector.
func (s *Sight) Collect(metrics chan<- prometheus.Metric) {
	tell := func(what *prometheus.Desc, n int, of types.NamespacedName, word string) {
		metrics <- prometheus.MustNewConstMetric(what, prometheus.GaugeValue, float64(n), of.Namespace, of.Name, word)
	}
	for name, lag := range s.Lagging() {
		for reason, n := range lag {
			tell(laggingSeen, n, name, string(reason))
		}
	}
	all, ok := s.Gateways()
	if !ok {
		return
	}
	for _, g := range all {
		tell(gatewaysSeen, 1, g.Name, string(g.Ready))
		if g.Pods == nil {
			continue
		}
		tell(podsSeen, int(g.Pods.Desired), g.Name, "desired")
		tell(podsSeen, int(g.Pods.Ready), g.Name, "ready")
		tell(podsSeen, int(g.Pods.Programmed), g.Name, "programmed")
	}
}

// seenGateways reads by a reader, which is the cache.
func seenGateways(reader client.Reader) (all []GatewaySight, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	var found v1alpha1.SparkGatewayList
	if err := reader.List(ctx, &found); err != nil {
		return nil, false
	}
	for i := range found.Items {
		g := &found.Items[i]
		is := cmp.Or(conditionOf(g.Status.Conditions, v1alpha1.Ready).Status, metav1.ConditionUnknown)
		all = append(all, GatewaySight{client.ObjectKeyFromObject(g), is, g.Status.Pods})
	}
	return all, true
}
