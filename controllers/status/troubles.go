// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

// Trouble is a model that a gateway's pods keep out or, with an empty Model, a health check that fails there.
type Trouble struct {
	Gateway types.NamespacedName
	Model   string
}

// Reason gives the reason of the Event that tells of it: that it begins, or that it is over.
func (t Trouble) Reason(begins bool) string {
	switch {
	case t.Model != "" && begins:
		return "BreakerOpened"
	case t.Model != "":
		return "BreakerClosed"
	case begins:
		return string(v1alpha1.ReasonHealthCheckFailed)
	}
	return "HealthCheckSucceeded"
}

// Troubles holds what is known to be wrong with a provider. A model is in it from the opening of its breaker until the
// breaker is closed in every pod.
type Troubles map[Trouble]bool

// News is a trouble that begins or is over.
type News struct {
	Trouble
	Begins  bool
	Message string
}

// Next gives what is wrong now and what is news about that, in a stable order. A gateway of which not every pod is heard
// ends no trouble.
func (t Troubles) Next(gateways []GatewayTraffic) (Troubles, []News) {
	next := Troubles{}
	var news []News
	for _, g := range gateways {
		v := listen(g)
		present := v.troubles(g.Gateway)
		for trouble, message := range present {
			if !t[trouble] {
				if message == "" {
					continue
				}
				news = append(news, News{trouble, true, message})
			}
			next[trouble] = true
		}
		for trouble := range t {
			if _, still := present[trouble]; still || trouble.Gateway != g.Gateway {
				continue
			}
			if v.pending || len(v.silent) > 0 || v.said == 0 {
				next[trouble] = true
				continue
			}
			news = append(news, News{trouble, false, trouble.over()})
		}
	}
	slices.SortFunc(news, func(a, b News) int {
		return cmp.Or(cmp.Compare(a.Gateway.String(), b.Gateway.String()), cmp.Compare(a.Model, b.Model))
	})
	return next, news
}

// troubles gives what pods of a gateway say is wrong. The message is empty for breakers that are half open only, which
// are a trouble that goes on but none that begins.
func (v *voices) troubles(gateway types.NamespacedName) map[Trouble]string {
	present := map[Trouble]string{}
	for _, o := range v.out {
		trouble := Trouble{gateway, o.model}
		if message := present[trouble]; message == "" {
			if o.state == v1alpha1.BreakerOpen {
				message = fmt.Sprintf("SparkGateway %s: %s is open in pod %s: %s", gateway, o.model, o.pod, o.reason)
			}
			present[trouble] = bounded(message)
		}
	}
	if len(v.ill) > 0 {
		present[Trouble{Gateway: gateway}] = bounded(fmt.Sprintf("SparkGateway %s: the health check fails in pod %s",
			gateway, strings.Join(v.ill, "; in pod ")))
	}
	return present
}

func (t Trouble) over() string {
	if t.Model == "" {
		return fmt.Sprintf("SparkGateway %s: the health check succeeds again", t.Gateway)
	}
	return fmt.Sprintf("SparkGateway %s: the breaker of %s is closed again", t.Gateway, t.Model)
}

// Told gives the troubles that a status told of already: those at gateways that it does not call well. An operator that
// has just started says nothing of them once more; settled says that it has heard all pods that there are to hear.
func Told(gateways []GatewayTraffic, s v1alpha1.ProviderPolicyStatus) (told Troubles, settled bool) {
	present, _ := Troubles{}.Next(gateways)
	failing := healthOf(s).Reason == string(v1alpha1.ReasonHealthCheckFailed)
	maps.DeleteFunc(present, func(t Trouble, _ bool) bool {
		was := trafficOf(s, t.Gateway)
		known := was != nil && (was.Breaker == v1alpha1.BreakerOpen || was.Breaker == v1alpha1.BreakerHalfOpen)
		if t.Model == "" {
			known = failing
		}
		return !known
	})
	unheard := func(g GatewayTraffic) bool { v := listen(g); return v.pending }
	return present, !slices.ContainsFunc(gateways, unheard)
}
