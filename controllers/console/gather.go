// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/gateway/config"
)

const (
	// maxAsked bounds the pods that are asked for one overview, atOnce those that are asked at a time for all of them.
	maxAsked = 256
	atOnce   = 32
	// roundTime is how long pods have to speak, all together.
	roundTime = 5 * time.Second
)

// Resources are a gateway's pods and what attaches to it. They are only read.
type Resources struct {
	Providers []v1alpha1.ProviderPolicy
	Routes    []v1alpha1.ModelRoute
	Keys      []v1alpha1.APIKey
	Policies  []v1alpha1.UsagePolicy
	Members   []Member
	// Certificate is the chain, in PEM, that the gateway's pods serve TLS with; empty without TLS, or where there is none yet.
	Certificate []byte
	// Admin is the data of the Secret with the administrative credentials. It never leaves the process.
	Admin map[string][]byte
}

// Member is a pod of a gateway.
type Member struct {
	Name string
	// Ready is Kubernetes' word; Running says that Pod can be spoken to.
	Ready, Running bool
	Pod            fleet.Pod
}

// Cluster is what the console reads of a cluster. It is safe for concurrent use.
type Cluster interface {
	// Gateways gives all of them.
	Gateways(ctx context.Context) ([]v1alpha1.SparkGateway, error)
	// Resources gives what belongs to one.
	Resources(ctx context.Context, gateway *v1alpha1.SparkGateway) (Resources, error)
}

// Caller asks pods. Its errors hold no secrets and no addresses.
type Caller interface {
	Health(ctx context.Context, gateway types.NamespacedName, t fleet.Target, pod fleet.Pod) (config.Health, error)
	Errors(ctx context.Context, gateway types.NamespacedName, t fleet.Target, pod fleet.Pod) (config.ErrorReport, error)
	// Forget drops what is kept for a gateway, such as connections.
	Forget(gateway types.NamespacedName)
}

// voice is what one pod says, or why it is silent.
type voice struct {
	member  Member
	health  *config.Health
	errors  []config.ErrorGroup
	silence string
}

// subject is one gateway and all that is known of it.
type subject struct {
	gateway   *v1alpha1.SparkGateway
	resources Resources
	voices    []voice
	// unasked says that some pods were not asked, as there were too many.
	unasked bool
}

// hear asks the pods of all subjects, at most maxAsked of them, in parallel as far as there are slots, and never waits for longer than
// roundTime.
func hear(ctx context.Context, caller Caller, slots chan struct{}, subjects []subject) {
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	var asked sync.WaitGroup
	left := maxAsked
	for i := range subjects {
		s := &subjects[i]
		name := types.NamespacedName{Namespace: s.gateway.Namespace, Name: s.gateway.Name}
		members := shownMembers(s.resources.Members)
		s.voices = make([]voice, len(members))
		for j := range s.voices {
			v := &s.voices[j]
			v.member = members[j]
			switch {
			case !v.member.Running:
				v.silence = "it does not run"
				continue
			case left == 0:
				v.silence, s.unasked = "it was not asked, as there are too many pods; ask for this gateway alone", true
				continue
			}
			left--
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				v.silence = unheard
				continue
			}
			asked.Go(func() {
				defer func() { <-slots }()
				v.ask(ctx, caller, name, s.resources.Admin)
			})
		}
	}
	asked.Wait()
}

// shownMembers gives those that fit: the same ones every time, those that are not ready first.
func shownMembers(members []Member) []Member {
	sorted := slices.SortedFunc(slices.Values(members), func(a, b Member) int {
		if a.Ready != b.Ready {
			return map[bool]int{false: -1, true: 1}[a.Ready]
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return first(sorted, maxPods)
}

// unheard is why a pod is silent that was never asked.
const unheard = "there was no time left to ask it, as others did not answer"

// ask has one pod speak.
func (v *voice) ask(ctx context.Context, caller Caller, gateway types.NamespacedName, admin map[string][]byte) {
	if ctx.Err() != nil {
		v.silence = unheard
		return
	}
	t := fleet.Target{Admin: admin}
	health, err := caller.Health(ctx, gateway, t, v.member.Pod)
	if err == nil && (health.Pod != v.member.Pod.UID || health.Gateway != gateway.String()) {
		err = errors.New("another process answers at its address")
	}
	if err != nil {
		v.silence = err.Error()
		return
	}
	v.health = &health
	// That a pod does not tell how requests failed does not make it silent.
	if report, err := caller.Errors(ctx, gateway, t, v.member.Pod); err == nil {
		v.errors = report.Groups
	}
}

// told gives the pods that spoke.
func (s *subject) told() []*config.Health {
	var out []*config.Health
	for i := range s.voices {
		if s.voices[i].health != nil {
			out = append(out, s.voices[i].health)
		}
	}
	return out
}

// failures gives how requests failed, over all pods.
func (s *subject) failures() []config.ErrorGroup {
	all := make([][]config.ErrorGroup, 0, len(s.voices))
	for i := range s.voices {
		all = append(all, s.voices[i].errors)
	}
	return first(config.MergeErrorGroups(all...), maxErrors)
}

// first gives at most so many of a list, and never nil.
func first[T any](list []T, most int) []T {
	if list == nil {
		return []T{}
	}
	return slices.Clip(list[:min(len(list), most)])
}
