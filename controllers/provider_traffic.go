// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/controllers/status"
)

// Hearing gives what the pods of a gateway say of a provider, by UID.
type Hearing interface {
	Words(gateway types.NamespacedName, provider string) map[string]fleet.Word
}

// traffic tells what pods say of providers, and keeps of each what its next status depends on. It is safe for
// concurrent use.
type traffic struct {
	Hearing
	Telling

	mu   sync.Mutex
	kept map[types.NamespacedName]memory
}

// memory is of one provider.
type memory struct {
	// wrote is when its status was written last, zero before.
	wrote time.Time
	// troubles are those that Events told of.
	troubles status.Troubles
	// found is the status that was there when the operator started, until every pod is heard; settled says that they are.
	found   *v1alpha1.ProviderPolicyStatus
	settled bool
}

// next gives what is news, and keeps that it was told.
func (m *memory) next(said []status.GatewayTraffic, before v1alpha1.ProviderPolicyStatus) (news []status.News) {
	if !m.settled {
		if m.found == nil {
			m.found, m.troubles = &before, status.Troubles{}
		}
		told, settled := status.Told(said, *m.found)
		maps.Copy(m.troubles, told)
		if m.settled = settled; settled {
			m.found = nil
		}
	}
	m.troubles, news = m.troubles.Next(said)
	return news
}

// complete fills in what pods say, and tells by Events what is news about it, whether or not the status may be written
// already.
func (t *traffic) complete(next, before *v1alpha1.ProviderPolicy, attached []status.AttachedTo) Completion {
	name, now := client.ObjectKeyFromObject(next), t.Now()
	said := t.gather(name, attached)
	next.Status = status.Provider(next.Generation, now, next.Status.AttachedStatus, said, before.Status)

	t.mu.Lock()
	kept := t.kept[name]
	news := kept.next(said, before.Status)
	every, worth := status.Pace(before.Status, next.Status)
	wait := max(0, kept.wrote.Add(every).Sub(now))
	if worth && wait == 0 {
		kept.wrote = now
	}
	t.kept[name] = kept
	t.mu.Unlock()

	for _, n := range news {
		t.Events.news(next, n)
	}
	return Completion{Worth: worth, Wait: wait}
}

// gather gives what the pods of the gateways that serve a provider say of it.
func (t *traffic) gather(provider types.NamespacedName, attached []status.AttachedTo) []status.GatewayTraffic {
	var all []status.GatewayTraffic
	for _, a := range attached {
		if !a.Exists || !a.Attachment.Verdict.Served() {
			continue
		}
		g := status.GatewayTraffic{Gateway: a.Gateway}
		words := t.Words(a.Gateway, provider.String())
		for _, pod := range t.Board.Report(a.Gateway).Pods {
			w := words[pod.UID]
			g.Pods = append(g.Pods, status.PodTraffic{
				Pod: pod.Name, Heard: w.Heard, State: w.State, Silence: w.Silence, Problem: w.Problem})
		}
		all = append(all, g)
	}
	return all
}

func (t *traffic) forget(name types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.kept, name)
}
